"""From files to typed rows: decode (bytes → cells), layout (data), reader (cells → canonical columns), merge (files → tables)."""
