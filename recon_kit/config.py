"""recon.toml → frozen models. Every value has a default; an unknown key is refused, naming the nearest known one."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from recon_kit.errors import ConfigError
from recon_kit.mistakes import explain, first_mistake, line_of, nearest, read_toml
from recon_kit.money import parse_yuan
from recon_kit.notify_rules import Notify, check_notify
from recon_kit.schema import CHANNEL, PLATFORM

Standard = Literal["CAS", "SBE"]
Language = Literal["zh", "en"]


def _fen(value: object) -> object:
    """Yuan text from the file → fen; an int is fen already (defaults)."""
    if isinstance(value, str):
        fen = parse_yuan(value)
        if fen is None or fen < 0:
            raise ValueError(f'{value!r} is not an amount; write yuan as text with at most two decimals, for example "50.00"')
        return fen
    if isinstance(value, bool | float):
        raise ValueError(f'{value!r} must be text in quotes, for example "50.00"')
    return value


def _rate(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(f'{value!r} must be text in quotes, for example "0.13"')
    if not 0 <= Decimal(value) < 1:
        raise ValueError(f'{value!r} is not a rate between 0 and 1, for example "0.13"')
    return value


Yuan = Annotated[int, BeforeValidator(_fen)]
Rate = Annotated[str, BeforeValidator(_rate)]
Days = Annotated[int, Field(ge=0, le=3650)]


class _Section(BaseModel):
    """A section of recon.toml: frozen, and without keys that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Entity(_Section):
    """Who the books belong to and how they are kept."""

    name: str = "seller"
    standard: Standard = "SBE"
    timezone: Literal["Asia/Shanghai"] = "Asia/Shanghai"
    vat_rate: Rate = "0.13"
    language: Language = "zh"


class Tolerance(_Section):
    """Differences forgiven, in fen (yuan text in the file)."""

    row: Yuan = 1
    aggregate_per_line: Yuan = 1
    aggregate_cap: Yuan = 100


class SlaDays(_Section):
    """Calendar days; broken when age > limit."""

    payment: Days = 2
    refund: Days = 3
    refund_card: Days = 10
    return_: Days = Field(default=15, alias="return")
    stock_posting: Days = 3
    commission_return: Days = 7
    payout: Days = 2
    complaint: Days = 7
    unlinked_return: Days = 3
    accrual_stale: Days = 60
    kpi_maturity: Days = 30


class Limits(_Section):
    """Limits of money (fen) and time."""

    small_loss: Yuan = 5000
    auto_approval: Yuan = 10000
    status_mismatch_hours: Annotated[int, Field(ge=0)] = 24


class Policy(_Section):
    """Accounting and platform policies that differ between sellers."""

    recompute_threshold: bool = False
    vat_reversal: Literal["accrual", "red_invoice"] = "accrual"
    over_refund: Literal["expense", "allowance"] = "expense"
    unlinked_small_transfer: Literal["expense", "price_cut"] = "expense"


class Account(_Section):
    """One ledger account: the code in the user's books and its name."""

    code: str
    name: str = ""


class AccountsGross(_Section):
    """Accounts whose credits are refund money booked; empty means every WALLET_*, BANK, AR_PLATFORM and REFUND_PAYABLE."""

    keys: tuple[str, ...] = ()


class Provision(_Section):
    """Portfolio provision for expected returns (CAS)."""

    method: Literal["none", "expected_rate"] = "none"
    expected_return_rate: Rate = "0"
    window_closes: Days = 30


class Sources(_Section):
    """How this seller's files are read, beside what the built-in layouts say; paths are relative to recon.toml.

    `layouts`: folders of layouts. `reasons`: a TOML file of wordings for each reason_group. `skip`: names of files to pass
    over. `use`: name of a file → the layout that reads it. `*` in a name stands for any text, folders included.
    """

    layouts: tuple[str, ...] = ()
    reasons: str | None = None
    skip: tuple[str, ...] = ()
    use: dict[str, str] = {}


