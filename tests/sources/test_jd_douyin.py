"""JD and Douyin files beside one another: nothing counts twice, and what is taken apart adds up. All rows are made up."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recon_kit.collect import Collected, collect
from recon_kit.money import format_yuan

CASES = Path(__file__).parent / "cases"
FEES = ("平台服务费", "佣金", "招商服务费")
SUBSIDIES = ("实际平台补贴", "实际达人补贴", "实际抖音支付补贴")


@pytest.fixture
def collected(tmp_path):
    """Put cases and texts into one folder, beside those of earlier calls, and read the folder."""

    def _collected(*cases: str, **texts: str) -> Collected:
        for case in cases:
            shutil.copytree(CASES / case, tmp_path / case.replace("/", "_"), ignore=shutil.ignore_patterns("expected.csv"))
        for name, text in texts.items():
            (tmp_path / f"{name}.csv").write_text(text, "utf-8")
        return collect(tmp_path)

    return _collected


def money(found: Collected) -> dict[str, int]:
    """Σ of the flows that have arrived, by kind."""
    flows = found.tables.flows
    assert flows is not None
    arrived = flows.filter((pl.col("status") == "success") & pl.col("success_at").is_not_null())
    return dict(arrived.group_by("kind").agg(pl.col("amount_fen").sum()).sort("kind").rows())


def fund(*rows: str) -> str:
    return "\n".join(("动账时间,动帐流水号,动账方向,动账金额,动账场景,子订单号,订单号,平台服务费,实际平台补贴", *rows)) + "\n"


def settlement(*rows: str) -> str:
    explained = "资金结算的时间,-,-,结算金额=收入合计-支出合计,结算的类型,抖音收取,平台承担"
    return "\n".join(("结算时间,订单号,子订单号,结算金额,结算单类型,平台服务费,平台补贴", explained, *rows)) + "\n"


SETTLED_FUND = "2026-10-09 12:00:00,20261009001,入账,105.00,货款结算入账,69001,69001,-5.00,10.00"
REFUND_FUND = (
    "2026-10-12 12:00:00,20261012001,出账,100.00,退款-结算后退款-退用户,69001,69001,,",
    "2026-10-12 12:00:00,20261012002,出账,10.00,退款-订单退款触发-退补贴,69001,69001,,-10.00",
    "2026-10-12 12:00:00,20261012003,入账,5.00,退款-订单退款触发-退分账,69001,69001,5.00,",
)
SETTLED_BILL = "2026-10-09 12:00:00,69001,69001,105.00,已结算,-5.00,10.00"
REFUND_BILL = "2026-10-12 12:00:03,69001,69001,-105.00,结算后退款,5.00,-10.00"
WHOLE = {"fee": -500, "fee_return": 500, "refund": -10000, "subsidy": 1000, "subsidy_clawback": -1000, "trade_receipt": 10000}


def test_the_settlement_bill_beside_the_fund_statement_adds_nothing(collected):
    both = collected(fund=fund(SETTLED_FUND, *REFUND_FUND), bill=settlement(SETTLED_BILL, REFUND_BILL))

    assert money(both) == WHOLE
    assert both.intake.select("rows_read", "rows_loaded").rows() == [(2, 2), (4, 4)]


def test_the_settlement_bill_alone_is_the_money(collected):
    alone = collected(bill=settlement(SETTLED_BILL, REFUND_BILL))

    assert money(alone) == WHOLE


def test_a_settlement_that_the_fund_statement_lacks_has_not_arrived(collected):
    both = collected(fund=fund(SETTLED_FUND), bill=settlement(SETTLED_BILL, REFUND_BILL))

    assert money(both) == {"fee": -500, "subsidy": 1000, "trade_receipt": 10000}
    waiting = both.tables.flows.filter(pl.col("status") == "processing")
    assert sorted(waiting.select("kind", "amount_fen").rows()) == [
        ("fee_return", 500),
        ("refund", -10000),
        ("subsidy_clawback", -1000),
    ]


def test_two_settlements_of_one_line_pair_first_with_first(collected):
    later = (
        "2026-10-20 12:00:00,20261020001,入账,9.50,货款结算入账,69001,69001,-0.50,",
        "2026-10-20 12:00:00,69001,69001,9.50,已结算,-0.50,",
    )

    both = collected(fund=fund(SETTLED_FUND, later[0]), bill=settlement(later[1], SETTLED_BILL))

    assert money(both) == {"fee": -550, "subsidy": 1000, "trade_receipt": 11000}
    assert both.tables.flows["status"].unique().to_list() == ["success"]


fen = st.integers(0, 10**7)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(("货款结算入账", "退款-结算后退款-退用户", "退款", "权益保险", "没见过的场景", "")),
            st.sampled_from(("入账", "出账")),
            fen,
            st.lists(st.one_of(st.none(), fen, fen.map(int.__neg__)), min_size=6, max_size=6),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_the_parts_of_a_fund_row_always_add_up_to_its_amount(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fund")
    lines = [",".join(("动账时间", "动帐流水号", "动账方向", "动账金额", "动账场景", *FEES, *SUBSIDIES))]
    expected = {}
    for number, (scene, direction, amount, parts, is_signed) in enumerate(rows):
        expected[str(number)] = signed = amount if direction == "入账" else -amount
        shown = [format_yuan(f).replace(",", "") for f in (signed if is_signed else amount, *parts)]
        lines.append(",".join(("2026-10-09 12:00:00", f"F{number}", direction, shown[0], scene, *shown[1:])))
    (folder / "fund.csv").write_text("\n".join(lines), "utf-8")

    flows = collect(folder).tables.flows

    number = pl.col("flow_id").str.extract(r"^F(\d+)", 1)
    assert dict(flows.group_by(number).agg(pl.col("amount_fen").sum()).rows()) == expected


def test_a_fund_statement_without_fee_columns_has_no_fees(collected):
    found = collected(fund="动账时间,动帐流水号,动账方向,动账金额,动账场景\n2026-10-09 12:00:00,F1,入账,95.00,货款结算入账\n")

    assert money(found) == {"trade_receipt": 9500}


def test_a_douyin_order_of_which_one_line_is_refunded_states_a_refund(collected):
    found = collected("douyin_orders/of_74_columns_tabs_and_several_lines")

    orders = found.tables.orders.select("order_id", "is_refund_stated").head(3).rows()
    assert [stated for _, stated in orders] == [True, True, False]
    assert found.tables.order_lines.height == 9
    assert found.duplicates.is_empty()


def test_a_douyin_order_without_that_column_says_nothing_about_refunds(collected):
    found = collected("douyin_orders/picked_columns_in_a_sheet")

    assert found.tables.orders["is_refund_stated"].to_list() == [None, None]


def test_the_lines_of_a_douyin_order_and_its_postage_are_the_order(collected):
    found = collected("douyin_orders/of_74_columns_tabs_and_several_lines").tables
    lines = found.order_lines.group_by("order_id").agg(pl.col("buyer_paid_fen").sum().alias("lines_fen"))

    both = found.orders.join(lines, on="order_id", how="full", coalesce=True)

    assert (both["lines_fen"] + both["shipping_fen"] == both["buyer_paid_fen"]).all()


def test_a_jd_order_with_a_row_a_product_is_one_order(collected):
    found = collected("jd_orders/of_2016_with_a_row_a_product")

    assert found.tables.orders.filter(pl.col("order_id") == "300010000001").select("buyer_paid_fen", "list_fen").rows() == [
        (8100, 8900)
    ]
    assert found.duplicates.is_empty()


def test_a_jd_wallet_is_an_account_of_its_own_beside_the_settlement(collected):
    found = collected("jd_settlement_v0/wrapped_ids", "jd_wallet/sheet_with_equal_rows")

    accounts = found.tables.flows.group_by("account").agg(pl.col("kind").unique().sort()).sort("account").rows()
    assert accounts == [
        (None, ["fee", "fee_return", "insurance", "refund", "trade_receipt"]),
        ("110000199", ["fee", "transfer"]),
    ]


def test_settlement_lumps_in_the_wallet_are_no_receipts(collected):
    alone = money(collected("jd_settlement_v2/signed_amounts"))

    both = money(collected("jd_wallet/lumps_payouts_and_what_the_wallet_alone_pays"))

    assert both["trade_receipt"] == alone["trade_receipt"] == 5949


def test_the_three_jd_settlements_are_told_apart_by_their_header(collected):
    found = collected(
        "jd_settlement/fees_and_an_unsettled_refund", "jd_settlement_v0/wrapped_ids", "jd_settlement_v2/signed_amounts"
    )

    assert found.intake["layout"].to_list() == ["jd_settlement", "jd_settlement_v0", "jd_settlement_v2"]


@pytest.mark.parametrize("layout", ["jd_settlement/fees_and_an_unsettled_refund", "jd_settlement_v2/signed_amounts"])
def test_equal_settlement_rows_of_overlapping_files_count_once(collected, tmp_path, layout):
    once = money(collected(layout))
    source = next((tmp_path / layout.replace("/", "_")).glob("in.*"))
    (tmp_path / "again.csv").write_bytes(source.read_bytes().rstrip() + b"\r\n\r\n")

    assert money(collect(tmp_path)) == once
