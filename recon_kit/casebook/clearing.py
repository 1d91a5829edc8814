"""What cleared an open item that a run no longer states, or says with it that it has come right. Never a guess.

Most rules judge their own period, so that an item which is not found again is not thereby cleared. It clears when the run
has its answer: an approved entry in the books, a ledger that ties by now, the counterpart it lacked, or, where the rows
that made it are loaded anew and differ, its own period judged again without it. Otherwise it stays open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from recon_kit.casebook.loaded import is_whole
from recon_kit.collect import Collected
from recon_kit.facts import Facts, Scope, build_facts
from recon_kit.periods import parse_period
from recon_kit.rules import detect, not_scheduled
from recon_kit.schema import TABLES, natural_key

LEDGER_CODES = ("L01", "L03", "L04", "L05", "L06", "A04", "A06")
"""Findings that a ledger which ties over all periods ends; A06 only where it is one of the ledger."""
SETTLING = ("L05_prior", "L06_before")
"""Sentences of findings that state an old item coming right: the other half of it is booked or paid in this period."""
LACKED: dict[str, str] = {
    **dict.fromkeys(("C01", "C02", "C03", "C04"), "M3"),
    **dict.fromkeys(("P02", "P03"), "M1"),
    **dict.fromkeys(("W01", "W02", "W10"), "M6"),
    **dict.fromkeys(("W12",), "M7"),
    **dict.fromkeys(("S03", "S04"), "M11"),
    **dict.fromkeys(("S01",), "M9"),
    **dict.fromkeys(("L02",), "M4"),
}
"""Code that states a counterpart which is not there → the pair in which it appears when it comes."""
_KEY_ROWS: dict[str, tuple[tuple[str, str], ...]] = {
    "case_id": (("aftersales", "case_id"),),
    "order_id": (("orders", "order_id"),),
    "pay_id": (("payments", "pay_id"), ("flows", "pay_id"), ("orders", "pay_id")),
    "flow_id": (("flows", "flow_id"),),
    "line_id": (("order_lines", "line_id"),),
    "ship_id": (("shipments", "ship_id"),),
    "return_id": (("receipts", "return_id"),),
    "voucher_id": (("voucher_lines", "voucher_id"),),
    "fee_id": (("fees", "fee_id"),),
    "payout_id": (("flows", "payout_id"),),
    "complaint_id": (("complaints", "complaint_id"),),
}
"""Kind of key → where its own row stands. The other kinds (totals, channels, files) have none."""
_WHEN: dict[str, pl.Expr] = {
    "payments": pl.col("paid_at"),
    "aftersales": pl.coalesce("completed_at", "applied_at"),
    "flows": pl.coalesce("success_at", "at"),
    "shipments": pl.col("at"),
    "receipts": pl.col("received_at"),
    "voucher_lines": pl.col("date"),
    "fees": pl.col("at"),
    "bank_rows": pl.col("at"),
    "orders": pl.col("paid_at"),
}
CLEARED = {"discrepancy_id": pl.String(), "cleared_how": pl.String(), "cleared_by": pl.String(), "cleared_on": pl.Date()}
_PLACE = pl.concat_str("source_file", pl.lit(":"), "source_row")


@dataclass(frozen=True)
class Loaded:
    """What a run has at hand to judge earlier items.

    `tables`: the canonical ones. `findings`: of `detect`. `rows`: `loaded_rows` of this run per earlier period, `then` of
    the run that last spoke for it.
    """

    collected: Collected
    facts: Facts
    findings: pl.DataFrame
    matches: pl.DataFrame
    rows: Mapping[str, Mapping[str, list[int | str | None]]]
    then: Mapping[str, Mapping[str, list[int | str | None]]]

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """The canonical tables that were supplied."""
        return self.collected.tables.supplied()


def clear_items(items: pl.DataFrame, entries: pl.DataFrame, loaded: Loaded) -> pl.DataFrame:
    """What cleared which of `items` (the open ones of earlier periods): rows of CLEARED, one per item that cleared.

    `entries`: of `entry_states`. Every way is tried in turn on what the ones before left; the first that holds is named.
    """
    cleared = pl.DataFrame(schema=CLEARED)
    ways = (_by_entry(items, entries, loaded), _by_ledger(items, loaded), _by_relation(items, loaded))
    for found in (*ways, _by_match(items, loaded)):
        cleared = pl.concat([cleared, found.join(cleared, on="discrepancy_id", how="anti")])
    rest = items.join(cleared, on="discrepancy_id", how="anti").join(loaded.findings, on="discrepancy_id", how="anti")
    return pl.concat([cleared, *_by_judging_again(rest, loaded)]).sort("discrepancy_id")


def _by_entry(items: pl.DataFrame, entries: pl.DataFrame, loaded: Loaded) -> pl.DataFrame:
    """Items whose proposed entry stands in the books: its id in a voucher line's 摘要. An accrual answers nothing for good."""
    answers = entries.filter(~pl.col("effect").is_in(["accrual", "reversal"]).fill_null(False)).select(
        "entry_id", pl.col("discrepancy_ids").alias("discrepancy_id")
    )
    booked = (
        loaded.facts.vouchers.filter(pl.col("date") <= loaded.facts.scope.as_of)
        .with_columns(pl.col("summary").str.extract_all(r"E[0-9a-f]{8,}").alias("entry_id"))
        .explode("entry_id")
        .drop_nulls("entry_id")
        .sort("date", "period", "voucher_id", "line_no")
        .unique("entry_id", keep="first", maintain_order=True)
    )
    return (
        answers.explode("discrepancy_id")
        .join(booked, on="entry_id", how="inner", validate="m:1")
        .join(items.select("discrepancy_id"), on="discrepancy_id", how="semi")
        .sort("discrepancy_id", "date", "entry_id")
        .unique("discrepancy_id", keep="first", maintain_order=True)
        .select("discrepancy_id", pl.lit("entry").alias("cleared_how"), _voucher("entry_id").alias("cleared_by"), _on("date"))
    )


