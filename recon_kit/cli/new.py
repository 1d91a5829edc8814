"""`recon-kit new`: the folders and a commented recon.toml, drafted from the user's own data where there is some."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recon_kit.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

    from recon_kit.collect import Collected

FOLDERS = {"data": "放下载的导出文件", "reports": "对账结果", "layouts": "自己写的版式"}
MEANINGS = (
    ("应收退货成本", "RETURN_COST"),
    ("其他应收.*拒付", "OTHER_AR_CHARGEBACK"),
    ("其他应收.*(客户|买家|个人)", "OTHER_AR_CUSTOMER"),
    ("其他应收", "OTHER_AR_PLATFORM"),
    ("应收账款", "AR_PLATFORM"),
    ("预计负债", "REFUND_LIAB"),
    ("销项", "VAT_OUT"),
    ("其他应付.*退|应退", "REFUND_PAYABLE"),
    ("主营业务收入|销售收入", "REVENUE"),
    ("主营业务成本|销售成本", "COGS"),
    ("营业外收入", "NON_OP_INCOME"),
    ("营业外支出", "NON_OP_EXPENSE"),
    ("减值", "IMPAIRMENT"),
    ("佣金|技术服务费", "SELL_COMMISSION"),
    ("销售费用.*(售后|退|赔)", "SELL_AFTERSALES"),
    ("手续费", "FIN_FEE"),
    ("待处理", "PENDING_LOSS"),
    ("库存商品", "INVENTORY"),
    ("在途", "WALLET_TRANSIT"),
    ("支付宝", "WALLET_ALIPAY"),
    ("微信|财付通", "WALLET_WECHAT"),
    ("京东", "WALLET_JD"),
    ("拼多多", "WALLET_PDD"),
    ("抖音", "WALLET_DOUYIN"),
    ("银行卡|收单", "WALLET_CARD"),
    ("银行存款", "BANK"),
)
"""What an account's name suggests, first fitting pattern first; where none fits, the default codes decide."""


def new_command(
    folder: Annotated[Path, typer.Argument(help="新建的工作文件夹 · the folder to make")],
    source: Annotated[
        Path | None, typer.Option("--from", help="已有的导出文件，据此草拟店铺、科目与覆盖情况 · draft from these exports")
    ] = None,
) -> None:
    """新建工作文件夹：带中文注释的 recon.toml，以及 data、reports、layouts · make a folder to work in.

    例 · example:  recon-kit new 对账 --from 下载
    """
    config = folder / "recon.toml"
    if config.exists():
        raise ConfigError(
            f"{config}: the file exists, expected a new folder; nothing was overwritten, edit it or choose another name"
        )
    collected = None
    if source is not None:
        from recon_kit.collect import collect

        collected = collect(source)
    text = render_config(folder.resolve().name, collected)
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    config.write_text(text, encoding="utf-8", newline="\n")
    typer.echo(config)
    for name, use in FOLDERS.items():
        typer.echo(f"{folder / name}  {use}")


def render_config(name: str, collected: Collected | None = None) -> str:
    """The text of a recon.toml in which every option stands with its default; drafts are values where data shows them."""
    from jinja2 import Environment, FileSystemLoader

    from recon_kit import config, results, schema
    from recon_kit.resources import templates_dir

    vouchers = collected.tables.voucher_lines if collected else None
    standard, accounts = _draft_accounts(vouchers)
    environment = Environment(
        loader=FileSystemLoader(templates_dir()),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - TOML, not HTML
    )
    return environment.get_template("recon.toml.j2").render(
        name=_quote(name),
        standard=standard and _quote(standard),
        platforms=" | ".join(f"{key} {label}" for key, label in schema.PLATFORM.items()),
        shops=_draft_shops(collected) if collected else [],
        receipt_basis=[_default(c, config.Config().basis(c), label) for c, label in schema.CHANNEL.items()],
        accounts=accounts,
        accounts_from=vouchers is not None,
        channel_accounts=[_default(c, key, schema.CHANNEL[c]) for c, key in config.DEFAULT_CHANNEL_ACCOUNTS.items()],
        owners=[_default(role, "", label) for role, label in results.OWNER.items()],
        coverage=_draft_coverage(collected) if collected else [],
        missing="、".join(t.label for t in schema.TABLES.values() if getattr(collected.tables, t.name) is None)
        if collected
        else "",
    )