def _promotion(value: object) -> object:
    """First and last day of a promotion, as TOML dates or text."""
    days = [day if isinstance(day, date) else _day(day) for day in value] if isinstance(value, list | tuple) else []
    if len(days) != 2 or None in days or days[0] > days[1]:  # type: ignore[operator]  # None is told first
        raise ValueError(f'{value!r} is not a first and a last day; write for example ["2026-11-01", "2026-11-11"]')
    return tuple(days)


def _day(text: object) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None


Promotion = Annotated[tuple[date, date], BeforeValidator(_promotion)]


class Shop(_Section):
    """A shop of the entity, for display and coverage."""

    platform: str
    name: str
    channel: str | None = None


class OwnerDays(_Section):
    """Calendar days each owner has from the day an item is first seen (a timing item: from the day it breaks)."""

    platform: Days = 7
    cs: Days = 3
    warehouse: Days = 3
    finance: Days = 5
    operations: Days = 7
    customer: Days = 15
    tax: Days = 15
    audit: Days = 15
    data: Days = 2


class Casebook(_Section):
    """Where the casebook is (`url`: SQLAlchemy's, a file relative to recon.toml) and how soon owners answer."""

    url: str | None = None
    answer_days: OwnerDays = OwnerDays()


class ApprovalTier(_Section):
    """Amounts up to `up_to` (fen; null: any) need `approvals` persons who did not propose; of `by` where it names some."""

    up_to: Annotated[int | None, BeforeValidator(_fen)] = None
    approvals: Annotated[int, Field(ge=1, le=5)] = 1
    by: tuple[str, ...] = ()


class Approval(_Section):
    """Who approves write-offs and entries, by amount; `tiers` in rising order. None given: see `Config.approval_tier`."""

    tiers: tuple[ApprovalTier, ...] = ()


DEFAULT_ACCOUNTS: dict[str, tuple[str, str, str]] = {
    "BANK": ("1002", "1002", "银行存款"),
    "WALLET_ALIPAY": ("101201", "101201", "其他货币资金—支付宝"),
    "WALLET_WECHAT": ("101202", "101202", "其他货币资金—微信支付"),
    "WALLET_JD": ("101203", "101203", "其他货币资金—京东钱包"),
    "WALLET_PDD": ("101204", "101204", "其他货币资金—拼多多货款账户"),
    "WALLET_CARD": ("101205", "101205", "其他货币资金—银行卡收单"),
    "WALLET_DOUYIN": ("101206", "101206", "其他货币资金—抖音货款账户"),
    "WALLET_TRANSIT": ("101299", "101299", "其他货币资金—在途"),
    "AR_PLATFORM": ("112201", "112201", "应收账款—平台"),
    "OTHER_AR_PLATFORM": ("122101", "122101", "其他应收款—平台"),
    "OTHER_AR_CUSTOMER": ("122102", "122102", "其他应收款—客户"),
    "OTHER_AR_CHARGEBACK": ("122103", "122103", "其他应收款—拒付"),
    "INVENTORY": ("1405", "1405", "库存商品"),
    "RETURN_COST": ("1485", "", "应收退货成本"),
    "PENDING_LOSS": ("190101", "190101", "待处理财产损溢"),
    "VAT_OUT": ("222101-05", "222101-05", "应交税费—应交增值税(销项税额)"),
    "REFUND_PAYABLE": ("224101", "224101", "其他应付款—应退客户款"),
    "REFUND_LIAB": ("280102", "", "预计负债—应付退货款"),
    "REVENUE": ("6001", "5001", "主营业务收入"),
    "COGS": ("6401", "5401", "主营业务成本"),
    "SELL_AFTERSALES": ("660101", "560101", "销售费用—售后损失"),
    "SELL_COMMISSION": ("660102", "560102", "销售费用—平台佣金"),
    "FIN_FEE": ("660301", "560301", "财务费用—手续费"),
    "NON_OP_INCOME": ("6301", "5301", "营业外收入"),
    "NON_OP_EXPENSE": ("6711", "5711", "营业外支出"),
    "IMPAIRMENT": ("6701", "5711", "资产减值损失"),
}
"""Logical account → (code under CAS, code under SBE, name); an empty code means the account does not exist there."""

