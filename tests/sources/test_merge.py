import polars as pl

from recon_kit.schema import TABLES
from recon_kit.sources.layout import Complement
from recon_kit.sources.merge import Source, merge
from recon_kit.sources.own import reason_group


def source(table, layout, rows, *, template=False, complement=None, rank=0):
    """Rows as dicts; `f` is the file (a, b, …), `line` tells the lines of one key apart, `link` joins a complement."""
    schema = TABLES[table].polars_schema
    made = []
    for number, row in enumerate(rows):
        file = row.get("f", layout)
        made.append(
            {
                **{name: row.get(name) for name in schema},
                "source_file": file,
                "source_row": row.get("row", number + 2),
                "_file": sorted({r.get("f", layout) for r in rows}).index(file),
                "_line": row.get("line", ""),
                "_link": row.get("link"),
            }
        )
    whole = {**schema, "_file": pl.Int64(), "_line": pl.String(), "_link": pl.String()}
    stated = tuple({name for row in rows for name in row if name in schema})
    return Source(layout, rank, template, pl.DataFrame(made, schema=whole), stated, complement)


def cases(**final):
    return [{"platform": "taobao", "case_id": case, "order_id": "O1", "final_fen": fen} for case, fen in final.items()]


def test_a_key_that_comes_twice_in_one_file_is_k05_and_the_first_row_is_loaded():
    again = {**cases(R1=100)[0], "final_fen": 200}

    merged = merge(TABLES["aftersales"], [source("aftersales", "taobao_refunds", [*cases(R1=100, R2=50), again])])

    assert merged.frame.select("case_id", "final_fen").rows() == [("R1", 100), ("R2", 50)]
    assert merged.kept == {"taobao_refunds": 2}
    assert merged.duplicates.select("table", "key", "order_id", "case_id", "n").rows() == [
        ("aftersales", "taobao|R1", "O1", "R1", 2)
    ]
    assert merged.duplicates["evidence"].to_list() == [["taobao_refunds:2", "taobao_refunds:4"]]


def test_identical_rows_of_one_file_are_k05_too():
    merged = merge(TABLES["aftersales"], [source("aftersales", "taobao_refunds", cases(R1=100) * 2)])

    assert merged.duplicates["n"].to_list() == [2]


def test_identical_rows_of_two_files_are_an_overlap_and_no_discrepancy():
    rows = [{**row, "f": file} for file in "ab" for row in cases(R1=100)]

    merged = merge(TABLES["aftersales"], [source("aftersales", "taobao_refunds", rows)])

    assert merged.kept == {"a": 1}
    assert merged.duplicates.is_empty()


def test_another_content_in_a_second_file_of_the_layout_is_k05():
    rows = [{**cases(R1=100)[0], "f": "b"}, {**cases(R1=70)[0], "f": "a"}]

    merged = merge(TABLES["aftersales"], [source("aftersales", "taobao_refunds", rows)])

    assert merged.frame["final_fen"].to_list() == [70]
    assert merged.duplicates["n"].to_list() == [2]


def test_the_lines_of_one_order_are_one_order_and_every_row_counts_as_loaded():
    rows = [{"platform": "taobao", "order_id": "O1", "buyer_paid_fen": 100, "line": line} for line in ("茶杯", "茶盘")]

    merged = merge(TABLES["orders"], [source("orders", "taobao_orders", rows)])

    assert merged.frame.height == 1
    assert merged.kept == {"taobao_orders": 2}
    assert merged.duplicates.is_empty()


def test_the_same_line_of_an_order_twice_is_k05():
    rows = [{"platform": "taobao", "order_id": "O1", "buyer_paid_fen": 100, "line": "茶杯"}] * 2

    assert merge(TABLES["orders"], [source("orders", "taobao_orders", rows)]).duplicates["n"].to_list() == [2]


def test_a_template_row_completes_the_platforms_row_and_tmall_is_taobao():
    platform = source("aftersales", "taobao_refunds", cases(R1=100))
    erp = [{"platform": "tmall", "case_id": "R1", "order_id": "O1", "creator": "cs01", "erp_fen": 100}]

    merged = merge(TABLES["aftersales"], [source("aftersales", "template", erp, template=True), platform])

    assert merged.frame.select("platform", "final_fen", "creator", "erp_fen", "source_file").rows() == [
        ("taobao", 100, "cs01", 100, "taobao_refunds")
    ]
    assert merged.kept == {"taobao_refunds": 1, "template": 1}
    assert merged.notes == ()


