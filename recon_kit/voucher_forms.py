"""Proposed entries as vouchers to import: the standard template, 精斗云 / KIS云, and KIS / K3 standard format, each an xlsx.

Nothing is posted: whoever imports the file books it. Source of the columns: docs/sources.md, ledger_jdy and ledger_kis.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import polars as pl

from recon_kit.errors import ReportError
from recon_kit.record import Run
from recon_kit.schema import TABLES
from recon_kit.sheets import cell_formats, new_workbook, write_table

UNAPPROVED = {"zh": "【未审批】", "en": "[not approved] "}
"""Stands first in the 摘要 of an entry that nobody approved yet."""
_JDY = (
    *("日期", "凭证字", "凭证号", "附件数", "分录序号", "摘要", "科目代码", "科目名称", "借方金额", "贷方金额", "客户", "供应商"),
    *("职员", "项目", "部门", "存货", "自定义辅助核算类别", "自定义辅助核算编码", "数量", "单价", "原币金额", "币别", "汇率"),
)
_KIS = (
    *("日期", "凭证字", "凭证号", "附单据数", "摘要", "科目编码", "科目名称", "借方金额", "贷方金额", "币别", "汇率", "原币金额"),
    *("数量", "单价", "核算类别", "核算编码", "核算名称", "制单人"),
)
FORMS = ("template", "jdy", "kis")
"""Forms an export can take."""
_GROUP = "记"
"""凭证字: small books have but this one."""


def choose_entries(entries: pl.DataFrame, status: dict[str, str] | None, language: str, *, everything: bool) -> pl.DataFrame:
    """The lines to export: of approved entries, or of all but the rejected, the unapproved marked in their 摘要.

    `status`: entry → proposed, approved or rejected; None where there is no casebook, so that nothing is approved yet.
    """
    state = pl.col("entry_id").replace_strict(status or {}, default="proposed", return_dtype=pl.String)
    wanted = state != "rejected" if everything or status is None else state == "approved"
    mark = pl.when(state == "approved").then(pl.lit("")).otherwise(pl.lit(UNAPPROVED[language]))
    return entries.filter(wanted).with_columns((mark + pl.col("memo")).alias("memo"))


def write_vouchers(entries: pl.DataFrame, path: Path, form: str) -> int:
    """Write one voucher an entry in the form's columns; how many. ReportError for nothing to write or a form not known."""
    if form not in FORMS:
        raise ReportError(f"--format {form}: there is no such form; expected one of {', '.join(FORMS)}. Choose one of them")
    if entries.is_empty():
        raise ReportError(f"{path.name}: no entry to export; expected approved ones. Approve them first, or give --all")
    numbered = entries.with_columns(pl.col("entry_id").rle_id().cast(pl.Int64).alias("nth") + 1)
    frame = numbered.select(_template_columns() if form == "template" else _kingdee_columns(form))
    with new_workbook(path, path.stem) as book:
        sheet = book.add_worksheet(TABLES["voucher_lines"].label if form == "template" else "凭证")
        write_table(sheet, 0, frame, cell_formats(book), "zh", frame.columns if form != "template" else _template_headings())
        sheet.freeze_panes(1, 0)
    return int(numbered["nth"].n_unique())


def _template_columns() -> list[pl.Expr]:
    """The columns of voucher_lines; the voucher is called by its entry, so that no number of the books is taken."""
    kinds = TABLES["voucher_lines"].column("ref_kind").allowed
    none = [pl.lit(None, pl.String).alias(name) for name in ("maker", "approver", "attachments")]
    return [
        pl.col("period"),
        pl.concat_str(pl.lit(f"{_GROUP}-"), "entry_id").alias("voucher_id"),
        pl.col("line_no"),
        pl.col("date"),
        pl.col("memo").alias("summary"),
        *(pl.col(name) for name in ("account", "account_name", "debit_fen", "credit_fen")),
        pl.col("ref_kind").replace_strict(kinds, default=None, return_dtype=pl.String),
        *(pl.col(name) for name in ("ref_id", "shop")),
        *none,
    ]


def _template_headings() -> list[str]:
    table = TABLES["voucher_lines"]
    return [table.column(expr.meta.output_name()).label for expr in _template_columns()]


def _kingdee_columns(form: str) -> list[pl.Expr]:
    """The columns of a Kingdee form: vouchers numbered from 1 (importing numbers them anew), the side without amount empty."""
    debit, credit = (pl.when(pl.col(f"{side}_fen") != 0).then(pl.col(f"{side}_fen") / 100) for side in ("debit", "credit"))
    own = (pl.col("debit_fen") + pl.col("credit_fen")) / 100
    filled = {
        "日期": pl.col("date"),
        "凭证字": pl.lit(_GROUP),
        "凭证号": pl.col("nth"),
        "分录序号": pl.col("line_no"),
        "摘要": pl.col("memo"),
        "科目代码": pl.col("account"),
        "科目编码": pl.col("account"),
        "科目名称": pl.col("account_name"),
        "借方金额": debit,
        "贷方金额": credit,
        "原币金额": own,
        "币别": pl.lit("RMB"),
        "汇率": pl.lit(1, pl.Int64),
    }
    return [filled.get(name, pl.lit(None, pl.String)).alias(name) for name in (_JDY if form == "jdy" else _KIS)]


def list_entries(run: Run, status: dict[str, str] | None) -> pl.DataFrame:
    """One row an entry: id, code, effect, date, `amount_fen` (Σ debit without sign of what is not red), status, memo."""
    positive = pl.max_horizontal(pl.col("debit_fen").abs().sum(), pl.col("credit_fen").clip(0).sum())
    return (
        run.table("adjustments")
        .group_by("entry_id", maintain_order=True)
        .agg(pl.col("code", "effect", "date", "memo").first(), positive.alias("amount_fen"))
        .with_columns(pl.col("entry_id").replace_strict(status or {}, default="proposed", return_dtype=pl.String).alias("status"))
    )


def statuses(states: pl.DataFrame, known: Collection[str]) -> dict[str, str]:
    """Entry → status, from the casebook's entry states, of the entries a run proposes."""
    found = states.filter(pl.col("entry_id").is_in(list(known)))
    return dict(zip(found["entry_id"], found["status"], strict=True))
