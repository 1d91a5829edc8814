"""docs/entries.md, generated from `entries.toml`: `python -m recon_kit.rules.entries_document`."""

from __future__ import annotations

import sys

from recon_kit.rules.catalogue import CATALOGUE
from recon_kit.rules.entries import entry_text

_PAGE = """# Proposed entries 建议分录

<!-- generated: python -m recon_kit.rules.entries_document > docs/entries.md -->

The tool proposes and never posts. Table `adjustments` of a run, sheet 分录 of `discrepancies.xlsx`; `recon-kit entries export`
writes vouchers to import. Each entry balances to the fen, or nothing is published.

**What an entry answers.** `discrepancy_id` is the finding it is proposed for, `answers` lists every finding it answers. An entry
that answers two (a platform-decided refund and its missing voucher; a double refund and the voucher that lacks it) is proposed
once. Its id is a hash of entity, period, effect and findings; it stands first in 摘要. A voucher whose 摘要 has the id is known
again (`booked_entries`), and what the ledger has is not proposed twice, in this month or a later one.

**Export.** `recon-kit entries list 2026-10 --out reports`; `recon-kit entries export 2026-10 --out reports`, with `--format`
template, jdy (精斗云, KIS云) or kis (KIS, K3). With a casebook
only what is approved is written; `--all` writes the rest too, and what nobody approved says 未审批 in its 摘要. A rejected
entry is never written. Importing numbers the vouchers anew; the id stays in the 摘要.

**Amounts.** VAT of an entry = split(as it should be) − split(as booked), at the rate of the goods: the case's line, else its
order's lines by what the buyer paid, largest remainder in fen; the line's rate, else the product's, else the entity's. Sales and
output VAT are reduced in red (negative credit), never by a debit. `WALLET` is the channel's account; `OVER` in an over-refund is
SELL_AFTERSALES up to `limits.small_loss`, else OTHER_AR_CUSTOMER.

**Dates.** The period's last day; an ordinary booking its own day. What belongs to a period that is closed and has been booked
since (L05 of earlier flows, L06 of earlier vouchers) is disclosed, not booked again. A refund booked late is booked in its month;
next month's voucher then is a copy (L03), taken back in red.

**CAS.** Approved and not paid: accrued against REFUND_PAYABLE, with the goods expected back in RETURN_COST; what a provision
covers moves from REFUND_LIAB without effect on profit; an accrual that was paid is released (`effect` reversal), not booked
again. An accrual of
an earlier month is released too when its case was closed, or its refund was booked on sales once more: without a finding
(`discrepancy_id` null) until it is old enough for L10. With `policy.vat_reversal = "red_invoice"` an accrual reverses no VAT:
the whole is on REVENUE until the invoice.

**No ledger.** The month's ordinary refunds are proposed too (`effect` booking): an entry per shop, channel, day and VAT rate,
beside the entries of what is no ordinary refund (C03, C11–C14). Together their wallet credits are B0 of the bridge, checked.

**Roundings** (A06) are one entry per shop while their sum, signs apart, is under `tolerance.aggregate_cap`. An under-refund
(A03, C06) is owed (REFUND_PAYABLE) until it is paid. A payout of which nothing arrived is in transit (WALLET_TRANSIT), not a fee.

借 debit · 贷 credit · − red-letter. Accounts: `recon.toml` `[accounts]`. The first condition that holds counts.

| 码 code | 小企业会计准则 SBE | 企业会计准则 CAS |
|---|---|---|
"""


def render_entries() -> str:
    """The whole page: every code, and why nothing is booked where nothing is."""
    return _PAGE + "".join(_row(code, name.zh, name.en) for code, name in CATALOGUE.items())


def _row(code: str, zh: str, en: str) -> str:
    sbe, cas = (f"{entry_text(code, standard)}<br>{entry_text(code, standard, 'en')}" for standard in ("SBE", "CAS"))
    return f"| {code} {zh}<br>{en} | {sbe} | {'= SBE' if cas == sbe else cas} |\n"


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]  # a console is always a TextIOWrapper here
    sys.stdout.write(render_entries())
