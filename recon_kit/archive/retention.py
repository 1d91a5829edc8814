"""How long what is sealed must be kept. Source: 会计档案管理办法 (财政部 国家档案局令第79号, 2015), art. 14 and 15, annex 1."""

from __future__ import annotations

from datetime import date

VOUCHERS, REPORTS = 30, 10
RETENTION: dict[str, tuple[int, str]] = {
    "input": (VOUCHERS, "原始凭证（含支持凭证的平台账单）及会计账簿 vouchers, books and the bills behind them"),
    "bank_statement": (REPORTS, "银行对账单 bank statements"),
    "casebook": (VOUCHERS, "分录审批与证据，随凭证保管 approvals of entries and evidence, kept as their vouchers are"),
    "report": (REPORTS, "对账报告，按余额调节表 the reconciliation report, as a bank reconciliation"),
    "method": (REPORTS, "笔记本、配置与版本，随报告保管 notebooks, configuration and versions, kept as their report is"),
}
"""Kind of sealed file → (years, what it is). Claims not settled when they expire are kept until they are (art. 20)."""
BASIS = "会计档案管理办法（财政部 国家档案局令第79号）第十四条、第十五条；自会计年度终了后第一天起算"


def kept_until(kind: str, last_day: date) -> date:
    """The last day on which a file of a period that ends on `last_day` must still be kept.

    Years count from the first day after the fiscal year's end, and the fiscal year is the calendar year (会计法, art. 11).
    """
    return date(last_day.year + RETENTION[kind][0], 12, 31)


def input_kind(tables: str) -> str:
    """The kind of an input, by the tables read from it as `intake` writes them."""
    return "bank_statement" if set(tables.split(" + ")) == {"bank_rows"} else "input"
