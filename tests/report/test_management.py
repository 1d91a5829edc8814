from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from recon_kit import charts, display, handled_view, management, management_view, narrative, section_ties, views
from recon_kit.record import load_run
from recon_kit.results import ACTIONS, CARRY_FORWARD, DISCREPANCIES, KPI_MOVEMENTS, KPIS, OPEN_ITEMS, TAX_BASIS, conform_result
from recon_kit.schema import AFTERSALES, FLOWS, PRODUCTS, conform
from recon_kit.tables import Shown, short_table

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 10, 12, 12, 0, tzinfo=SHANGHAI)


def with_table(folder, name, rows, table, conformed=conform_result):
    conformed(pl.DataFrame(rows), table).write_parquet(folder / f"tables/{name}.parquet")
    return load_run(folder)


def moved(folder, *members):
    """Movements of the refunds by platform (member, before, now, volume) and in all."""
    rows = []
    for dimension, parts in (("platform", members), ("all", [("all", *map(sum, zip(*[m[1:] for m in members], strict=True)))])):
        for member, before, now, volume in parts:
            figures = {"numerator_before": before, "numerator": now, "movement": now - before, "volume": volume}
            rate = now - before - volume
            rows.append({"kpi": management.REFUNDED, "dimension": dimension, "member": member, **figures, "rate": rate})
    return with_table(folder, "kpi_movements", rows, KPI_MOVEMENTS)


def findings(folder, *rows):
    return with_table(folder, "discrepancies", [{"nature": "break", "severity": "high", **row} for row in rows], DISCREPANCIES)


def test_volume_and_rate_lead_from_last_period_to_this_one(run_folder):
    run = moved(run_folder, ("tmall", 1000, 1500, 100), ("pdd", 400, 300, -40))

    before, volume, rate, now = management.movement(run)

    assert (before, volume, rate, now) == (1400, 60, 340, 1800)
    assert before + volume + rate == now
    assert management.contributions(run, "platform").select("member", "movement_fen").rows() == [("tmall", 500), ("pdd", -100)]


def test_members_beyond_the_first_are_one_row_that_keeps_the_sum(run_folder):
    run = moved(run_folder, *((f"p{i}", 0, 100 + i, 0) for i in range(management.TOP_MEMBERS + 3)))

    listed = management.contributions(run, "platform")

    assert listed["is_rest"].to_list() == [False] * management.TOP_MEMBERS + [True]
    assert listed["movement_fen"].sum() == management.movement(run).now


def test_a_member_that_nothing_names_is_unclassified_and_not_the_rest(run_folder):
    run = moved(run_folder, (None, 0, 900, 0), ("pdd", 0, 300, 0))

    shown = management_view.contributions_table(run, "platform", "zh").html

    assert "未归类" in shown and "其余" not in shown


def test_without_last_period_the_pack_says_so_and_draws_nothing(run_folder):
    (run_folder / "tables/kpi_movements.parquet").unlink()
    run = load_run(run_folder)

    assert isinstance(charts.plot_movement(run, "zh"), Shown)
    assert "没有导入上期" in charts.plot_movement(run, "zh").html
    assert management_view.moved_line(run, "zh").html == ""
    assert "比上期" not in narrative.render_story(run, "zh", "management")


@pytest.mark.parametrize(("now", "says"), [(1500, "增加"), (500, "减少")])
def test_the_story_says_which_way_the_refunds_moved(run_folder, now, says):
    story = narrative.render_story(moved(run_folder, ("tmall", 1000, now, 0)), "zh", "management")

    assert f"元{says} <a" in story.split('class="says-moved"')[1]
    assert "天猫" in story


def test_drivers_rank_members_by_money_and_leave_out_those_without_refunds(run_folder):
    rows = [
        {"kpi": kpi, "dimension": "sku", "member": sku, "numerator": top, "denominator": below}
        for sku, amount, n, paid in (("A", 100, 1, 1000), ("B", 900, 3, 1000), ("C", 0, 0, 500))
        for kpi, top, below in ((management.REFUNDED, amount, paid), ("refund_rate_count_period", n, 10))
    ]
    run = with_table(run_folder, "kpis", rows, KPIS)

    assert management.drivers(run, "sku").rows() == [("B", 3, 900, 1000, False), ("A", 1, 100, 1000, False)]
    assert management.drivers(run, "carrier").is_empty()
    assert "90.0%" in management_view.drivers_tables(run, "en").html


