"""One writer per export: canonical tables → files as a platform would let the seller download them."""