def _draft_shops(collected: Collected) -> list[dict[str, str]]:
    """The shops that orders and cases name, each with its platform and that platform's usual channel."""
    import polars as pl

    from recon_kit.config import CHANNELS_OF_PLATFORM

    tables = (collected.tables.orders, collected.tables.aftersales)
    named = [frame.select("platform", "shop") for frame in tables if frame is not None]
    shops = pl.concat(named).drop_nulls().unique().sort("platform", "shop").rows() if named else []
    return [
        {"platform": _quote(platform), "name": _quote(shop), "channel": _quote(CHANNELS_OF_PLATFORM[platform][0])}
        for platform, shop in shops
    ]


def _draft_accounts(vouchers: pl.DataFrame | None) -> tuple[str | None, list[str]]:
    """The accounting standard that the vouchers suggest, and a line for every account: theirs, or the default as a comment."""
    import polars as pl

    from recon_kit.config import DEFAULT_ACCOUNTS

    used = []
    if vouchers is not None:
        by_account = vouchers.group_by("account").agg(
            pl.col("account_name").drop_nulls().mode().sort().first(), pl.len().alias("n")
        )
        used = by_account.sort("n", "account", descending=[True, False]).rows()
    standard = _suggest_standard([code for code, _, _ in used])
    theirs: dict[str, tuple[str, str, int]] = {}
    others = []
    for code, name, n in used:
        key = suggest_account(code, name or "")
        if key and key not in theirs:
            theirs[key] = (code, name or "", n)
        else:
            others.append(f"# {code} {name or ''}（{n} 行）：{'也像 ' + key if key else '没有认出，需要时请指定'}")
    lines = []
    for key, (cas, sbe, label) in DEFAULT_ACCOUNTS.items():
        code = (cas if standard == "CAS" else sbe) or cas
        value = _account(key, code, label)
        if key in theirs:
            lines.append(f"{_account(key, *theirs[key][:2])}  # {label}；凭证中 {theirs[key][2]} 行")
        else:
            lines.append(f"# {value}" + ("  # 仅企业会计准则" if not sbe and standard != "CAS" else ""))
    return standard, lines + ["# 凭证中的其他科目：" for _ in others[:1]] + others


def suggest_account(code: str, name: str) -> str | None:
    """The account key that a ledger account's name suggests, else its code; None when neither says anything."""
    from recon_kit.config import DEFAULT_ACCOUNTS

    for pattern, key in MEANINGS:
        if re.search(pattern, name):
            return key
    return next((key for key, (cas, sbe, _) in DEFAULT_ACCOUNTS.items() if code in (cas, sbe)), None)


def _suggest_standard(codes: list[str]) -> str | None:
    """CAS books income under 6xxx, SBE under 5xxx; None where the vouchers show neither or both."""
    is_cas = any(code.startswith(("6001", "6401", "6601")) for code in codes)
    is_sbe = any(code.startswith(("5001", "5401", "5601")) for code in codes)
    return None if is_cas == is_sbe else ("CAS" if is_cas else "SBE")


def _draft_coverage(collected: Collected) -> list[str]:
    """One line a file: what it is, its rows, and the days they span."""
    rows = collected.intake.sort("file").select("file", "layout", "rows_loaded", "first_at", "last_at").rows()
    return [
        re.sub(
            r"[\x00-\x1f\x7f]",
            " ",
            f"{file}：{layout}，{n} 行" + (f"，{first:%Y-%m-%d} 至 {last:%Y-%m-%d}" if first and last else ""),
        )
        for file, layout, n, first, last in rows
    ]


def _default(key: str, value: str, label: str) -> str:
    return f"# {key} = {_quote(value)}".ljust(31) + f"# {label}"


def _account(key: str, code: str, name: str) -> str:
    return f"{key} = {{ code = {_quote(code)}, name = {_quote(name)} }}"


def _quote(text: str) -> str:
    """A TOML basic string: JSON's escapes are TOML's."""
    return json.dumps(text, ensure_ascii=False)
