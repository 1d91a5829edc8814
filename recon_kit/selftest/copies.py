"""A user's month as a world that findings can be planted in, and a planted world as what a folder held."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from recon_kit.collect import Collected, Tables
from recon_kit.facts import STATED, Facts
from recon_kit.facts.bookings import rate_units
from recon_kit.facts.channel import SOURCE
from recon_kit.schema import CHANNEL, TABLES, empty
from recon_kit.sources.merge import DUPLICATES_SCHEMA
from recon_kit.synth.world import World

FILLED = {
    "flows": (("channel", "flow_id"), ("order_id", "case_id")),
    "voucher_lines": (("period", "voucher_id", "line_no"), ("ref_kind", "ref_id")),
}
"""Table → (its key, the columns that the facts fill for planting); an old row says again what its file says before matching."""


SHARED = {"orders": "order_id", "aftersales": "case_id", "flows": "flow_id"}
"""Table → its number that two platforms or channels may share: such rows stay out of the world, and are in every copy."""
OLD = "row"
"""The number of a row that was there before planting; what is added has none, or another key."""


def as_world(collected: Collected, facts: Facts, findings: pl.DataFrame) -> World:
    """The loaded tables as a world: flows name the case they pay, orders their channel, vouchers what they book.

    A table that was not supplied is an empty one in it. Every order that has to do with a finding of the month is touched,
    and so is what a planter could not tell apart or could not book as this seller does.
    """
    tables = collected.tables.supplied()
    given = {name: tables.get(name, empty(table)) for name, table in TABLES.items()}
    given["flows"] = _with_cases(given["flows"], facts)
    given["orders"] = _with_channels(given["orders"], given["flows"], facts)
    given["voucher_lines"] = _with_refs(given["voucher_lines"], facts)
    given |= {name: given[name].with_row_index(OLD) for name in FILLED}
    whole = dict(given)
    given |= {name: given[name].filter(~_is_shared(column)) for name, column in SHARED.items()}
    touched = pl.concat([_with_findings(whole, findings), _ambiguous(whole), _of_other_rates(whole, facts)])
    unstated = frozenset(STATED) - facts.supplied
    scope = facts.scope
    return World(given, scope.period, scope.config, speaks=_speaks(given), touched=frozenset(touched), unstated=unstated)


def as_collected(world: World, collected: Collected) -> Collected:
    """What the folder would have held: the tables of the planted world, in the columns and with the gaps of the user's own."""
    tables = {name: world.tables[name] for name in collected.tables.supplied()}
    for name, frame in collected.tables.supplied().items():
        if name in FILLED:
            tables[name] = _as_stated(tables[name], frame.with_row_index(OLD), *FILLED[name])
    for stated in world.unstated:
        name, blank = stated.split(".")[0], TABLES[stated.split(".")[0]].polars_schema
        if name in tables:
            tables[name] = tables[name].with_columns(pl.lit(None, blank[column]).alias(column) for column in STATED[stated])
    held = {name: frame.select(TABLES[name].polars_schema.keys()) for name, frame in tables.items()}
    for name in SHARED.keys() & held.keys():
        apart = collected.tables.supplied()[name].filter(_is_shared(SHARED[name]))
        held[name] = pl.concat([held[name], apart])
    repeats = pl.DataFrame(
        [_repeat(platform, case_id) for platform, case_id in world.repeats], schema=DUPLICATES_SCHEMA, orient="row"
    )
    return replace(collected, tables=Tables(**held), duplicates=pl.concat([collected.duplicates, repeats]))


def _is_shared(column: str) -> pl.Expr:
    """Rows whose number another row of the table has too."""
    return pl.col(column).is_not_null() & pl.col(column).is_duplicated()


def _repeat(platform: str, case_id: str) -> dict[str, object]:
    """A case that stood twice in one export, as the reader would have said."""
    key = f"{platform}|{case_id}"
    return {"table": "aftersales", "key": key, "platform": platform, "case_id": case_id, "n": 2, "evidence": []}


