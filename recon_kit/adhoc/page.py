"""An ad-hoc match on disk: matches, unmatched and quarantine as Parquet and CSV, summary.json and one self-contained page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup

from recon_kit.adhoc import REASONS, VERDICTS, Records
from recon_kit.errors import ReportError
from recon_kit.labels import phrase
from recon_kit.money import format_units, parse_yuan_expr
from recon_kit.page import environment, render_page

MAX_ROWS = 200
"""Rows of a list on the page; the files have all of them."""
FRAMES = ("matches", "unmatched", "quarantine")
SIDES = ("left_rows", "left_amount", "right_rows", "right_amount")
word = partial(phrase, "match")


@dataclass(frozen=True)
class Listing:
    """A table of the page: (heading, is a figure) a column, and its rows as the text a reader sees; the last may be the total."""

    columns: Sequence[tuple[str, bool]]
    rows: Sequence[Sequence[str]]
    has_total: bool = False


def write_records(records: Records, out: Path, language: str = "zh") -> Path:
    """Write everything into the folder `out`, replacing an earlier match there; returns the path of its index.html.

    Parquet holds units of 10^-scale as Int64, CSV the same amounts as decimals. ReportError when a file cannot be written.
    """
    scale, page = int(records.summary["asked"]["scale"]), render_records(records, language)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in FRAMES:
            frame: pl.DataFrame = getattr(records, name)
            frame.write_parquet(out / f"{name}.parquet")
            _readable(frame, scale).write_csv(out / f"{name}.csv", include_bom=True)
        text = json.dumps(records.summary, ensure_ascii=False, indent=1)
        (out / "summary.json").write_text(text + "\n", encoding="utf-8", newline="\n")
        door = out / "index.html"
        door.write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ReportError(
            f"{out}: cannot be written ({error.strerror}); expected a folder of your own; "
            "close its files in other programs, or choose another --out"
        ) from None
    return door


def _readable(frame: pl.DataFrame, scale: int) -> pl.DataFrame:
    """Amounts as decimals; a text that a spreadsheet would run as a formula gets an apostrophe."""
    units = [name for name in frame.columns if name.endswith("_units")]
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    runs = [
        pl.when(pl.col(name).str.contains("^[=+@\t-]")).then(pl.lit("'") + pl.col(name)).otherwise(name).alias(name)
        for name in texts
    ]
    decimal = [_decimal(pl.col(name), scale).alias(name) for name in units]
    return frame.with_columns(*runs, *decimal).rename({name: name.removesuffix("_units") for name in units})


def _decimal(units: pl.Expr, scale: int) -> pl.Expr:
    whole, rest = units.abs() // 10**scale, units.abs() % 10**scale
    sign = pl.when(units < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    decimals = [pl.lit("."), rest.cast(pl.String).str.zfill(scale)] if scale else []
    return pl.concat_str([sign, whole.cast(pl.String), *decimals])


def render_records(records: Records, language: str) -> str:
    """The page of a match, in "zh" or "en": verdict, control totals, what is open and why, and how it was matched."""
    summary = records.summary
    is_tied = records.exit_code == 0
    names = [f"{name}.{kind}" for name in FRAMES for kind in ("csv", "parquet")]
    sections = [
        {"id": "control", "title": word("head.control", language), "table": totals(summary, language)}
        | {"note": word("says.one_sheet", language)},
        *([_differing_section(records, language)] if _has(records, "amount_differs") else []),
        *(_open_section(records, reason, language) for reason in REASONS[1:] if _has(records, reason)),
        *([_quarantine_section(records, language)] if records.quarantine.height else []),
        {"id": "passes", "title": word("head.passes", language), "table": passes(summary, language), "note": ""},
        {"id": "asked", "title": word("head.asked", language), "table": _asked(summary, language), "note": ""},
    ]
    title = word("title.page", language)
    body = (
        environment()
        .get_template("match.html.j2")
        .render(
            title=title,
            left=summary["left"]["file"],
            right=summary["right"]["file"],
            is_tied=is_tied,
            verdict=word("title.tied" if is_tied else "title.differs", language),
            says=sentences(summary, language),
            sections=sections,
            nothing=word("says.nothing", language),
            files_title=word("head.files", language),
            files=["summary.json", *names],
        )
    )
    contents = [{"id": section["id"], "text": section["title"]} for section in sections]
    read = [(name, sha) for side in ("left", "right") for name, sha in summary[side]["sha256"].items()]
    footer = " · ".join(f"{name} sha256 {sha}" for name, sha in read)
    safe = Markup(body)  # noqa: S704 - our own template escaped it
    return render_page(language, footer=footer, title=title, contents=contents, body=safe, door="")


def sentences(summary: Mapping[str, Any], language: str) -> list[str]:
    """The answer first: what is open on each side, what the sides sum to, what the tolerance forgave."""
    scale = summary["asked"]["scale"]
    sides = {name: summary[name] for name in ("left", "right")}
    opened = {name: _sum(side["unmatched"].values(), scale) for name, side in sides.items()}
    n_set_aside = sum(side["quarantined"] for side in sides.values())
    facts = {
        **{name: side["file"] for name, side in sides.items()},
        **{f"n_{name}": f"{side['rows']:,}" for name, side in sides.items()},
        **{f"open_{name}": f"{rows:,}" for name, (rows, _) in opened.items()},
        **{f"amount_{name}": amount for name, (_, amount) in opened.items()},
    }
    told = [word("says.tied" if summary["exit_code"] == 0 else "says.differs", language, **facts)]
    shown = {name: _grouped(side["amount"], scale) for name, side in sides.items()}
    told.append(word("says.totals", language, **shown, difference=_grouped(summary["difference"], scale, sign=True)))
    if n_set_aside:
        told.append(word("says.quarantined", language, n=f"{n_set_aside:,}"))
    if _units(summary["forgiven"], scale):
        told.append(word("says.forgiven", language, forgiven=_grouped(summary["forgiven"], scale)))
    return told


def totals(summary: Mapping[str, Any], language: str) -> Listing:
    """One row an outcome, rows and amounts of both sides; the last row is all that was read."""
    scale = summary["asked"]["scale"]
    sides = [summary["left"], summary["right"]]
    rows = []
    for kind, names, section in (("matched", VERDICTS, "verdict"), ("unmatched", REASONS, "reason")):
        for name in names:
            cells = [side[kind].get(name) for side in sides]
            if any(cells):
                shown = [text for cell in cells for text in _pair(cell, scale)]
                rows.append([word(f"{section}.{name}", language), *shown])
    if any(side["quarantined"] for side in sides):
        rows.append([word("reason.quarantined", language), *(t for side in sides for t in (f"{side['quarantined']:,}", ""))])
    last = (text for side in sides for text in (f"{side['rows']:,}", _grouped(side["amount"], scale)))
    rows.append([word("column.total", language), *last])
    return Listing(_heads("outcome", SIDES, language), rows, has_total=True)


def passes(summary: Mapping[str, Any], language: str) -> Listing:
    """One row a pass that matched something."""
    rows = [
        [word(f"pass.{row['pass']}", language), *(f"{row[name]:,}" for name in ("groups", "left", "right"))]
        for row in summary["passes"]
    ]
    return Listing(_heads("pass", ("groups", "left_rows", "right_rows"), language), rows)


def _heads(first: str, figures: Sequence[str], language: str) -> list[tuple[str, bool]]:
    return [(word(f"column.{first}", language), False), *((word(f"column.{name}", language), True) for name in figures)]


def _asked(summary: Mapping[str, Any], language: str) -> Listing:
    asked = summary["asked"]
    said = {
        **{name: "，".join(_both(pair) for pair in asked[name]) for name in ("on", "within")},
        "amount": _both(asked["amount"]),
        "date": _both(asked["date"]) if asked["date"] else "",
        "window_days": "" if asked["window_days"] is None else str(asked["window_days"]),
        "tolerance": format_units(asked["tolerance"], asked["scale"]),
        "scale": str(asked["scale"]),
        **{name: "✓" if asked[name] else "" for name in ("group", "subset", "opposite")},
    }
    rows = [[word(f"asked.{name}", language), text] for name, text in said.items() if text]
    return Listing([("", False), ("", False)], rows)


def _both(pair: Sequence[str]) -> str:
    return pair[0] if pair[0] == pair[1] else f"{pair[0]} = {pair[1]}"


def _has(records: Records, reason: str) -> bool:
    return (records.unmatched["reason"] == reason).any()


def _differing_section(records: Records, language: str) -> dict[str, Any]:
    """One line a group: what each side says of the key, the largest gap first."""
    scale = records.summary["asked"]["scale"]
    left = pl.col("side") == "left"
    sums = [
        expr
        for name, side in (("left", left), ("right", ~left))
        for expr in (side.sum().alias(f"{name}_rows"), pl.col("amount_units").filter(side).sum().alias(f"{name}_amount"))
    ]
    place = pl.concat_str("file", pl.lit(":"), "row").head(4).str.join(" ↔ ").alias("place")
    rows = (
        records.unmatched.filter(pl.col("reason") == "amount_differs")
        .group_by("group_id", maintain_order=True)
        .agg(pl.col("key").first(), *sums, pl.col("gap_units").first(), place)
        .sort(pl.col("gap_units").abs(), "group_id", descending=[True, False])
    )
    table = [
        [
            row["key"] or "",
            *(f"{row[name]:,}" if name.endswith("rows") else format_units(row[name], scale) for name in SIDES),
            format_units(row["gap_units"], scale, sign=True),
            row["place"],
        ]
        for row in rows.head(MAX_ROWS).iter_rows(named=True)
    ]
    return {
        "id": "amount-differs",
        "title": word("reason.amount_differs", language),
        "table": Listing([*_heads("key", (*SIDES, "gap"), language), (word("column.place", language), False)], table),
        "note": _more(rows.height, "unmatched.csv", language),
    }


def _open_section(records: Records, reason: str, language: str) -> dict[str, Any]:
    """The rows open for one reason, most money first; rows that belong together stand together."""
    scale = records.summary["asked"]["scale"]
    rows = records.unmatched.filter(pl.col("reason") == reason)
    rows = rows.sort(pl.col("amount_units").abs(), "side", "file", "row", descending=[True, False, False, False])
    has_day = rows["day"].null_count() < rows.height
    table = [
        [
            word(f"side.{row['side']}", language),
            row["key"] or "",
            *([str(row["day"] or "")] if has_day else []),
            format_units(row["amount_units"], scale),
            f"{row['file']}:{row['row']}",
        ]
        for row in rows.head(MAX_ROWS).iter_rows(named=True)
    ]
    heads = ["side", "key", *(["day"] if has_day else []), "amount", "place"]
    return {
        "id": reason.replace("_", "-"),
        "title": word(f"reason.{reason}", language),
        "table": Listing([(word(f"column.{head}", language), head == "amount") for head in heads], table),
        "note": _more(rows.height, "unmatched.csv", language),
    }


def _quarantine_section(records: Records, language: str) -> dict[str, Any]:
    rows = records.quarantine.head(MAX_ROWS).iter_rows(named=True)
    table = [
        [
            word(f"side.{row['side']}", language),
            f"{row['file']}:{row['row']}",
            row["column"],
            row["value"],
            word(f"reason.{row['reason']}", language),
        ]
        for row in rows
    ]
    heads = ("side", "place", "column", "value", "reason")
    return {
        "id": "quarantine",
        "title": word("head.quarantine", language),
        "table": Listing([(word(f"column.{head}", language), False) for head in heads], table),
        "note": _more(records.quarantine.height, "quarantine.csv", language),
    }


def _more(n: int, file: str, language: str) -> str:
    return word("says.more", language, shown=f"{MAX_ROWS:,}", rest=f"{n - MAX_ROWS:,}", file=file) if n > MAX_ROWS else ""


def _units(amount: str, scale: int) -> int:
    return int(pl.select(parse_yuan_expr(pl.lit(amount), scale=scale)).item())


def _grouped(amount: str, scale: int, *, sign: bool = False) -> str:
    return format_units(_units(amount, scale), scale, sign=sign)


def _pair(cell: Mapping[str, Any] | None, scale: int) -> tuple[str, str]:
    return ("", "") if cell is None else (f"{cell['rows']:,}", _grouped(cell["amount"], scale))


def _sum(cells: Any, scale: int) -> tuple[int, str]:
    listed = list(cells)
    return sum(cell["rows"] for cell in listed), format_units(sum(_units(cell["amount"], scale) for cell in listed), scale)