DEFAULT_CHANNEL_ACCOUNTS = {
    "alipay": "WALLET_ALIPAY",
    "wechat": "WALLET_WECHAT",
    "jd": "WALLET_JD",
    "pdd": "WALLET_PDD",
    "card": "WALLET_CARD",
    "douyin": "WALLET_DOUYIN",
    "bank": "BANK",
    "other": "BANK",
}
DEFAULT_RECEIPT_BASIS = {"alipay": "completed", "pdd": "completed", "jd": "completed", "douyin": "completed"}
"""Escrow channels (担保交易); every other channel receives money when the buyer pays. Source: rulings 12."""

CHANNELS_OF_PLATFORM = {
    "taobao": ("alipay",),
    "tmall": ("alipay",),
    "jd": ("jd",),
    "pdd": ("pdd",),
    "douyin": ("douyin",),
    "wechat_mini": ("wechat", "card"),
    "other": ("other", "alipay", "wechat", "card", "bank"),
}
"""Where the money of a platform's orders can arrive, the usual channel first."""


class Config(_Section):
    """Everything recon.toml can say. Money limits are fen, SLAs are calendar days."""

    entity: Entity = Entity()
    shops: tuple[Shop, ...] = ()
    tolerance: Tolerance = Tolerance()
    sla_days: SlaDays = SlaDays()
    limits: Limits = Limits()
    policy: Policy = Policy()
    accounts: dict[str, Account] = {}
    accounts_by_channel: dict[str, str] = {}
    accounts_gross: AccountsGross = AccountsGross()
    receipt_basis: dict[str, Literal["paid", "completed"]] = {}
    owners: dict[str, str] = {}
    provision: Provision = Provision()
    sources: Sources = Sources()
    casebook: Casebook = Casebook()
    approval: Approval = Approval()
    promotions_calendar: dict[str, Promotion] = {}
    notify: Notify = Notify()

    @property
    def standard(self) -> Standard:
        """CAS 企业会计准则 or SBE 小企业会计准则."""
        return self.entity.standard

    def account(self, key: str) -> Account:
        """The ledger account behind a logical key; ConfigError for an unknown key, or one the standard does not have."""
        if key in self.accounts:
            return self.accounts[key]
        if key not in DEFAULT_ACCOUNTS:
            raise ConfigError(f"recon.toml [accounts]: unknown account key {key!r}{nearest(key, DEFAULT_ACCOUNTS)}")
        cas, sbe, name = DEFAULT_ACCOUNTS[key]
        code = cas if self.standard == "CAS" else sbe
        if not code:
            raise ConfigError(
                f"account {key} does not exist under {self.standard}; give it a code under [accounts] if your books have it"
            )
        return Account(code=code, name=name)

    def has_account(self, key: str) -> bool:
        """Whether the books have the account: it was given a code, or the standard has one for it."""
        return key in self.accounts or bool(DEFAULT_ACCOUNTS[key][0 if self.standard == "CAS" else 1])

    @property
    def gross_codes(self) -> tuple[str, ...]:
        """Account codes whose credit − debit on a refund reference is the gross booked (`accounts_gross`)."""
        keys = self.accounts_gross.keys or tuple(
            key for key in DEFAULT_ACCOUNTS if key.startswith("WALLET_") or key in ("BANK", "AR_PLATFORM", "REFUND_PAYABLE")
        )
        return tuple(dict.fromkeys(self.account(key).code for key in keys))

    def basis(self, channel: str) -> str:
        """Receipt basis of a channel: "paid", or "completed" where the platform holds the money until confirmation."""
        return self.receipt_basis.get(channel, DEFAULT_RECEIPT_BASIS.get(channel, "paid"))

    def approval_tier(self, amount_fen: int) -> ApprovalTier:
        """What a write-off or entry of this amount needs: the first tier that reaches it, else the last.

        Without tiers one person who did not propose approves up to a hundred times `limits.auto_approval`, two above it.
        """
        many = ApprovalTier(approvals=2)
        tiers = self.approval.tiers or (ApprovalTier(up_to=100 * self.limits.auto_approval), many)
        return next((tier for tier in tiers if tier.up_to is None or amount_fen <= tier.up_to), tiers[-1])

    def escrow_platforms(self) -> tuple[str, ...]:
        """Platforms whose usual channel pays out at confirmation."""
        return tuple(p for p, channels in CHANNELS_OF_PLATFORM.items() if self.basis(channels[0]) == "completed")


