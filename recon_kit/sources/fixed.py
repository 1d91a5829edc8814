"""Text of fixed width (a card acquirer's clearing file) → the same rows as CSV, line for line.

Widths are bytes of GB18030, in which such files are written, with one character between two fields.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, islice

from recon_kit.sources.decode import HEAD_ROWS, Grid, HeadRow
from recon_kit.sources.layout import Layout


def open_fixed(grid: Grid, layouts: Sequence[Layout]) -> tuple[Grid, Layout] | None:
    """The grid cut into the fields of the fixed-width layout its first line fits, with their names as header; else None.

    A line of another length keeps its text in a cell after the last one, so that it is set aside and not lost.
    """
    if grid.text is None or not any(layout.fixed for layout in layouts):
        return None
    with grid.text.open(encoding="utf-8", newline="\n") as stream:
        first = next((line for line in islice(stream, HEAD_ROWS) if line.strip()), "").rstrip("\n")
        layout = next((layout for layout in layouts if layout.fixed and _cut(first, layout)), None)
        if layout is None:
            return None
        names = tuple(name for name, _ in layout.fixed)
        target = grid.text.with_suffix(".fixed.csv")
        stream.seek(0)
        with target.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            for line in stream:
                text = line.rstrip("\n")
                writer.writerow((_cut(text, layout) or [*[""] * len(names), text]) if text.strip() else [])
    return replace(grid, text=target, head=(HeadRow(0, 0, names),), separator=","), layout


def _cut(line: str, layout: Layout) -> list[str] | None:
    """The fields of a line, or None where its length or what stands between its fields is not the layout's."""
    data = line.encode("gb18030")
    ends = list(accumulate(width + 1 for _, width in layout.fixed))
    missing = ends[-1] - 1 - len(data)
    if not 0 <= missing <= layout.fixed[-1][1] + 1:
        return None
    data = data.ljust(ends[-1] - 1)  # an editor cuts the blanks at the end of a line
    between = {data[end - 1] for end in ends[:-1]}
    if len(between) != 1 or chr(between.pop()).isalnum():
        return None
    starts = [0, *ends[:-1]]
    return [data[start : end - 1].decode("gb18030", "replace") for start, end in zip(starts, ends, strict=True)]
