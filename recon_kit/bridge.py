"""The bridge platform → channel → ledger: every fen of every line is one item, and what is left over is exactly 0.

A0 what the platform completed · A1…A6 why the wallets moved another amount · B0 what left the wallets · B1…B7 why the
ledger booked another amount · C0 what it booked. Source: docs/method.md, bridge; rulings, Bridge lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from recon_kit.errors import TieError
from recon_kit.facts import Facts
from recon_kit.facts.ledger import is_booked_in
from recon_kit.results import BRIDGE, BRIDGE_ITEMS, conform_result, result_schema
from recon_kit.rules.rule import numbered
from recon_kit.schedule import is_due
from recon_kit.schema import CASE_FLOW_KINDS

LINES: dict[str, tuple[str, str]] = {
    "A0": ("平台售后成功(本期完结)", "Platform: refunds completed in the period"),
    "A1": ("加：前期完结或未完结、本期付款", "Completed earlier or still open, paid in the period"),
    "A2": ("减：本期完结、期末未付(在途)", "Completed in the period, not paid by its end"),
    "A3": ("加：无售后单的退款流水", "Flows on no case"),
    "A4": ("减：完结但无退款流水", "Completed, never paid"),
    "A4E": ("减：担保期内退款(不经钱包)", "Refunded inside escrow"),
    "A5": ("加减：退款金额差异", "Amount differences"),
    "A6": ("加：平台出资部分收回", "Platform-funded clawback"),
    "B0": ("渠道退款流出合计", "Channel: refund outflow of the bills"),
    "B1": ("加：前期流水、本期入账", "Earlier flows booked in the period"),
    "B2": ("减：本期流水、本期未入账", "Flows of the period not booked in it"),
    "B3": ("加减：计提净额", "Accruals made less released"),
    "B4": ("加：有凭证无流水", "Vouchers without a flow"),
    "B5": ("加：重复凭证", "Duplicated vouchers"),
    "B6": ("加减：凭证金额差异", "Ledger amount differences"),
    "B7": ("加减：尾差", "Rounding"),
    "C0": ("账簿退款入账合计", "Ledger: refunds booked in the period"),
}
"""Line → (中文, English), in the order in which the bridge is drawn."""
_UNIT_LINE: dict[str, tuple[str, str | None]] = {
    "late": ("B2", "L05"),
    "late_rest": ("B2", "L05"),
    "early_before": ("B2", "L06"),
    "not_booked": ("B2", "L01"),
    "early": ("B4", "L06"),
    "early_rest": ("B4", "L06"),
    "unseen": ("B1", None),
    "duplicate": ("B5", "L03"),
    "clawback": ("B6", "A04"),
    "amount": ("B6", "L04"),
    "rounding": ("B7", "A06"),
    "undone": ("B6", None),
}
"""State of a unit (`facts.judge.judge_units`) → the line its residual stands in, and the code that names it."""


@dataclass(frozen=True)
class Bridge:
    """`lines` and `items` as the result tables; `ends_at` the last supplied side; `unexplained_fen` = booked − computed.

    Where no bridge is due (a day, a week) both tables are empty and both figures None.
    """

    lines: pl.DataFrame
    items: pl.DataFrame
    ends_at: str | None
    unexplained_fen: int | None


def build_bridge(facts: Facts, findings: pl.DataFrame, language: str) -> Bridge:
    """Draw the bridge of the period; TieError when the A lines do not add up to the bills (a bug, nothing is published)."""
    if not is_due("bridge", facts.scope.period):
        return Bridge(pl.DataFrame(schema=result_schema(BRIDGE)), pl.DataFrame(schema=result_schema(BRIDGE_ITEMS)), None, None)
    ends_at = "A0" if "flows" not in facts.supplied else "B0" if "voucher_lines" not in facts.supplied else "C0"
    ids = findings.filter(pl.col("subject").is_not_null()).select("subject", "code", "discrepancy_id")
    parts = [_platform_items(facts)]
    if ends_at != "A0":
        parts.append(_channel_items(facts))
    if ends_at == "C0":
        parts.append(_ledger_items(facts))
    items = (
        pl.concat(parts)
        .filter((pl.col("amount_fen") != 0) | (pl.col("line") == "A0"))
        .join(
            ids.unique(["subject", "code"], keep="first", maintain_order=True), on=["subject", "code"], how="left", validate="m:1"
        )
    )
    sums = {line: int(fen) for line, fen in items.group_by("line").agg(pl.col("amount_fen").sum()).iter_rows()}
    counts = {line: int(n) for line, n in items.group_by("line").len().iter_rows()}
    unexplained = 0
    lines = list(LINES)[: list(LINES).index(ends_at) + 1]
    if ends_at != "A0":
        outflow = sum(fen for line, fen in sums.items() if line.startswith("A"))
        if outflow != sums.get("B0", 0):
            raise TieError(
                f"bridge: A lines sum to {outflow} fen, the bills to {sums.get('B0', 0)}; expected equal. "
                "This is a bug, nothing was published"
            )
    if ends_at == "C0":
        computed = sums.get("B0", 0) + sum(sums.get(f"B{i}", 0) for i in range(1, 8))
        unexplained = sums.get("C0", 0) - computed
    table = pl.DataFrame(
        [(line, LINES[line][0 if language == "zh" else 1], sums.get(line, 0), counts.get(line, 0)) for line in lines],
        schema={"line": pl.String, "label": pl.String, "amount_fen": pl.Int64, "n": pl.Int64},
        orient="row",
    )
    order = {line: i for i, line in enumerate(LINES)}
    items = items.sort(
        pl.col("line").replace_strict(order, return_dtype=pl.Int64), "key", "amount_fen", "discrepancy_id", nulls_last=True
    )
    return Bridge(
        conform_result(table, BRIDGE), conform_result(items.drop("subject", "code"), BRIDGE_ITEMS), ends_at, unexplained
    )


def _items(
    frame: pl.DataFrame, line: pl.Expr | str, key: pl.Expr, amount: pl.Expr, subject: pl.Expr, code: pl.Expr | str | None
) -> pl.DataFrame:
    return frame.select(
        (pl.lit(line) if isinstance(line, str) else line).alias("line"),
        key.alias("key"),
        amount.cast(pl.Int64).alias("amount_fen"),
        subject.alias("subject"),
        (code if isinstance(code, pl.Expr) else pl.lit(code, pl.String)).alias("code"),
    )


_NONE = pl.lit(None, pl.String)


def _platform_items(facts: Facts) -> pl.DataFrame:
    done = facts.cases.filter(pl.col("is_refund") & pl.col("is_done") & pl.col("is_done_in"))
    return _items(done, "A0", pl.col("case_id"), pl.col("amount_fen"), _NONE, None)


def _channel_items(facts: Facts) -> pl.DataFrame:
    """A1 … A6 and B0. For a case completed in the period: −paid before, −paid later, and −(final − paid) by what it is."""
    scope = facts.scope
    case, key, paid = numbered("c", "c"), pl.col("case_id"), pl.col("paid_fen")
    done = facts.cases.filter(pl.col("is_refund") & pl.col("is_done") & pl.col("is_done_in"))
    judged = done.filter(pl.col("is_judged"))
    tolerance, short, in_sla = pl.col("tolerance_fen"), pl.col("short_fen"), pl.col("age_days") <= pl.col("sla_days")
    never = (pl.col("n_paid") == 0) & ~pl.col("has_pending")
    amount_code = (
        pl.when(short.abs() <= tolerance)
        .then(pl.lit("A06"))
        .when(short > 0)
        .then(pl.lit("C06"))
        .when((pl.col("n_paid") >= 2) & pl.col("is_each_final") & pl.col("is_request_distinct"))
        .then(pl.lit("C07"))
        .otherwise(pl.lit("C05"))
    )
    code = (
        pl.when((short > tolerance) & ~pl.col("is_covered"))
        .then(_NONE)
        .when((short > tolerance) & in_sla)
        .then(pl.lit("C02"))
        .when((short > tolerance) & pl.col("has_pending"))
        .then(pl.lit("C01"))
        .when((short > tolerance) & never)
        .then(pl.lit("C04"))
        .otherwise(amount_code)
    )
    judged = judged.with_columns(code.alias("rest_code"))
    line = (
        pl.when(pl.col("rest_code") == "C04")
        .then(pl.lit("A4"))
        .when(pl.col("rest_code").is_in(["C05", "C06", "C07", "A06"]))
        .then(pl.lit("A5"))
        .otherwise(pl.lit("A2"))
    )
    escrow = done.filter(pl.col("in_escrow"))
    unstated = escrow.filter(pl.col("is_escrow_unstated"))
    in_period = facts.flows.filter(pl.col("is_refund_type") & scope.is_in("money_at"))
    others = (
        facts.parts.join(in_period.select("f"), on="f", how="inner", validate="m:1")
        .join(judged.select("c"), on="c", how="anti")
        .join(facts.cases.select("c", "case_id"), on="c", validate="m:1")
    )
    alone = in_period.filter(pl.col("kind").is_in(CASE_FLOW_KINDS) & pl.col("c").is_null())
    flow, flow_key = numbered("f", "f"), pl.col("flow_id")
    out = pl.col("out_fen")
    clawbacks = in_period.filter(pl.col("kind") == "subsidy_clawback")
    return pl.concat(
        [
            _items(others, "A1", key, pl.col("part_fen"), case, None),
            _items(judged, "A2", key, -pl.col("paid_before_fen"), case, None),
            _items(judged, "A2", key, pl.col("paid_before_fen") + pl.col("paid_in_fen") - paid, case, None),
            _items(judged, line, key, -short, case, pl.col("rest_code")),
            _items(unstated.filter(in_sla), "A2", key, -pl.col("amount_fen"), case, "C02"),
            _items(unstated.filter(~in_sla), "A4", key, -pl.col("amount_fen"), case, "C04"),
            _items(escrow.filter(~pl.col("is_escrow_unstated")), "A4E", key, -pl.col("amount_fen"), case, None),
            _items(alone, "A3", flow_key, out, flow, pl.col("flow_code")),
            _items(clawbacks, "A6", flow_key, out, flow, None),
            _items(in_period, "B0", flow_key, out, flow, None),
        ]
    )


def _ledger_items(facts: Facts) -> pl.DataFrame:
    """B1 … B7 and C0, from how the ledger stands to each refund."""
    units = facts.units
    unit, key = numbered("u", "u"), pl.coalesce("group_key", "case_id", "flow_id")
    residual, state = pl.col("residual_fen"), pl.col("state")
    told = units.filter(state.is_in(list(_UNIT_LINE)))
    lone = facts.lone_vouchers
    in_period = facts.refs.filter(is_booked_in(facts.scope))
    accrued_alone = in_period.filter(pl.col("u").is_null())
    return pl.concat(
        [
            _items(units.filter("is_prior"), "B1", key, pl.col("base_fen") - pl.col("flow_in_fen"), unit, "L05"),
            _items(units, "B3", key, pl.col("accrued_net_fen"), unit, pl.when("is_accrued_early").then(pl.lit("L06"))),
            _items(accrued_alone, "B3", pl.col("ref_id"), pl.col("accrued_fen"), _NONE, None),
            _items(
                told,
                state.replace_strict({name: line for name, (line, _) in _UNIT_LINE.items()}, return_dtype=pl.String),
                key,
                residual,
                unit,
                state.replace_strict({name: code for name, (_, code) in _UNIT_LINE.items()}, return_dtype=pl.String),
            ),
            _items(
                lone,
                "B4",
                pl.col("voucher_id"),
                pl.col("gross_fen"),
                pl.concat_str(pl.lit("v "), "period", pl.lit("|"), "voucher_id"),
                "L02",
            ),
            _items(in_period, "C0", pl.concat_str("voucher_id", pl.lit("|"), "ref_id"), pl.col("gross_fen"), _NONE, None),
        ]
    )