def _with_cases(flows: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Flows with the case that they pay and the order that they are about, as the engine tied them."""
    about = ["channel", "flow_id"]
    orders, cases = facts.orders["order_id"], facts.cases["case_id"]
    paid = facts.parts.group_by("f").agg(pl.col("c").first())
    refunds = facts.flows.select("f", *about, paid_order="order_id").join(paid, on="f", how="left", validate="1:1")
    receipts = facts.receipts.payments.filter(pl.col("table") == "flows")
    known = pl.concat(
        [
            refunds.select(*about, "paid_order", paid_case=cases.gather(refunds["c"])),
            receipts.select(*about, paid_order=orders.gather(receipts["o"])),
        ],
        how="diagonal",
    )
    return (
        flows.join(known, on=about, how="left", validate="1:1", maintain_order="left")
        .with_columns(case_id=pl.coalesce("case_id", "paid_case"), order_id=pl.coalesce("order_id", "paid_order"))
        .drop("paid_case", "paid_order")
    )


def _with_channels(orders: pl.DataFrame, flows: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Orders with the channel their money came by, usual for their platform where none came, and its number there."""
    paid = flows.filter(pl.col("kind") == "trade_receipt").select("order_id", "channel", "trade_no")
    paid = paid.drop_nulls("order_id").unique("order_id", keep="first", maintain_order=True)
    usual = pl.col("platform").replace_strict(facts.scope.usual_channel, return_dtype=pl.String)
    joined = orders.join(paid, on="order_id", how="left", validate="m:1", maintain_order="left")
    return joined.with_columns(channel=pl.coalesce("channel", usual))


def _with_refs(lines: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Voucher lines with the one refund they book, whether their column, their 摘要 or their voucher says it."""
    (key, columns), one = FILLED["voucher_lines"], pl.col("ref_ids").list.len() == 1
    read = facts.vouchers.filter(one & pl.col("ref_how").is_in(["column", "text", "voucher"]))
    read = read.select(*key, pl.col("ref_kind").fill_null("case").alias("kind@"), pl.col("ref_ids").list.first().alias("id@"))
    joined = lines.join(read, on=key, how="left", validate="1:1", maintain_order="left")
    kind, ref = (pl.coalesce(new, old) for new, old in zip(("kind@", "id@"), columns, strict=True))
    return joined.with_columns(ref_kind=kind, ref_id=ref).drop("kind@", "id@")


def _as_stated(planted: pl.DataFrame, given: pl.DataFrame, key: tuple[str, ...], columns: tuple[str, ...]) -> pl.DataFrame:
    """The old rows of a planted table with these columns as their file states them; new rows as they were planted."""
    stated = given.select(OLD, *key, *(pl.col(name).alias(f"{name}@") for name in columns), pl.lit(value=True).alias("is_old"))
    joined = planted.join(stated, on=[OLD, *key], how="left", validate="m:1", maintain_order="left")
    return joined.with_columns(pl.when("is_old").then(f"{name}@").otherwise(name).alias(name) for name in columns)


def _with_findings(tables: dict[str, pl.DataFrame], findings: pl.DataFrame) -> pl.Series:
    """Orders that a finding names or whose rows are its evidence, by order, case or booking; and wallets by their key."""
    cases = tables["aftersales"].select("case_id", "order_id")
    places = findings["evidence"].explode().drop_nulls().unique()
    wallets = findings.filter(pl.col("code") == "S08")["key"]
    told = [wallets, findings["order_id"], _orders_of(findings["case_id"], cases, "case_id")]
    named = ("orders", "order_lines", "aftersales", "flows", "shipments", "receipts", "fees", "complaints")
    told += [tables[name].filter(SOURCE.is_in(places.implode()))["order_id"] for name in named]
    vouchers = tables["voucher_lines"].filter(SOURCE.is_in(places.implode())).select("period", "voucher_id").unique()
    refs = tables["voucher_lines"].join(vouchers, on=["period", "voucher_id"], how="semi")["ref_id"]
    flows = tables["flows"].select("flow_id", "order_id")
    told += [refs, _orders_of(refs, cases, "case_id"), _orders_of(refs, flows, "flow_id")]
    return pl.concat(told).drop_nulls().unique()


def _orders_of(ids: pl.Series, rows: pl.DataFrame, column: str) -> pl.Series:
    return rows.filter(pl.col(column).is_in(ids.drop_nulls().implode()))["order_id"]


def _ambiguous(tables: dict[str, pl.DataFrame]) -> pl.Series:
    """Orders with a number that two platforms or channels use, and those with a complaint, which what is planted bears on."""
    shared = [tables[name].filter(_is_shared(column))["order_id"] for name, column in SHARED.items()]
    voiced = tables["complaints"]
    cases = tables["aftersales"].select("case_id", "order_id")
    return pl.concat([*shared, voiced["order_id"], _orders_of(voiced["case_id"], cases, "case_id")]).drop_nulls()


def _of_other_rates(tables: dict[str, pl.DataFrame], facts: Facts) -> pl.Series:
    """Orders with goods of another VAT rate than the entity's: planted bookings split off the entity's tax."""
    rates = tables["products"].select("sku", product_rate="vat_rate")
    lines = tables["order_lines"].join(rates, on="sku", how="left", validate="m:1")
    default = rate_units(pl.lit(facts.scope.config.entity.vat_rate))
    return lines.filter(rate_units(pl.coalesce("vat_rate", "product_rate")) != default)["order_id"]


def _speaks(tables: dict[str, pl.DataFrame]) -> dict[str, tuple[str, ...]]:
    """What the order exports say of refunds, by channel: how much came back, or, where they do not, whether it did."""
    sums = tables["orders"].filter(pl.col("refunded_fen").is_not_null())["channel"].unique()
    states = tables["orders"].filter(pl.col("is_refund_stated").is_not_null())["channel"].unique()
    told = {"refunded_sum": sums, "refund_state": states.filter(~states.is_in(sums.implode()))}
    return {kind: tuple(channel for channel in CHANNEL if channel in set(found)) for kind, found in told.items()}
