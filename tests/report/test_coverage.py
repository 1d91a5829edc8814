"""What a month rests on: its data by table, match rates by platform, and how complete its cases are."""

from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from recon_kit import coverage_view, display, management_scope, section_ties
from recon_kit.record import load_run
from recon_kit.results import CASE_FILE, MATCHES, UNMATCHED, conform_result
from recon_kit.schema import AFTERSALES, VOUCHER_LINES, conform

NOON = datetime(2026, 10, 12, 12, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
TABLES = {"matches": MATCHES, "unmatched": UNMATCHED, "case_file": CASE_FILE}


def told(folder, **tables):
    for name, rows in tables.items():
        conform_result(pl.DataFrame(rows, infer_schema_length=None), TABLES[name]).write_parquet(
            folder / f"tables/{name}.parquet"
        )
    return load_run(folder)


def matched(pair, group, table, row_key):
    return {"pair": pair, "group_id": group, "side": "left", "table": table, "row_key": row_key}


def alone(pair, table, row_key, reason="no_counterpart"):
    return {"pair": pair, "side": "left", "table": table, "row_key": row_key, "reason": reason}


def test_every_table_says_how_many_rows_came_and_from_when_to_when(run_folder):
    run = load_run(run_folder)

    frame = management_scope.coverage(run)
    assert frame["table"].to_list() == ["aftersales", "flows"]
    assert frame.select("n_sources", "first_on", "last_on").row(0)[0] == 1
    assert section_ties.tie_figures(run, "coverage")[0] == run.table("intake")["rows_loaded"].sum()
    assert "售后单" in coverage_view.coverage_table(run, "zh").html


def test_a_row_takes_the_platform_of_its_order_case_or_of_what_it_was_matched_with(run_folder):
    case = {"case_id": "R1", "order_id": "O1", "kind": "refund_only", "applied_at": NOON, "platform_status": "success"}
    booked = {"period": "2026-10", "voucher_id": "记-1", "line_no": "1", "date": NOON.date(), "account": "1012"}
    amounts = {"debit_fen": 0, "credit_fen": 100, "ref_kind": "case", "ref_id": "R1"}
    place = {"source_file": "a.csv", "source_row": 2}
    conform(pl.DataFrame([case | {"platform": "pdd"} | place]), AFTERSALES).write_parquet(
        run_folder / "tables/aftersales.parquet"
    )
    conform(pl.DataFrame([booked | amounts | place]), VOUCHER_LINES).write_parquet(run_folder / "tables/voucher_lines.parquet")
    run = told(
        run_folder,
        matches=[
            matched("M3", "M3-0", "aftersales", "pdd|R1"),
            matched("M3", "M3-0", "flows", "alipay|F1|"),
            matched("M4", "M4-0", "voucher_lines", "2026-10|记-1|1"),
            matched("M5", "M5-0", "voucher_lines", "2026-10|记-1|case|R1"),
        ],
        unmatched=[
            alone("M3", "flows", "alipay|F2|"),
            alone("M3", "aftersales", "pdd|R9", "excluded"),
            alone("M3", "aftersales", "pdd|R1"),
        ],
    )

    assert management_scope.match_matrix(run).rows() == [
        ("M3", "pdd", 3, 2),
        ("M3", None, 1, 0),
        ("M4", "pdd", 1, 1),
        ("M5", "pdd", 1, 1),
    ]
    assert section_ties.tie_figures(run, "matrix") == (4, 4, "count")
    shown = coverage_view.matrix_table(run, "zh").html
    assert "66.7% (2/3)" in shown and "拼多多" in shown and "未归类" in shown


def file(case, approval="approved", complete=True, **more):
    base = {"platform": "pdd", "case_id": case, "shop": "甲", "kind": "refund_only", "amount_fen": 100, "is_of_period": True}
    legs = dict.fromkeys(("goods", "fee", "discount"), "none") | {"money": "ties", "ledger": "ties"}
    return base | legs | {"approval": approval, "is_complete": complete, "vouchers": ["记-1"], "attachments": 1} | more


def test_cases_are_counted_by_approval_with_their_vouchers_and_attachments(run_folder):
    run = told(
        run_folder,
        case_file=[
            file("R1"),
            file("R2", vouchers=[], attachments=0, complete=False),
            file("R3", "missing", complete=False),
            file("R4", is_of_period=False),
        ],
    )
    run.summary["case_file"] = {"ended": 3, "complete": 1}

    assert management_scope.approvals(run).rows() == [("approved", 2, 200, 1, 1, 1), ("missing", 1, 100, 1, 1, 0)]
    assert section_ties.tie_figures(run, "completeness") == (3, 3, "count")
    assert "缺审批" in coverage_view.approvals_table(run, "zh").html


def test_an_incomplete_case_says_what_it_lacks(run_folder):
    run = told(
        run_folder,
        case_file=[
            file("R1"),
            file("R2", "missing", complete=False, amount_fen=900),
            file("R3", complete=False, money="broken", ledger="pending", amount_fen=500),
            file("R4", complete=False, vouchers=[]),
        ],
    )

    assert management_scope.incomplete(run).select("case_id", "lacks").rows() == [
        ("R2", ["approval"]),
        ("R3", ["money:broken", "ledger:pending"]),
        ("R4", ["voucher"]),
    ]
    shown = coverage_view.incomplete_table(run, "zh").html
    assert "资金不符、账务在途" in shown and "凭证没有名号" in shown
    assert "Money broken, Ledger pending" in coverage_view.incomplete_table(run, "en").html


def test_a_file_is_named_by_its_layout_s_name_and_not_by_its_identifier(run_folder):
    shown = display.intake_table(load_run(run_folder), "zh").html

    assert "layout_0" not in shown and shown.count("旗舰店") == 2