def test_a_product_is_named_with_its_title(run_folder):
    row = {"sku": "A", "title": "白瓷<b>壶</b>", "source_file": "p.xlsx", "source_row": 2}
    with_table(run_folder, "products", [row], PRODUCTS, conform)
    rows = [
        {"kpi": kpi, "dimension": "sku", "member": sku, "numerator": 100, "denominator": 1000}
        for sku in ("A", "B")
        for kpi in (management.REFUNDED, "refund_rate_count_period")
    ]

    shown = management_view.drivers_tables(with_table(run_folder, "kpis", rows, KPIS), "zh").html

    assert "A 白瓷&lt;b&gt;壶&lt;/b&gt;" in shown and ">B<" in shown


def test_deductions_are_what_moved_in_the_period_by_as_of(run_folder):
    def flow(n, kind, fen, at=NOON, status="success"):
        return {
            "channel": "alipay",
            "flow_id": f"F{n}",
            "at": at,
            "status": status,
            "kind": kind,
            "amount_fen": fen,
            "source_file": "a.csv",
            "source_row": n,
        }

    rows = [
        flow(1, "fee", -300),
        flow(2, "fee", -200),
        flow(3, "fee_return", 120),
        flow(4, "refund", -9000),
        flow(5, "fee", -700, at=datetime(2026, 11, 2, 9, 0, tzinfo=SHANGHAI)),
        flow(6, "penalty", -50, status="failed"),
    ]
    run = with_table(run_folder, "flows", rows, FLOWS, conform)

    assert management.deductions(run).rows() == [("alipay", "fee", 2, 500, 0), ("alipay", "fee_return", 1, 0, 120)]


def test_goods_on_their_way_or_in_the_warehouse_are_not_lost(run_folder):
    run = findings(
        run_folder,
        {"code": "W01", "qty": -1, "loss_fen": 800},
        {"code": "W02", "qty": 1, "loss_fen": 500},
        {"code": "W05", "qty": -2, "loss_fen": 300},
        {"code": "C04", "qty": None, "loss_fen": None},
    )

    assert management.stock_loss(run).select("state", "code", "qty", "loss_fen").rows() == [
        ("at_risk", "W01", 1, 800),
        ("on_its_way", "W02", 1, 500),
        ("not_in_books", "W05", 2, 300),
    ]
    assert narrative.measure(run, "loss.stock") == 800


def test_money_to_be_paid_is_told_by_when_and_from_which_wallet(run_folder):
    cases = [
        {"case_id": case, "order_id": case, "kind": kind, "applied_at": NOON, "approved_at": approved, "platform_status": status}
        | {"approved_fen": 700, "platform": "pdd", "source_file": "a.csv", "source_row": 1}
        for case, kind, status, approved in (
            ("R1", "refund_only", "open", NOON),
            ("R2", "exchange", "open", NOON),
            ("R3", "refund_only", "success", NOON),
            ("R4", "refund_only", "open", datetime(2026, 11, 3, 9, 0, tzinfo=SHANGHAI)),
        )
    ]
    with_table(run_folder, "aftersales", cases, AFTERSALES, conform)
    run = findings(
        run_folder,
        {"code": "C04", "gap_fen": -900, "channel": None, "platform": "tmall", "breaks_on": None},
        {"code": "C02", "gap_fen": -400, "channel": "wechat", "platform": "wechat_mini", "breaks_on": date(2026, 11, 3)},
        {"code": "C05", "gap_fen": 100, "channel": "alipay", "platform": "tmall", "breaks_on": None},
    )

    assert management.funds(run).rows() == [
        ("overdue", None, "alipay", 1, 900),
        ("in_transit", date(2026, 11, 3), "wechat", 1, 400),
        ("approved", None, "pdd", 1, 700),
    ]


def test_what_states_no_amount_has_none_rather_than_zero(run_folder):
    run = findings(run_folder, {"code": "K02", "owner": "audit", "nature": "control", "gap_fen": None, "loss_fen": None})

    assert management.code_owner(run).rows() == [("audit", "K02", 1, None, None)]
    assert management.control_breaches(run).rows() == [("K02", "high", "audit", 1, None)]


def test_a_promotion_is_cut_to_the_days_of_the_period(run_folder):
    run = load_run(run_folder)
    run.summary["promotions_calendar"] = {"双11": ["2026-10-31", "2026-11-11"], "618": ["2026-06-01", "2026-06-18"]}

    assert management.promotion_days(run) == [("双11", date(2026, 10, 31), date(2026, 10, 31))]
    assert [shape.type for shape in charts.plot_daily_refunds(run, "zh").figure.layout.shapes] == ["rect"]