def _by_ledger(items: pl.DataFrame, loaded: Loaded) -> pl.DataFrame:
    """Ledger items whose refund is by now booked to the fen, over all periods up to this one's end; the last voucher is named."""
    facts = loaded.facts
    flows, booked = pl.col("flow_before_fen") + pl.col("flow_in_fen"), pl.col("booked_before_fen") + pl.col("booked_in_fen")
    settled = facts.units.filter(
        (flows == booked) & (flows != 0) & ~pl.col("is_unseen") & ((pl.col("state") == "ties") | pl.col("is_prior"))
    ).select(
        "u", pl.coalesce("group_key", "case_id", "flow_id", "order_id").alias("key"), _platform("platform_key").alias("side")
    )
    vouchers = facts.refs.filter(pl.col("date") <= facts.scope.as_of).with_columns(
        pl.col("voucher_source").list.first().alias("place")
    )
    standing = loaded.findings.filter(~pl.col("why_key").is_in(SETTLING))
    return (
        items.filter(pl.col("code").is_in(LEDGER_CODES))
        .join(standing, on="discrepancy_id", how="anti")
        .join(settled, on="key", how="inner", validate="m:m")
        .filter(pl.col("platform").is_null() | pl.col("side").is_null() | (_platform("platform") == pl.col("side")))
        .join(vouchers.select("u", "period", "voucher_id", "date", "place"), on="u", how="inner", validate="m:m")
        .sort("discrepancy_id", "date", "period", "voucher_id")
        .unique("discrepancy_id", keep="last", maintain_order=True)
        .select(
            "discrepancy_id",
            pl.lit("ledger").alias("cleared_how"),
            pl.format("voucher {}|{} ({})", "period", "voucher_id", "place").alias("cleared_by"),
            _on("date"),
        )
    )


def _by_relation(items: pl.DataFrame, loaded: Loaded) -> pl.DataFrame:
    """Items that another finding explains by now: they stand in it."""
    related = loaded.findings.filter(pl.col("primary_id").is_not_null()).select("discrepancy_id", "primary_id")
    return items.join(related, on="discrepancy_id", how="inner", validate="1:1").select(
        "discrepancy_id",
        pl.lit("related").alias("cleared_how"),
        pl.format("related to {}", "primary_id").alias("cleared_by"),
        pl.lit(loaded.facts.scope.as_of).alias("cleared_on"),
    )


def _by_match(items: pl.DataFrame, loaded: Loaded) -> pl.DataFrame:
    """Items that lacked a counterpart, are not found any more, and have one in this run's matches."""
    judged = items.filter(~pl.col("code").is_in(not_scheduled(loaded.facts.scope.period)))
    lacked = judged.join(loaded.findings, on="discrepancy_id", how="anti").with_columns(
        pl.col("code").replace_strict(LACKED, default=None, return_dtype=pl.String).alias("pair")
    )
    pairs = sorted(lacked["pair"].drop_nulls().unique())
    found = [_counterparts(lacked.filter(pl.col("pair") == pair), pair, loaded) for pair in pairs]
    cleared = pl.concat([pl.DataFrame(schema=CLEARED), *found]).filter(pl.col("cleared_on") <= loaded.facts.scope.as_of)
    return cleared.sort("discrepancy_id", "cleared_on", "cleared_by").unique("discrepancy_id", keep="last", maintain_order=True)


def _counterparts(items: pl.DataFrame, pair: str, loaded: Loaded) -> pl.DataFrame:
    """What stands beside the items' own rows in the groups of one pair, in whichever table."""
    found = [pl.DataFrame(schema=CLEARED)]
    sides = loaded.matches.filter(pl.col("pair") == pair)
    tables = sides["table"].unique().sort().to_list()
    for table in tables:
        rows = _rows(loaded.tables, table)
        if rows is None:
            continue
        mine = _own_rows(items, table, rows).join(sides.filter(pl.col("table") == table), on="row_key", validate="m:m")
        found += [_named(mine, sides.filter(pl.col("table") == other), other, loaded) for other in tables if other != table]
    return pl.concat(found)


