"""Trace: an id of any kind leads to the order's whole life, each platform its own, and the first lines are the answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import recon_kit
from recon_kit.collect import Collected
from recon_kit.errors import ReportError
from recon_kit.run import write_tables
from recon_kit.tracing import Life, trace
from tests.world import at, case, order, receipt, refund, run, voucher, world


@pytest.fixture
def written(tmp_path):
    """Reconcile a world and write its run folder."""

    def write(collected: Collected, **about: Any) -> Path:
        folder = tmp_path / "2026-10"
        folder.mkdir()
        write_tables(folder, run(collected, **about).outcome)
        return folder

    return write


def life(folder: Path, wanted: str, language: str = "zh") -> Life:
    (only,) = trace(folder, wanted, language).lives
    return only


def found_place(folder: Path, table: str) -> str:
    row = pl.read_parquet(folder / "tables" / f"{table}.parquet").row(0, named=True)
    return f"{row['source_file']}:{row['source_row']}"


def told(found: Life) -> list[tuple[str, str]]:
    return list(found.events.select("event", "id").iter_rows())


def test_a_life_is_told_in_time_order_with_what_matched_what_and_where_each_row_stands(written):
    folder = written(world(orders=[order("A")], cases=[case("S", "A")], flows=[refund("F", case_id="S", on="2026-10-13")]))

    found = life(folder, "A")

    assert [event for event, _ in told(found)] == ["paid", "flow", "applied", "approved", "finished", "flow", "voucher"]
    by_event = {row["event"] + row["id"]: row for row in found.events.to_dicts()}
    assert "M3" in by_event["flowF"]["matched"] and "S 〔售后编号〕" in by_event["flowF"]["matched"]
    assert "M4" in by_event["flowF"]["matched"] and by_event["flowF"]["amount_fen"] == -3000
    assert by_event["finishedS"]["place"] == found_place(folder, "aftersales")


def test_the_first_lines_say_paid_refunded_and_that_nobody_has_to_act(written):
    folder = written(world(orders=[order("A")], cases=[case("S", "A")], flows=[refund("F", case_id="S")]))

    assert life(folder, "A").answer == (
        "微信小程序 订单 A：买家实付 100.00 元，渠道已收 100.00 元，已退 30.00 元（截至 2026-10-31）。",
        "售后应退 30.00 元，已退清。",
        "没有待办：各方记录一致。",
    )


def test_a_refund_that_never_came_is_owed_and_its_owner_is_named_with_what_to_do(written):
    folder = written(world(orders=[order("A")], cases=[case("S", "A")]))

    found = life(folder, "S", "en")

    assert found.answer[1] == "The cases come to 30.00; 30.00 is still owed to the buyer."
    assert found.answer[2].startswith("Next, by Platform claims: ") and "(C04)" in found.answer[2]
    assert found.findings["code"].to_list() == ["C04"] and found.findings["why"][0].startswith("The case succeeded")
    assert found.bridge.select("line", "amount_fen").rows() == [("A0", 3000), ("A4", -3000)]
    assert found.bridge["label"][0] == "Platform: refunds completed in the period"


def test_a_refund_in_transit_says_by_when_it_has_to_arrive_and_when_it_did(written):
    flows = [refund("F", case_id="S", on="2026-11-02")]
    folder = written(world(orders=[order("A")], cases=[case("S", "A", done="2026-10-30")], flows=flows))

    answer = life(folder, "A").answer

    assert "尚欠买家 30.00 元" in answer[1] and answer[2] == "截至日之后又退 30.00 元（2026-11-02）。"
    assert "C02" in answer[3] and "2026-11-03 前到账即清" in answer[3]


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"approved_at": None, "requested": "30.00"}, "轮到商家：售后单 S 待审核（申请 30.00 元）。"),
        ({"kind": "return_refund"}, "轮到买家或仓库：售后单 S 已同意，退货尚未收到。"),
        ({}, "轮到平台：售后单 S 已同意，退款尚未完结。"),
    ],
)
def test_an_open_case_says_whose_turn_it_is(written, state, says):
    folder = written(world(orders=[order("A")], cases=[{**case("S", "A", done=None), **_fen(state)}]))

    assert says in life(folder, "A").answer


def _fen(state: dict[str, Any]) -> dict[str, Any]:
    return {
        ("requested_fen" if name == "requested" else name): (3000 if name == "requested" else value)
        for name, value in state.items()
    }


def test_money_refunded_inside_escrow_is_refunded_though_no_flow_shows_it(written):
    orders = [order("A", platform="pdd", pay_id=None, refunded_fen="30.00")]
    cases = [case("S", "A", platform="pdd")]
    folder = written(world(orders=orders, cases=cases, receipts=False))

    answer = life(folder, "A").answer

    assert "已退 30.00 元" in answer[0] and answer[1] == "其中担保期内退款 30.00 元，不经钱包。"


def test_every_kind_of_id_leads_to_the_order(written):
    cases = [case("S", "A", return_waybill="YT1")]
    flows = [refund("F", case_id="S", request_no="Q1", trade_no="T1")]
    returns = [{"return_id": "RK1", "case_id": "S", "sku": "X", "qty": 1, "received_at": at("2026-10-11"), "waybill": "YT1"}]
    folder = written(
        world(orders=[order("A")], cases=cases, flows=flows, returns=returns, vouchers=[voucher("V", ("S", "31.00"))])
    )
    finding = life(folder, "A").findings["discrepancy_id"][0]

    for wanted in ("A", "PAY-A", "S", "YT1", "F", "Q1", "T1", "RK1", "V", finding, " `F"):
        assert life(folder, wanted).order_id == "A", wanted


def test_the_same_number_on_two_platforms_is_two_lives_that_share_no_row(written):
    orders = [order("7", platform="pdd", pay_id=None, confirmed="2026-10-08"), order("7", pay_id="P7")]
    cases = [case("S", "7", platform="pdd"), case("S", "7")]
    flows = [
        receipt("7", channel="pdd", flow_id="R-pdd"),
        receipt("7", flow_id="R-wx", pay_id="P7"),
        refund("F-pdd", channel="pdd", case_id="S"),
        refund("F-wx", case_id="S"),
    ]
    folder = written(world(orders=orders, cases=cases, flows=flows, receipts=False))

    found = trace(folder, "7")

    assert [one.platform for one in found.lives] == ["pdd", "wechat_mini"]
    flows_of = [set(one.events.filter(table="flows")["id"]) for one in found.lives]
    assert flows_of == [{"R-pdd", "F-pdd"}, {"R-wx", "F-wx"}]
    assert set(found.frame["platform"]) == {"pdd", "wechat_mini"}


def test_a_refund_on_no_order_is_still_told(written):
    folder = written(world(orders=[order("A")], flows=[refund("LOST")]))

    found = life(folder, "LOST")

    assert found.answer[0] == "LOST 没有关联到订单。" and ("flow", "LOST") in told(found)
    assert found.findings["code"].to_list() == ["C03"]


def test_an_unknown_id_names_the_nearest_ones_by_their_beginning(written):
    folder = written(world(orders=[order("WK100"), order("WK101"), order("WX900")]))

    with pytest.raises(ReportError, match=r"the nearest are WK100, WK101\. Give"):
        trace(folder, "WK109")
    with pytest.raises(ReportError, match="no id begins like it"):
        trace(folder, "ZZ")


def test_personal_data_is_masked(written):
    folder = written(
        world(orders=[order("A")], cases=[case("S", "A", reason="电话 13812345678")], flows=[refund("F", case_id="S")])
    )

    assert "13812345678" not in trace(folder, "A").text and "电话 ***" in trace(folder, "A").text


def test_the_notebook_call_gives_a_frame_and_a_text(written):
    folder = written(world(orders=[order("A")], cases=[case("S", "A")], flows=[refund("F", case_id="S")]))

    frame, text, _ = recon_kit.trace(folder, "F")

    assert frame["order_id"].unique().to_list() == ["A"] and text.startswith("微信小程序 订单 A")