def test_the_kpi_table_looks_back_a_month_and_a_year_where_these_are_known(run_folder):
    shown = display.kpi_table(load_run(run_folder), "zh").html

    assert "上月" in shown and "去年同月" in shown
    (run_folder / "tables/kpi_trend.parquet").unlink()
    assert "上月" not in display.kpi_table(load_run(run_folder), "zh").html


def test_the_trend_draws_a_month_that_is_not_mature_hollow_and_bands_the_promotions(run_folder):
    run = load_run(run_folder)
    run.summary["promotions_calendar"] = {"双11": ["2026-10-31", "2026-11-11"]}

    figure = charts.plot_trend(run, "zh").figure

    refunds = next(trace for trace in figure.data if trace.name == "退款率（金额）")
    assert list(refunds.x) == ["2025-10", "2026-09", "2026-10"]
    assert list(refunds.marker.symbol) == ["circle", "circle", "circle-open"]
    assert (figure.layout.shapes[0].x0, figure.layout.shapes[0].x1) == (1.5, 2.5)


def test_with_this_month_alone_there_is_no_trend_and_the_page_says_how_to_have_one(run_folder):
    (run_folder / "tables/kpi_trend.parquet").unlink()

    assert "kpi_history" in charts.plot_trend(load_run(run_folder), "en").html


def rolled(folder):
    """C04 came in with two, one cleared, one new; of L01 nothing stands."""
    steps = {"opening_n": 2, "new_n": 1, "recoded_n": 0, "cleared_n": 1, "written_off_n": 0, "closing_n": 2}
    money = {"opening_fen": 700, "new_fen": 300, "recoded_fen": 0, "changed_fen": 50, "cleared_fen": 400, "written_off_fen": 0}
    rows = [{"code": code, **steps, **money, "closing_fen": 650} for code in ("all", "C04")]
    nothing = [{"code": "L01", **dict.fromkeys([*steps, *money], 0), "closing_fen": 0}]
    with_table(folder, "carry_forward", rows + nothing, CARRY_FORWARD)
    items = [
        {"code": "C04", "key": "R1", "is_found": True, "status": "open", "amount_fen": 650, "remaining_fen": 650},
        {"code": "C04", "key": "R2", "is_found": False, "status": "cleared", "amount_fen": 400, "remaining_fen": 0},
    ]
    settled = {"cleared_how": "match", "cleared_by": "flow alipay|F9 (a.csv:9)", "first_period": "2026-09"}
    return with_table(folder, "open_items", [items[0] | dict.fromkeys(settled), items[1] | settled], OPEN_ITEMS)


def test_the_roll_leads_from_opening_to_closing_and_ties_to_what_remains(run_folder):
    run = rolled(run_folder)

    assert views.roll(run)["code"].to_list() == ["C04", "all"]
    assert "L01" not in handled_view.roll_table(run, "zh").html
    assert section_ties.tie_figures(run, "roll") == (650, 650, "fen")
    assert "流水 alipay|F9 (a.csv:9)" in handled_view.cleared_table(run, "zh").html
    assert "flow alipay|F9 (a.csv:9)" in handled_view.cleared_table(run, "en").html
    assert "对上另一方" in handled_view.cleared_table(run, "zh").html


def test_the_pack_s_roll_puts_what_is_new_alone_into_one_line(run_folder):
    names = [column.name for column in CARRY_FORWARD.columns if column.name != "code"]
    new = {**dict.fromkeys(names, 0), "new_n": 1, "new_fen": 100, "closing_n": 1, "closing_fen": 100}
    carried = {**dict.fromkeys(names, 0), "opening_n": 1, "opening_fen": 50, "closing_n": 1, "closing_fen": 50}
    total = {name: 2 * new[name] + carried[name] for name in names}
    rows = [{"code": code, **row} for code, row in (("C04", new), ("C07", new), ("L01", carried), ("all", total))]
    run = with_table(run_folder, "carry_forward", rows, CARRY_FORWARD)

    shown = views.roll(run, only_carried=True)
    assert shown.select("code", "opening_n", "new_n", "closing_fen").rows() == [
        ("L01", 1, 0, 50),
        ("others", 0, 2, 200),
        ("all", 1, 2, 250),
    ]
    written = handled_view.roll_table(run, "zh", only_carried=True).html
    assert "其余各码（本期才有）" in written and "核销（元）" not in written and "期末（元）" in written
    assert views.roll(run)["code"].to_list() == ["C04", "C07", "L01", "all"]


