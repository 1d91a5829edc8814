"""From an id to the rows of the orders it belongs to, over every table of a run; a platform never sees another's rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import polars as pl

from recon_kit.record import Run
from recon_kit.results import RESULTS, result_schema
from recon_kit.schema import TABLES, empty, natural_key

IDS = {
    "orders": ("order_id", "pay_id"),
    "order_lines": ("line_id",),
    "aftersales": ("case_id", "return_waybill"),
    "flows": ("flow_id", "request_no", "trade_no", "pay_id", "payout_id", "order_id", "case_id"),
    "payments": ("pay_id", "trade_no", "order_id"),
    "shipments": ("ship_id", "waybill", "order_id"),
    "receipts": ("return_id", "waybill", "order_id", "case_id"),
    "voucher_lines": ("voucher_id", "ref_id"),
    "fees": ("fee_id",),
    "complaints": ("complaint_id",),
    "bank_rows": ("bank_id", "payout_id"),
    "discrepancies": ("discrepancy_id", "key"),
}
"""Table → the columns an id is looked for in."""
OWN_CHANNEL = {"pdd": "pdd", "jd": "jd", "douyin": "douyin"}
"""Platforms whose money has a channel of its own; the others share alipay, wechat and card."""
MAX_LIVES = 10
NEAREST = 5
_SHORTEST = 3


@dataclass(frozen=True)
class Seed:
    """What an id leads to: an order on a platform, or, where no order is known, the case or the id itself."""

    platform: str | None
    order_id: str | None
    id: str


def scan(run: Run, name: str) -> pl.LazyFrame:
    """A table of the run, read only where it is asked; empty where it was not supplied."""
    if run.has(name):
        return pl.scan_parquet(run.folder / "tables" / f"{name}.parquet", glob=False)
    return (empty(TABLES[name]) if name in TABLES else pl.DataFrame(schema=result_schema(RESULTS[name]))).lazy()


def pick(run: Run, name: str, condition: pl.Expr) -> pl.DataFrame:
    """The rows of a table that hold the condition."""
    return scan(run, name).filter(condition).collect()


def find_seeds(run: Run, wanted: str) -> list[Seed]:
    """The orders an id belongs to, in the order of platform and id; none when no table knows it."""
    ids, seeds = [wanted], set[Seed]()
    for _ in range(2):  # a voucher, a bank row or a finding names other ids, which name the order
        hits = {name: pick(run, name, _any_of(columns, ids)) for name, columns in IDS.items()}
        if not any(frame.height for frame in hits.values()):
            break
        seeds = _orders_of(run, hits)
        if seeds:
            break
        told = [hits["voucher_lines"]["ref_id"], hits["discrepancies"]["case_id"], hits["bank_rows"]["payout_id"]]
        keys = hits["discrepancies"]["key"].str.split("|").explode()
        following = {text for series in (*told, keys) for text in series.drop_nulls()} - {*ids, ""}
        seeds = {Seed(None, None, wanted)}
        if not following:
            break
        ids = sorted(following)
    return sorted(seeds, key=lambda seed: (seed.platform or "", seed.order_id or "", seed.id))


def _any_of(columns: tuple[str, ...], ids: list[str]) -> pl.Expr:
    return reduce(lambda a, b: a | b, (pl.col(name).is_in(ids).fill_null(value=False) for name in columns))


def _orders_of(run: Run, hits: dict[str, pl.DataFrame]) -> set[Seed]:
    """The orders that the rows hit name, each on every platform that knows it."""
    ids = {text for frame in hits.values() if "order_id" in frame.columns for text in frame["order_id"].drop_nulls()}
    cases = {text for name in ("flows", "receipts", "fees", "complaints") for text in hits[name]["case_id"].drop_nulls()}
    cases |= {*hits["voucher_lines"]["ref_id"].drop_nulls(), *hits["discrepancies"]["case_id"].drop_nulls()}
    ids |= {*pick(run, "aftersales", pl.col("case_id").is_in(sorted(cases)))["order_id"]} if cases else set()
    pays = {*hits["flows"]["pay_id"].drop_nulls(), *hits["payments"]["pay_id"].drop_nulls()}
    if pays:
        ids |= {*pick(run, "orders", pl.col("pay_id").is_in(sorted(pays)))["order_id"]}
    if not ids:
        return set()
    inside = pl.col("order_id").is_in(sorted(ids))
    known = [scan(run, name).filter(inside).select("platform", "order_id").collect() for name in ("orders", "aftersales")]
    places = {(_one_platform(platform), order_id) for frame in known for platform, order_id in frame.rows()}
    asked = {_one_platform(p) for name in ("orders", "aftersales", "discrepancies") for p in hits[name]["platform"].drop_nulls()}
    if asked:
        places = {place for place in places if place[0] in asked}
    places |= {(None, order_id) for order_id in ids - {order_id for _, order_id in places}} if not asked else set()
    return {Seed(platform, order_id, order_id) for platform, order_id in places}


def _one_platform(platform: str | None) -> str | None:
    """In keys Tmall is Taobao. Source: schema, merging."""
    return "taobao" if platform == "tmall" else platform


def gather(run: Run, seed: Seed, *, is_alone: bool) -> dict[str, pl.DataFrame]:
    """Every row of one order's life by table, and its memberships in `matches` and `unmatched`.

    `is_alone`: no other platform has an order of this number, so that every row that names it is its own.
    """
    here = pl.col("platform").replace("tmall", "taobao").eq_missing(pl.lit(seed.platform, pl.String))
    order = pl.col("order_id") == (seed.order_id or seed.id)
    orders = pick(run, "orders", order & here)
    cases = pick(run, "aftersales", (order & here) | ((pl.col("case_id") == seed.id) & pl.lit(seed.order_id is None)))
    case = pl.col("case_id").is_in(cases["case_id"].to_list())
    either = (order | case).fill_null(value=False)
    pays = pl.col("pay_id").is_in(orders["pay_id"].drop_nulls().to_list()).fill_null(value=False)
    money = either | pays
    if seed.order_id is None:
        money = money | _any_of(IDS["flows"], [seed.id])
    found = {
        "orders": orders,
        "aftersales": cases,
        "flows": pick(run, "flows", money),
        "payments": pick(run, "payments", order | pays),
    }
    if not is_alone:
        own = OWN_CHANNEL.get(seed.platform or "")
        mine = pl.col("channel") == own if own else ~pl.col("channel").is_in([*OWN_CHANNEL.values()])
        found |= {name: found[name].filter(mine) for name in ("flows", "payments")}
    for name, condition in {
        "order_discounts": order,
        "aftersale_events": case,
        "shipments": either,
        "receipts": either | pl.col("waybill").is_in(cases["return_waybill"].drop_nulls().to_list()).fill_null(value=False),
        "fees": either,
        "complaints": either,
        "bank_rows": pl.col("bank_id") == seed.id if seed.order_id is None else pl.lit(value=False),
        "voucher_lines": _booked(seed, cases, found["flows"]),
    }.items():
        found[name] = pick(run, name, condition)
    return _with_matched(run, found)


def _booked(seed: Seed, cases: pl.DataFrame, flows: pl.DataFrame) -> pl.Expr:
    refs = [*cases["case_id"], *flows["flow_id"], seed.order_id or seed.id]
    named = pl.col("ref_id").is_in(refs)
    return (named | (pl.col("voucher_id") == seed.id) & pl.lit(seed.order_id is None)).fill_null(value=False)


def _with_matched(run: Run, found: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """What the passes put beside these rows, twice: a case brings its flows, and they their vouchers."""
    for _ in range(2):
        groups = pick(run, "matches", _are(found))["group_id"].unique().to_list()
        found["matches"] = pick(run, "matches", pl.col("group_id").is_in(groups))
        more = found["matches"].filter(~pl.col("table").is_in(["orders", "aftersales", "complaints"]))
        for (name,), rows in more.group_by("table"):
            table = TABLES[str(name)]
            added = pick(run, table.name, natural_key(table).is_in(rows["row_key"].to_list()))
            found[table.name] = pl.concat([found.get(table.name, added.clear()), added]).unique(maintain_order=True)
    found["unmatched"] = pick(run, "unmatched", _are(found))
    return found


def _are(found: dict[str, pl.DataFrame]) -> pl.Expr:
    """A row of `matches` or `unmatched` that is one of the rows found."""
    tests = [
        (pl.col("table") == name) & pl.col("row_key").is_in(frame.select(natural_key(TABLES[name])).to_series().to_list())
        for name, frame in found.items()
        if name in TABLES and frame.height
    ]
    return reduce(lambda a, b: a | b, tests, pl.lit(value=False))


def nearest_ids(run: Run, wanted: str) -> list[str]:
    """Known ids that share the longest beginning with an unknown one, NEAREST at most; none shorter than three characters."""
    start = wanted[:_SHORTEST]
    if len(start) < _SHORTEST:
        return []
    columns = [(name, column) for name, listed in IDS.items() for column in listed if column != "key"]
    known = pl.concat(
        [
            scan(run, name).select(pl.col(column).alias("id")).filter(pl.col("id").str.starts_with(start)).unique()
            for name, column in columns
        ]
    ).collect()
    ids = sorted({*known["id"]})
    for length in range(len(wanted), _SHORTEST - 1, -1):
        if close := [text for text in ids if text.startswith(wanted[:length])]:
            return close[:NEAREST]
    return []