def test_where_both_state_a_column_the_platform_wins_and_the_difference_is_counted():
    platform = source("aftersales", "taobao_refunds", cases(R1=100, R2=50))
    erp = source("aftersales", "template", cases(R1=90, R2=50), template=True)

    merged = merge(TABLES["aftersales"], [platform, erp])

    assert merged.frame["final_fen"].to_list() == [100, 50]
    assert [note.facts for note in merged.notes] == [{"file": "template", "column": "最终金额", "n": 1}]


def test_rows_only_a_template_has_are_added():
    merged = merge(
        TABLES["aftersales"],
        [source("aftersales", "taobao_refunds", cases(R1=100)), source("aftersales", "template", cases(R2=50), template=True)],
    )

    assert sorted(merged.frame["case_id"]) == ["R1", "R2"]


def test_a_row_that_leaves_part_of_its_key_open_completes_the_one_row_it_can_only_mean():
    bill = [{"channel": "wechat", "pay_id": "P1", "trade_no": "T1", "amount_fen": 100}]
    template = [{"channel": "wechat", "pay_id": "P1", "order_id": "O1", "amount_fen": 100}]

    merged = merge(
        TABLES["payments"], [source("payments", "wechat_trade", bill), source("payments", "t", template, template=True)]
    )

    assert merged.frame.select("pay_id", "trade_no", "order_id").rows() == [("P1", "T1", "O1")]


def test_a_row_that_could_mean_two_rows_stays_on_its_own():
    bill = [{"channel": "wechat", "pay_id": "P1", "trade_no": trade, "amount_fen": 100} for trade in ("T1", "T2")]
    template = [{"channel": "wechat", "pay_id": "P1", "order_id": "O1", "amount_fen": 100}]

    merged = merge(
        TABLES["payments"], [source("payments", "wechat_trade", bill), source("payments", "t", template, template=True)]
    )

    assert merged.frame.height == 3


TAKES = Complement(of="wechat_fundflow", takes=("request_no", "pay_id"))


def flow(flow_id, **row):
    return {"channel": "wechat", "flow_id": flow_id, "kind": "refund", "amount_fen": -100, "status": "success", **row}


def test_a_trade_bill_row_completes_the_fund_bill_row_of_the_same_refund():
    fund = source("flows", "wechat_fundflow", [flow("F1", link="R1", request_no="voucher")])
    trade = source(
        "flows", "wechat_trade", [flow("R1", link="R1", request_no="AS1", pay_id="P1", status="processing")], complement=TAKES
    )

    merged = merge(TABLES["flows"], [trade, fund])

    assert merged.frame.select("flow_id", "request_no", "pay_id", "status").rows() == [("F1", "AS1", "P1", "success")]
    assert merged.kept == {"wechat_fundflow": 1, "wechat_trade": 1}


def test_a_trade_bill_refund_that_the_loaded_fund_bill_lacks_has_not_arrived():
    rows = [flow("R2", link="R2"), flow("R3", link="R3", status="failed")]

    merged = merge(
        TABLES["flows"], [source("flows", "wechat_fundflow", []), source("flows", "wechat_trade", rows, complement=TAKES)]
    )

    assert merged.frame.select("flow_id", "status", "success_at").rows() == [("R2", "processing", None), ("R3", "failed", None)]


def test_without_any_fund_bill_the_trade_bill_is_believed():
    merged = merge(TABLES["flows"], [source("flows", "wechat_trade", [flow("R2", link="R2")], complement=TAKES)])

    assert merged.frame["status"].to_list() == ["success"]


def test_a_reason_is_grouped_by_its_words_and_a_stranger_keeps_none():
    reasons = ["质量问题", "少件漏发", "物流太慢", "不想要了", "七天无理由退换货", "降价了", "其他", "心情不好", None]

    groups = pl.DataFrame({"reason": reasons}).select(reason_group().alias("g"))["g"].to_list()

    assert groups == ["quality", "wrong_goods", "logistics", "no_reason", "no_reason", "price", "other", None, None]
    assert {group for group in groups if group} <= set(TABLES["aftersales"].column("reason_group").allowed)
