"""What is compared with what: a pass, the ladders passes form, and PAIRS, the matrix M1…M13 as data.

`matching` runs them. A frame has what the ladder names: see there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

How = Literal["key", "unique", "twins", "near", "sum", "subset", "rest", "sole", "alike", "reversal"]


@dataclass(frozen=True)
class Pass:
    """One rung of a ladder, by `how`.

    `key`: all rows of both sides with the key form one group, or join the one they are in. `unique`: one left and one
    right that have only each other (same key, amount and, with `window`, days). `twins`: equal twins, k-th with k-th in
    time. `near`: as `unique`, but amounts may differ by `tolerance_fen`. `sum`: what is left of a key is one row against
    several that sum to it. `subset`: one row against some of the few rows with its key (and days) on the other side, where
    only these sum to it. `reversal`: on one side, an amount and the same with the other sign, k-th with k-th. `rest`: the only
    open left of a key takes its open rights, whatever the amount. `sole`: the key's only left, used or not, takes further
    rights. `alike`: of the key's lefts, used or not, exactly one has that amount.
    """

    name: str
    how: How
    on: tuple[tuple[str, str], ...]
    window: bool = False
    tolerance_fen: int = 0


@dataclass(frozen=True)
class Pair:
    """One row of the matching matrix: what is compared, by which ladder. Source: docs/method.md, matrix.

    `unit`: what `amount_fen` of its rows counts; of pieces none is forgiven, of fen the tolerance of a row;
    states have no amount.
    """

    name: str
    left: str
    right: str
    ladder: tuple[Pass, ...]
    zh: str
    en: str
    unit: Literal["fen", "pieces", "states"] = "fen"


def _pass(name: str, how: How, *on: str, window: bool = False) -> Pass:
    keys = tuple((key.split("=")[0], key.split("=")[-1]) for key in on)
    return Pass(name, how, keys, window)


PAIRS: dict[str, Pair] = {
    "M1": Pair("M1", "orders", "payments", (_pass("allocation", "key", "allocation"),), "订单—支付", "order–payment"),
    "M2": Pair("M2", "orders", "order_discounts", (_pass("order_id", "key", "o"),), "订单—优惠规则", "order–discount rule"),
    "M3": Pair(
        "M3",
        "aftersales",
        "flows",
        (
            _pass("request_no", "key", "c=request_c"),
            _pass("case_id", "key", "c"),
            _pass("order_amount_window", "unique", "order", window=True),
            _pass("order_amount_twins_window", "twins", "order", window=True),
            _pass("order_amount", "unique", "order"),
            _pass("order_amount_twins", "twins", "order"),
            _pass("order_sum", "sum", "order"),
            _pass("order_duplicate", "alike", "order"),
            _pass("order_rest", "rest", "order"),
            _pass("order_sole_case", "sole", "order"),
            _pass("trade_no_amount_window", "unique", "trade_no", window=True),
            _pass("trade_no_amount", "unique", "trade_no"),
            _pass("trade_no_rest", "rest", "trade_no"),
            _pass("trade_no_sole_case", "sole", "trade_no"),
        ),
        "售后—渠道退款",
        "case–channel refund",
    ),
    "M4": Pair(
        "M4",
        "flows",
        "voucher_lines",
        (
            _pass("voucher_ref", "key", "unit"),
            _pass("order_sole_refund", "sole", "order"),
            _pass("order_amount", "alike", "order"),
            _pass("order_amount_twins", "twins", "order"),
            _pass("order_rest", "rest", "order"),
        ),
        "退款—账簿",
        "refund–ledger",
    ),
    "M5": Pair(
        "M5",
        "voucher_lines",
        "voucher_lines",
        (_pass("voucher_ref", "key", "booking"),),
        "退款—税额",
        "refund gross–VAT",
    ),
    "M6": Pair(
        "M6",
        "aftersales",
        "receipts",
        (
            _pass("case_id", "key", "c"),
            _pass("return_waybill_sku", "sole", "waybill", "sku"),
            _pass("return_waybill_twins", "twins", "waybill", "sku"),
            _pass("return_waybill_sum", "sum", "waybill", "sku"),
            _pass("return_waybill", "sole", "waybill"),
            _pass("order_sku_qty", "unique", "order", "sku"),
            _pass("order_sku", "sole", "order", "sku"),
            _pass("order_rest", "rest", "order"),
        ),
        "售后—退货入库",
        "case–warehouse receipt",
        "pieces",
    ),
    "M7": Pair(
        "M7",
        "aftersales",
        "shipments",
        (
            _pass("case_id", "key", "c"),
            _pass("order_sku_qty", "unique", "order", "kind", "sku"),
            _pass("order_sku", "sole", "order", "kind", "sku"),
            _pass("order_rest", "rest", "order", "kind"),
        ),
        "售后—补发换货维修出库",
        "case–resend, exchange and repair shipment",
        "pieces",
    ),
    "M8": Pair(
        "M8",
        "order_lines",
        "shipments",
        (_pass("line_id", "key", "l"), _pass("order_sku", "sole", "order", "sku")),
        "订单行—销售出库",
        "order line–sale shipment",
        "pieces",
    ),
    "M9": Pair(
        "M9",
        "aftersales",
        "fees",
        (
            _pass("case_id", "key", "c"),
            _pass("order_amount", "unique", "order"),
            _pass("order_amount_twins", "twins", "order"),
            _pass("order_sum", "sum", "order"),
            _pass("order_rest", "rest", "order"),
            _pass("order_sole_case", "sole", "order"),
        ),
        "退款—费用返还",
        "refund–fee return",
    ),
    "M10": Pair("M10", "orders", "flows", (_pass("order_id", "key", "o"),), "订单—结算", "order–settlement"),
    "M11": Pair(
        "M11",
        "flows",
        "bank_rows",
        (
            _pass("payout_id", "key", "payout_id"),
            _pass("amount_window", "unique", "unnamed", window=True),
            _pass("amount_twins_window", "twins", "unnamed", window=True),
            _pass("amount_of_unnamed_bank_row", "unique", "named=unnamed", window=True),
            _pass("amount_of_unnamed_payout", "unique", "unnamed=named", window=True),
        ),
        "提现—银行到账",
        "payout–bank",
    ),
    "M12": Pair(
        "M12",
        "aftersales",
        "complaints",
        (_pass("case_id", "key", "c=named_c"), _pass("order_window", "key", "c=near_c")),
        "售后—投诉",
        "case–complaint",
    ),
    "M13": Pair(
        "M13",
        "aftersales",
        "aftersales",
        (_pass("case_id_status", "key", "c", "status"), _pass("case_id_in_time", "key", "c_in_time")),
        "平台状态—ERP 状态",
        "platform status–ERP status",
        "states",
    ),
}
"""The pairs this build runs, by name. Each frame's `partition` is a hash of what its keys cannot cross."""
