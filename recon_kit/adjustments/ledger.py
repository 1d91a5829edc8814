"""How the ledger stands to what a finding is about, and which of its lines an entry takes back in red."""

from __future__ import annotations

import polars as pl

from recon_kit.facts import Facts
from recon_kit.facts.ledger import is_booked_before, is_booked_in
from recon_kit.rules.entries import FORMS

OF_FLOWS = ("S05", "S06", "S07")
"""Codes about bill rows that are no refunds: they stand in no unit of the ledger's side."""
_LINE = ["period", "voucher_id"]
_VOUCHER = pl.concat_str("period", pl.lit("|"), "voucher_id").alias("voucher")
_KIND, _ID = "ref_kind", "ref_id"
_LONE = pl.col("gross_fen") - pl.col("accrued_fen")


def read_standing(facts: Facts) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Units with how the ledger stands to them (`sales_fen`: booked on sales and VAT in the period); case → unit; flow → unit."""
    sales = (
        facts.more["bookings"]
        .drop_nulls("u")
        .group_by("u")
        .agg((pl.col("sales_fen") + pl.col("vat_fen")).sum().alias("sales_fen"))
    )
    units = facts.units.select(
        "u",
        pl.col("c").alias("unit_c"),
        pl.col("f").alias("unit_f"),
        *("state", "base_fen", "wallet_fen", "residual_fen", "accrued_before_fen", "accrued_in_fen", "unaccrued_fen"),
        *("is_provisioned", "approved_at"),
    ).join(sales, on="u", how="left", validate="1:1")
    of_flow = (
        facts.ledger.flow_units.join(facts.units.select("unit", "u"), on="unit", how="inner", validate="m:1")
        .sort("f", "u")
        .unique("f", keep="first", maintain_order=True)
        .select("f", pl.col("u").alias("u_flow"))
    )
    paid = facts.parts.join(of_flow, on="f", validate="m:1").select("c", pl.col("u_flow").alias("u_case"))
    of_case = (
        pl.concat([facts.units.drop_nulls("c").select("c", pl.col("u").alias("u_case")), paid])
        .sort("c", "u_case")
        .unique("c", keep="first", maintain_order=True)
    )
    return units, of_case, of_flow


def accrued_return_costs(facts: Facts) -> pl.DataFrame:
    """Cost of goods expected back (应收退货成本) that the ledger still holds, by case: `case_id`, `return_cost_fen`."""
    config = facts.scope.config
    code = config.account("RETURN_COST").code if config.has_account("RETURN_COST") else ""
    lines = facts.vouchers.filter((pl.col("account") == code) & (pl.col("date") <= facts.scope.as_of)).explode("ref_ids")
    return (
        lines.drop_nulls("ref_ids")
        .group_by(pl.col("ref_ids").alias("case_id"))
        .agg((pl.col("debit_fen") - pl.col("credit_fen")).sum().alias("return_cost_fen"))
    )


def name_refs(frame: pl.DataFrame, code: str, target: pl.Expr, booked: pl.Expr, tax: pl.Expr | None = None) -> pl.DataFrame:
    """What a voucher does wrong, per refund in it: `code`, `voucher`, ref, unit, the fen to book and booked; `tax_fen` alone."""
    parts = pl.col("ref").str.splitn("|", 2)
    return (
        frame.with_columns(
            target.alias("target_fen"), booked.alias("booked_fen"), (pl.lit(0, pl.Int64) if tax is None else tax).alias("tax_fen")
        )
        .group_by(_VOUCHER, "ref", maintain_order=True)
        .agg(pl.col("target_fen", "booked_fen", "tax_fen").sum(), pl.col("u").first())
        .select(
            pl.lit(code).alias("code"),
            "voucher",
            parts.struct.field("field_0").alias(_KIND),
            parts.struct.field("field_1").alias(_ID),
            "u",
            "target_fen",
            "booked_fen",
            "tax_fen",
        )
    )


def lone_refs(facts: Facts) -> pl.DataFrame:
    """Per voucher what it books of refunds that do not exist (L02), in the columns of `name_refs`."""
    state = facts.units.select("u", pl.col("state").alias("unit_state"))
    refs = facts.refs.filter(is_booked_in(facts.scope)).join(state, on="u", how="left", validate="m:1")
    so_far = facts.refs.filter(is_booked_in(facts.scope) | is_booked_before(facts.scope))
    taken_back = so_far.group_by(_KIND, _ID).agg(_LONE.sum().alias("open_fen")).filter(pl.col("open_fen") == 0)
    refs = refs.join(taken_back, on=[_KIND, _ID], how="anti")
    lone = refs.filter((pl.col("u").is_null() | (pl.col("unit_state") == "no_flow")) & (_LONE != 0))
    zero = pl.lit(0, pl.Int64)
    return lone.select(
        pl.lit("L02").alias("code"),
        _VOUCHER,
        _KIND,
        _ID,
        "u",
        zero.alias("target_fen"),
        _LONE.alias("booked_fen"),
        zero.alias("tax_fen"),
    )


def copy_in_red(requests: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """The ledger lines that requests of a copying form take back, negative on their own side.

    Columns: `n` of the request, `place` in the ledger, account, account_name, debit_fen, credit_fen, ref_kind, ref_id, and
    `is_even`: debit equals credit for the voucher. Of a voucher all of whose refunds go, every line goes; of another the lines
    that name the refund.
    """
    copying = requests.filter(pl.col("form").is_in([name for name, form in FORMS.items() if form.is_copy]))
    refs = _taken_back(copying, facts)
    of_voucher = facts.refs.group_by(_LINE).agg(pl.len().alias("n_refs"))
    taken = (
        refs.join(of_voucher, on=_LINE, how="left", validate="m:1")
        .with_columns((pl.len().over("entry", *_LINE) == pl.col("n_refs")).alias("is_whole"))
        .with_columns(pl.int_range(pl.len()).over("entry", *_LINE).alias("nth"))
    )
    lines = facts.vouchers.with_row_index("place").with_columns(
        pl.col("place").cast(pl.Int64), pl.col(_KIND).fill_null("case").alias("kind")
    )
    named = lines.join(
        taken.select("n", *_LINE, pl.col(_KIND).alias("kind"), _ID), on=[*_LINE, "kind", _ID], how="inner", validate="m:m"
    )
    other = lines.filter(pl.col(_ID).is_null()).join(
        taken.filter("is_whole", pl.col("nth") == 0).select("n", *_LINE), on=_LINE, how="inner", validate="m:m"
    )
    wrong = (
        facts.more["wrong_lines"]
        .with_columns(pl.lit(0, pl.Int64).alias("place"))
        .join(
            copying.filter(pl.col("code") == "L09")
            .with_columns(_voucher_columns())
            .select("n", *_LINE, _KIND, pl.col(_ID).alias("id")),
            on=_LINE,
            how="inner",
            validate="m:m",
        )
    )
    wrong = wrong.filter(
        (pl.concat_str(f"{_KIND}_right", pl.lit("|"), "id") == pl.col("ref")) | (pl.col("ref").is_null() & pl.col("id").is_null())
    )
    columns = ["n", "place", "voucher_id", "account", "account_name", "debit_fen", "credit_fen", _KIND, _ID]
    found = pl.concat([named.select(columns), other.select(columns)])
    even = pl.col("debit_fen").sum().over("entry", "voucher_id") == pl.col("credit_fen").sum().over("entry", "voucher_id")
    entries = copying.select("n", "entry")
    return (
        pl.concat(
            [
                found.join(entries, on="n", validate="m:1").with_columns(even.alias("is_even")),
                wrong.select(columns).join(entries, on="n", validate="m:1").with_columns(pl.lit(value=True).alias("is_even")),
            ]
        )
        .with_columns(-pl.col("debit_fen", "credit_fen"))
        .drop("entry")
    )


def _voucher_columns() -> list[pl.Expr]:
    parts = pl.col("voucher").str.splitn("|", 2)
    return [parts.struct.field("field_0").alias("period"), parts.struct.field("field_1").alias("voucher_id")]


def _taken_back(copying: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """The (voucher, ref) each request takes back: all of an early or lone voucher, of a duplicated one all but the first."""
    lone = copying.filter(pl.col("code") == "L02").with_columns(_voucher_columns()).select("n", "entry", *_LINE, _KIND, _ID)
    asked = copying.filter(pl.col("code").is_in(["L03", "L06"])).select("n", "entry", "code", "u", "base_fen")
    refs = facts.refs.filter(is_booked_in(facts.scope)).select("u", "date", *_LINE, _KIND, _ID, "gross_fen", "accrued_fen")
    booked = asked.join(refs, on="u", how="inner", validate="m:m").filter((pl.col("code") == "L06") | (_LONE != 0))
    nth = pl.int_range(pl.len()).over("n")
    # What releases an accrual stays before what books the refund once more.
    again = booked.sort("n", pl.col("accrued_fen") >= 0, "date", *_LINE, _KIND, _ID).filter(
        (pl.col("code") == "L06") | (nth > 0) | (pl.col("base_fen") == 0)
    )
    return pl.concat([lone, again.select(lone.columns)])