def _named(by_key: pl.DataFrame, others: pl.DataFrame, table: str, loaded: Loaded) -> pl.DataFrame:
    """The counterparts of items in one table, named with their place; the latest one completes the match."""
    rows = _rows(loaded.tables, table)
    if rows is None:
        return pl.DataFrame(schema=CLEARED)
    return (
        by_key.select("discrepancy_id", "group_id")
        .unique()
        .join(others.select("group_id", pl.col("row_key").alias("other")), on="group_id", how="inner", validate="m:m")
        .join(rows.select(pl.col("row_key").alias("other"), "place", "on"), on="other", how="inner", validate="m:1")
        .select(
            "discrepancy_id",
            pl.lit("match").alias("cleared_how"),
            pl.format("{} {} ({})", pl.lit(_NOUN.get(table, table)), "other", "place").alias("cleared_by"),
            _on("on"),
        )
    )


_NOUN = {
    "payments": "payment",
    "flows": "flow",
    "aftersales": "case",
    "orders": "order",
    "voucher_lines": "voucher",
    "receipts": "receipt",
    "shipments": "shipment",
    "fees": "fee",
    "bank_rows": "bank",
}


def _by_judging_again(items: pl.DataFrame, loaded: Loaded) -> Iterator[pl.DataFrame]:
    """Items that their own period, judged again on rows that changed, states no more: the source was corrected.

    A period is judged again only where what its run had is loaded again, and differs; else nothing new can come of it.
    """
    for period in sorted(set(items["last_period"])):
        then, now = loaded.then.get(period), loaded.rows.get(period)
        if not then or not now or not is_whole(then, now) or all(now.get(part) == value for part, value in then.items()):
            continue
        scope = Scope(loaded.facts.scope.config, parse_period(period), loaded.facts.scope.as_of)
        again = detect(build_facts(loaded.collected, scope))
        yield (
            _places(items.filter(pl.col("last_period") == period), loaded.tables)
            .join(again, on="discrepancy_id", how="anti")
            .select(
                "discrepancy_id",
                pl.lit("source").alias("cleared_how"),
                pl.format("source corrected: {}", "place").alias("cleared_by"),
                pl.lit(loaded.facts.scope.as_of).alias("cleared_on"),
            )
        )


def _places(items: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The items whose own row is loaded, with its place."""
    found = []
    for table in sorted({table for places in _KEY_ROWS.values() for table, _ in places}):
        rows = _rows(tables, table)
        if rows is not None:
            found.append(_own_rows(items, table, rows).select("discrepancy_id", "place"))
    nothing = pl.DataFrame(schema={"discrepancy_id": pl.String(), "place": pl.String()})
    places = pl.concat([nothing, *found]).sort("discrepancy_id", "place")
    return places.unique("discrepancy_id", keep="first", maintain_order=True)


def _own_rows(items: pl.DataFrame, table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The items whose key stands in a table, once per row it names: discrepancy_id, row_key, place."""
    found = []
    for kind, places in _KEY_ROWS.items():
        for name, column in places:
            if name == table:
                mine = items.filter(pl.col("key_kind") == kind).select("discrepancy_id", "key", "platform", "event_on")
                joined = mine.join(rows, left_on="key", right_on=column, how="inner", validate="m:m")
                found.append(joined.filter(_same_side(table)).select("discrepancy_id", "row_key", "place"))
    empty = pl.DataFrame(schema={"discrepancy_id": pl.String(), "row_key": pl.String(), "place": pl.String()})
    return pl.concat([empty, *found]).unique().sort("discrepancy_id", "row_key")


def _same_side(table: str) -> pl.Expr:
    """An id is unique within its platform only, a voucher number within its month only."""
    if table == "voucher_lines":
        return pl.col("period") == pl.col("event_on").dt.to_string("%Y-%m")
    if table in ("orders", "aftersales"):
        return pl.col("platform").is_null() | (_platform("platform") == _platform("platform_right"))
    return pl.lit(True)


def _rows(tables: Mapping[str, pl.DataFrame], table: str) -> pl.DataFrame | None:
    """A canonical table's rows as its natural key, its ids, its place and its day; None where it was not supplied."""
    if table not in tables:
        return None
    keep = [column for places in _KEY_ROWS.values() for name, column in places if name == table]
    more = [name for name in ("platform", "period") if name in tables[table].columns and name not in keep]
    day = _WHEN.get(table, pl.lit(None, pl.Date)).dt.date().alias("on")
    return tables[table].select(
        *dict.fromkeys([*keep, *more]), natural_key(TABLES[table]).alias("row_key"), _PLACE.alias("place"), day
    )


def _platform(column: str) -> pl.Expr:
    """Taobao and Tmall are one in keys."""
    return pl.col(column).replace("tmall", "taobao")


def _voucher(entry: str) -> pl.Expr:
    return pl.format("voucher {}|{} {} ({})", "period", "voucher_id", entry, _PLACE)


def _on(column: str) -> pl.Expr:
    return pl.col(column).alias("cleared_on")
