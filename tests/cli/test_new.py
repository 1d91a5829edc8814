import re
from pathlib import Path

import pytest

from recon_kit.cli.new import new_command, render_config, suggest_account
from recon_kit.config import DEFAULT_ACCOUNTS, Config, load_config
from recon_kit.errors import ConfigError, SourceError

VOUCHERS = '''会计期间,凭证字号,分录号,凭证日期,摘要,科目编码,科目名称,借方金额,贷方金额
2026-10,记-1,1,2026-10-08,退款,600101,主营业务收入_线上,,-26.46
2026-10,记-1,2,2026-10-08,退款,22210105,应交增值税_销项税额,,-3.44
2026-10,记-1,3,2026-10-08,退款,101288,"其他货币资金_""支付宝""",,29.90
2026-10,记-1,4,2026-10-08,调整,999901,内部往来,0,0
'''
ORDERS = """平台,店铺,订单编号,平台状态,付款时间,买家实付
天猫,旗舰店,1,已完成,2026-10-01 08:00:00,29.90
拼多多,拼多多店,2,已完成,2026-10-02 08:00:00,19.90
"""


@pytest.fixture
def exports(tmp_path) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "凭证.csv").write_text(VOUCHERS, encoding="utf-8")
    (folder / "订单.csv").write_text(ORDERS, encoding="utf-8")
    return folder


def test_a_new_folder_has_a_configuration_that_changes_nothing(tmp_path):
    new_command(tmp_path / "对账")

    config = load_config(tmp_path / "对账" / "recon.toml")

    assert config == Config(entity={"name": "对账"})
    assert {p.name for p in (tmp_path / "对账").iterdir()} == {"recon.toml", "data", "reports", "layouts"}


def test_every_option_stands_in_it_with_its_default_and_a_chinese_comment():
    text = render_config("示例")
    uncommented = re.sub(r"(?m)^# (?=\w+ = |\[)", "", text)

    stated = load_config_text(uncommented)

    expected = Config.model_validate({"entity": {"name": "示例"}}).model_dump(by_alias=True)
    given = stated.model_dump(by_alias=True)
    for section in ("entity", "tolerance", "sla_days", "limits", "policy", "provision", "accounts_gross"):
        assert given[section] == expected[section], section
    assert {key: (a["code"], a["name"]) for key, a in given["accounts"].items()} == {
        key: (sbe or cas, name) for key, (cas, sbe, name) in DEFAULT_ACCOUNTS.items()
    }
    assert all(stated.basis(channel) == Config().basis(channel) for channel in given["receipt_basis"])
    said = [line for line in text.splitlines() if re.match(r"# \w+ = [^{]", line)]
    assert [line for line in said if not re.search("[一-龥]", line)] == ['# platform = "tmall"', '# channel = "alipay"']


def load_config_text(text: str) -> Config:
    import tomllib

    from recon_kit.config import parse_config

    return parse_config(tomllib.loads(text))


def test_shops_accounts_and_coverage_are_drafted_from_data(tmp_path, exports):
    new_command(tmp_path / "w", source=exports)

    config = load_config(tmp_path / "w" / "recon.toml")
    text = (tmp_path / "w" / "recon.toml").read_text(encoding="utf-8")

    assert config.standard == "CAS"
    assert [(shop.platform, shop.name, shop.channel) for shop in config.shops] == [
        ("pdd", "拼多多店", "pdd"),
        ("tmall", "旗舰店", "alipay"),
    ]
    assert {key: (account.code, account.name) for key, account in config.accounts.items()} == {
        "REVENUE": ("600101", "主营业务收入_线上"),
        "VAT_OUT": ("22210105", "应交增值税_销项税额"),
        "WALLET_ALIPAY": ("101288", '其他货币资金_"支付宝"'),
    }
    assert "# 999901 内部往来（1 行）：没有认出，需要时请指定" in text
    assert "#   订单.csv：template_orders，2 行，2026-10-01 至 2026-10-02" in text
    assert "资金流水" in text.split("还没有的表")[1]


@pytest.mark.parametrize(
    ("code", "name", "key"),
    [
        ("101201", "其他货币资金—支付宝", "WALLET_ALIPAY"),
        ("1122", "应收账款—支付宝", "AR_PLATFORM"),
        ("2241", "其他应付款—应退客户款", "REFUND_PAYABLE"),
        ("6001", "", "REVENUE"),
        ("5001", "", "REVENUE"),
        ("9999", "内部往来", None),
    ],
)
def test_an_account_is_recognised_by_its_name_and_then_by_its_code(code, name, key):
    assert suggest_account(code, name) == key


def test_every_default_account_is_recognised_as_itself():
    for key, (cas, sbe, name) in DEFAULT_ACCOUNTS.items():
        assert suggest_account(cas, name) == key
        assert suggest_account(sbe or cas, name) == key


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "recon.toml").write_text("mine")

    with pytest.raises(ConfigError, match="exists"):
        new_command(tmp_path)

    assert (tmp_path / "recon.toml").read_text() == "mine"
    assert not (tmp_path / "data").exists()


def test_a_missing_source_folder_makes_nothing(tmp_path):
    with pytest.raises(SourceError, match="no such folder"):
        new_command(tmp_path / "w", source=tmp_path / "missing")

    assert not (tmp_path / "w").exists()