def test_a_column_of_days_is_not_broken_over_lines():
    frame = pl.DataFrame({"due_day": ["2026-10-05", ""], "note": ["2026-10-05 晚", "x"]})

    assert short_table(frame, "zh", "t").html.count("white-space:nowrap") == 2


def test_the_stage_of_handling_counts_what_somebody_decided(run_folder):
    assert management.funnel(rolled(run_folder))[-2] == ("handle", 1, 0)


def test_the_stage_of_archiving_counts_the_months_that_are_closed(run_folder):
    run = load_run(run_folder)
    assert management.funnel(run)[-1] == ("archive", 0, 0)
    run.summary["months"] = {"run": 4, "closed": 3}

    assert management.funnel(run)[-1] == ("archive", 4, 3)
    assert "已结账的月份" in management_view.funnel_table(run, "zh").html


def test_the_story_names_every_platform_s_share_and_the_shares_sum_to_the_movement(run_folder):
    run = moved(run_folder, ("tmall", 1000, 1500, 100), ("pdd", 400, 300, -40), (None, 0, 30, 0))

    parts = [narrative.measure(run, f"moved.part{place}_by") for place in range(narrative.measure(run, "moved.parts"))]
    assert parts == [500, -100, 30] and sum(parts) == management.movement(run).now - management.movement(run).before
    story = narrative.render_story(run, "zh", "management")
    assert '天猫 <a class="figure" href="#moved" data-figure="moved.part0_by">+5.00</a> 元、拼多多' in story
    assert "未归类" in story and "合起来就是这一变动" in story
    assert narrative.verify_figures(story, run) > 10


def test_members_beyond_the_first_are_named_as_the_others_in_the_story(run_folder):
    run = moved(run_folder, *((name * 3, 0, 100 + i, 0) for i, name in enumerate("abcdefghijk")))

    assert narrative.measure(run, f"moved.part{management.TOP_MEMBERS}") == "all_others"
    assert "其余 <a" in narrative.render_story(run, "zh", "management")


def test_the_story_says_what_is_late_and_which_actions_did_not_hold(run_folder):
    late = {"discrepancy_id": "D1", "code": "C04", "key": "R1", "shop": "甲", "status": "open", "is_overdue": True}
    late |= {"due_on": date(2026, 10, 20), "remaining_fen": 12345, "event_on": date(2026, 10, 19)}
    actions = [
        {"discrepancy_id": "D9", "what": what, "code": "C04", "shop": "甲", "agreed_on": date(2026, 10, 1), **about}
        for what, about in (
            ("甲", {"is_done": True, "done_on": date(2026, 10, 5), "is_overdue": False}),
            ("乙", {"is_done": False, "is_overdue": True}),
        )
    ]
    with_table(run_folder, "open_items", [late], OPEN_ITEMS)
    story = narrative.render_story(with_table(run_folder, "actions", actions, ACTIONS), "zh", "management")

    assert 'data-figure="late.amount">123.45</a>' in story
    assert 'data-figure="actions.late">1</a>' in story and 'data-figure="actions.again">1</a>' in story


def test_the_trend_says_of_each_month_what_a_rate_is_of_and_whether_it_is_mature(run_folder):
    shown = display.trend_table(load_run(run_folder), "zh").html

    assert "13.86% (70/505)，未成熟" in shown and "2025-10" in shown
    assert "not mature" in display.trend_table(load_run(run_folder), "en").html
    (run_folder / "tables/kpi_trend.parquet").unlink()
    assert display.trend_table(load_run(run_folder), "zh").html == ""


def test_proposed_entries_state_their_effect_on_profit(run_folder):
    shown = management_view.entries_effect(load_run(run_folder), "zh").html

    assert "更正" in shown and "-12.34" in shown


def test_a_tax_rate_is_written_as_people_say_it(run_folder):
    parts = [
        {"part": "sales", "rate": rate, "sales_fen": 100, "vat_fen": 0, "gross_fen": 100, "n": 1}
        for rate in ("0.13", "0.005", None)
    ]
    run = with_table(run_folder, "tax_basis", parts, TAX_BASIS)

    shown = management_view.tax_table(run, "zh").html

    assert all(f">{rate}</td>" in shown for rate in ("13%", "0.5%", "—"))