def find_config(data: Path | None = None) -> Path | None:
    """The recon.toml beside the data (in the folder or next to it), else in the working folder; None when there is none."""
    places = [data / "recon.toml", data.parent / "recon.toml"] if data else []
    return next((place for place in [*places, Path("recon.toml")] if place.is_file()), None)


def load_config(path: Path | None) -> Config:
    """Read recon.toml; every default when `path` is None. ConfigError names the section, the key and the nearest known one."""
    if path is None:
        return Config()
    if not path.is_file():
        raise ConfigError(f"{path.name}: there is no such file; give --config a recon.toml, or make one with `recon-kit new`")
    text = read_toml(path)
    return parse_config(tomllib.loads(text), path.name, text)


def parse_config(given: dict[str, Any], where: str = "recon.toml", text: str = "") -> Config:
    """Validate the content of a recon.toml; with its text a message says the line too."""
    _check_names(given, where)
    try:
        return Config.model_validate(given)
    except ValidationError as error:
        first = first_mistake(error)
        section, *key = map(str, first["loc"])
        line = f":{line_of(text, first['loc'])}" if text else ""
        place = " ".join([f"[{section}]", *([".".join(key)] if key else [])])
        raise ConfigError(f"{where}{line} {place}: {explain(first, Config)}") from None


def _check_names(given: dict[str, Any], where: str) -> None:
    """Sections whose keys are names of ours: refuse the ones we do not know."""
    known: dict[str, dict[str, Any] | tuple[str, ...]] = {
        "accounts": DEFAULT_ACCOUNTS,
        "accounts_by_channel": CHANNEL,
        "receipt_basis": CHANNEL,
    }
    for section, names in known.items():
        for key in _section(given, section):
            if key not in names:
                raise ConfigError(f"{where} [{section}]: unknown key {key!r}{nearest(key, names)}")
    for key in _section(given, "accounts_by_channel").values():
        if key not in DEFAULT_ACCOUNTS:
            raise ConfigError(f"{where} [accounts_by_channel]: unknown account key {key!r}{nearest(str(key), DEFAULT_ACCOUNTS)}")
    keys = _section(given, "accounts_gross").get("keys")
    for key in keys if isinstance(keys, list) else ():
        if key not in DEFAULT_ACCOUNTS:
            raise ConfigError(f"{where} [accounts_gross] keys: unknown account key {key!r}{nearest(str(key), DEFAULT_ACCOUNTS)}")
    check_notify(_section(given, "notify"), where)
    shops = given.get("shops")
    for shop in shops if isinstance(shops, list) else ():
        if isinstance(shop, dict) and (name := shop.get("platform")) not in PLATFORM:
            raise ConfigError(f"{where} [[shops]] platform: unknown platform {name!r}{nearest(str(name), PLATFORM)}")


def _section(given: dict[str, Any], name: str) -> dict[str, Any]:
    """A section that is one; anything else is left to the models to refuse."""
    section = given.get(name)
    return section if isinstance(section, dict) else {}
