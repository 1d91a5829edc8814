"""The standard template: what has no platform export (mini-program, card, ERP, warehouse, ledger), headers 中文 or English."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recon_kit.schema import TABLES, Column
from recon_kit.synth import seller
from recon_kit.synth.world import World
from recon_kit.synth.writers.text import repeated, stamp, write_csv, write_table, yuan

ERP_COLUMNS = (
    "case_id", "platform", "shop", "order_id", "line_id", "kind", "qty", "basis", "reason_group", "is_quality", "initiator",
    "decided_by", "is_instant", "applied_at", "approved_at", "platform_status", "erp_status", "erp_fen", "creator", "approver",
    "exchange_sku",
)  # fmt: skip
LEFT_OUT = {"order_lines": ("title", "category"), "shipments": ("line_no", "unit_cost_fen")}
"""What the product file already says, or nothing says: kept out, for the sample's size."""


def write_templates(world: World, folder: Path) -> None:
    """Every template file of the sample."""
    tables = world.tables
    is_mini = pl.col("platform") == seller.MINI.platform
    orders = tables["orders"].filter(is_mini).drop("channel", "trade_no", "is_refund_stated")
    cases = tables["aftersales"].filter(is_mini)
    card = tables["flows"].filter(pl.col("channel") == seller.CARD.channel).drop("account", "payout_id", "balance_fen")
    write_table(folder, "订单_小程序", as_template(orders, "orders", "zh"))
    write_csv(
        folder / "售后单_小程序.csv",
        as_template(repeated(world, cases), "aftersales", "en"),
        bom=True,
    )
    write_csv(folder / "资金流水_银行卡.csv", as_template(card, "flows", "zh"), bom=True)
    write_table(folder, "售后单_ERP", as_template(tables["aftersales"].filter(~is_mini).select(ERP_COLUMNS), "aftersales", "zh"))
    for stem, table, language in (
        ("订单明细", "order_lines", "zh"),
        ("优惠明细", "order_discounts", "en"),
        ("优惠规则", "promotions", "zh"),
        ("售后变更", "aftersale_events", "zh"),
        ("发货明细", "shipments", "en"),
        ("退货入库", "receipts", "zh"),
        ("平台费用", "fees", "en"),
        ("钱包余额", "wallets", "zh"),
        ("银行流水", "bank_rows", "en"),
        ("投诉工单", "complaints", "zh"),
        ("商品档案", "products", "en"),
        ("指标历史", "kpi_history", "zh"),
    ):
        write_table(folder, stem, as_template(tables[table].drop(LEFT_OUT.get(table, ())), table, language))
    for (period,), group in sorted(tables["voucher_lines"].partition_by("period", as_dict=True).items()):
        write_table(folder, f"凭证明细_{period}", as_template(group, "voucher_lines", "zh"))


def as_template(frame: pl.DataFrame, table: str, language: str) -> pl.DataFrame:
    """A canonical frame as template texts, in the table's column order; columns the frame lacks are left out."""
    columns = [column for column in TABLES[table].columns if column.name in frame.columns]
    return frame.select(
        _cell(column, language).alias(column.label if language == "zh" else column.name.removesuffix("_fen"))
        for column in columns
    )


def _cell(column: Column, language: str) -> pl.Expr:
    if column.kind == "fen":
        return yuan(column.name)
    if column.kind == "instant":
        return stamp(column.name)
    if column.kind == "bool":
        yes, no = ("是", "否") if language == "zh" else ("true", "false")
        return pl.when(column.name).then(pl.lit(yes)).when(pl.col(column.name).not_()).then(pl.lit(no))
    if column.allowed and language == "zh":
        return pl.col(column.name).replace(column.allowed)
    return pl.col(column.name).cast(pl.String)
