import json
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from recon_kit.collect import Collected, Tables, collect
from recon_kit.errors import SourceError
from recon_kit.schema import TABLES
from recon_kit.sources.loading import load_layouts
from recon_kit.sources.own import Own

CASES = Path(__file__).parent / "sources" / "cases"
BILL_HEADER = "商户订单号,发生时间,收入金额（+元）,支出金额（-元）,账务类型,备注,业务描述"
FEES = "fee_id,channel,kind,amount,at"


def folder(base: Path, **files: str) -> Path:
    """A data folder; `__` in a name is a dot, `___` a folder."""
    for name, text in files.items():
        path = base / name.replace("___", "/").replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return base


def bill(*rows: str) -> str:
    return "\n".join([BILL_HEADER, *rows]) + "\n"


def refund(order: str, amount: str = "-5.00") -> str:
    return f"{order},2026-10-09 12:00:00,0,{amount},交易退款,-,0020002|交易退款-订单退款"


def flow_ids(collected: Collected) -> list[str]:
    assert collected.tables.flows is not None
    return collected.tables.flows["flow_id"].to_list()


def accounted(collected: Collected) -> bool:
    sums = collected.intake.select(pl.col("rows_read") - pl.sum_horizontal("rows_loaded", "rows_quarantined", "rows_duplicate"))
    return sums.to_series().eq(0).all()


def test_the_record_has_every_canonical_table_in_order():
    assert list(Tables.__dataclass_fields__) == list(TABLES)


def test_files_are_found_however_deep_and_whatever_they_are_called(tmp_path):
    data = folder(tmp_path, 十月___支付___a__txt=bill(refund("261002-1")), readme__md="x", b__csv=f"{FEES}\n")

    collected = collect(data)

    assert collected.intake["file"].to_list() == ["b.csv", "十月/支付/a.txt"]
    assert collected.intake["layout"].to_list() == ["template_fees", "pdd_bill"]


def test_what_is_no_data_is_passed_over_in_silence(tmp_path):
    names = (
        "~$a.xlsx",
        ".~lock.a.csv#",
        ".DS_Store",
        "Thumbs.db",
        "desktop.ini",
        "a.pdf",
        "b.PNG",
        "README.txt",
        "answer_key.csv",
        "recon.toml",
    )
    for name in (*names, "reports/2026-10/x.csv", "layouts/mine.toml", ".git/x.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"\0\1")

    collected = collect(tmp_path)

    assert collected.intake.is_empty()
    assert collected.warnings == ()


def test_an_absent_table_is_not_supplied_and_a_header_alone_is_evidence_of_nothing(tmp_path):
    tables = collect(folder(tmp_path, a__csv=f"{FEES}\n")).tables

    assert tables.orders is None
    assert tables.fees is not None
    assert tables.fees.is_empty()
    assert tables.fees.schema == TABLES["fees"].polars_schema


def test_an_unknown_file_is_a_warning_that_names_the_nearest_layout(tmp_path):
    data = folder(tmp_path, a__csv="fee_id,channel,kind,amount\n1,card,other,1.00\n", notes__json="{}", empty__csv="")

    warnings = collect(data).warnings

    assert {note.key for note in warnings} == {"unknown_file", "empty_file"}
    assert any("标准模板·平台费用，缺少列 时间" in note.text("zh") for note in warnings)
    assert any("lacks the columns 时间" in note.text("en") for note in warnings)


def test_a_file_that_cannot_be_read_stops_with_one_message(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04cut")

    with pytest.raises(SourceError, match=r"^a\.zip: the zip file is broken .*download it again"):
        collect(tmp_path)


def test_a_header_two_layouts_claim_is_refused_with_both_names(tmp_path):
    text = (Path(__file__).parents[1] / "recon_kit/sources/layouts/pdd_bill.toml").read_text("utf-8")
    a, b = (text.replace('name = "pdd_bill"', f'name = "{name}"') for name in ("mine", "theirs"))
    own = Own(layouts=load_layouts(folder(tmp_path / "layouts", a__toml=a, b__toml=b)))

    with pytest.raises(SourceError, match=r"a\.csv, row 1: two layouts claim this header: mine .* and theirs"):
        collect(folder(tmp_path / "data", a__csv=bill(refund("261002-1"))), own=own)


def test_a_layout_of_ones_own_reads_a_file_no_built_in_layout_knows(tmp_path):
    layouts = folder(
        tmp_path / "layouts",
        mine__toml="""
name = "mine"
label = { zh = "我的罚单", en = "my fines" }
confidence = "C"
signature = ["单号", "金额", "日期"]
[[rows]]
table = "fees"
constants = { channel = "other", kind = "penalty" }
[rows.columns]
fee_id = "单号"
amount_fen = "金额"
at = "日期"
""",
    )

    data = folder(tmp_path / "data", a__csv="单号,日期,金额\nF1,2026-10-01,¥12.00\n")
    fees = collect(data, own=Own(layouts=load_layouts(layouts))).tables.fees

    assert fees is not None
    assert fees.select("fee_id", "kind", "amount_fen", "source_file", "source_row").rows() == [
        ("F1", "penalty", 1200, "a.csv", 2)
    ]


def test_of_a_bill_without_row_ids_every_row_of_a_file_counts_and_across_files_the_larger_count(tmp_path):
    twice, thrice = [refund("261002-1")] * 2, [refund("261002-1")] * 3
    data = folder(tmp_path, a__csv=bill(*twice, refund("261002-2")), b__csv=bill(*thrice))

    collected = collect(data)

    assert len(flow_ids(collected)) == 4
    assert collected.intake["rows_duplicate"].to_list() == [0, 2]
    assert collected.duplicates.is_empty()


def test_the_same_file_twice_counts_once_with_a_warning(tmp_path):
    text = bill(refund("261002-1"), refund("261002-2"))

    collected = collect(folder(tmp_path, a__csv=text, copy__csv=text))

    assert collected.intake.select("rows_loaded", "rows_duplicate").rows() == [(2, 0), (0, 2)]
    assert [(note.key, note.facts["first"]) for note in collected.warnings] == [("same_file", "a.csv")]


def test_a_row_that_cannot_be_read_is_set_aside_with_its_place_and_reason(tmp_path):
    text = f"{FEES}\nF1,card,other,1.005,2026-10-01\nF2,card,other,1.00,2026-10-01\nF3,cash,other,1.00,2026-10-01\n"

    collected = collect(folder(tmp_path, a__csv=text))

    assert collected.quarantine.rows() == [
        ("a.csv", 2, "amount", "1.005", "不是精确到分的金额", None),
        ("a.csv", 4, "channel", "cash", "不在允许的取值之内", 100),
    ]
    assert collected.intake.select("rows_read", "rows_loaded", "rows_quarantined").rows() == [(3, 1, 2)]


def test_the_value_of_a_personal_column_never_stands_in_quarantine(tmp_path):
    text = "sku,title,unit_cost\nS1,张三定制,x\n,李四 13900000000,1.00\n"

    quarantine = collect(folder(tmp_path, a__csv=text)).quarantine

    assert "张三" not in quarantine.write_csv()
    assert "1390000" not in quarantine.write_csv()


def test_a_name_or_number_that_slipped_into_an_amount_never_stands_in_quarantine(tmp_path):
    text = f"{FEES}\nF1,card,other,张三,2026-10-01\nF2,card,other,tel 13900000000,昨天\n"

    assert collect(folder(tmp_path, a__csv=text)).quarantine["value"].to_list() == ["张**", "tel ***"]


def test_rows_are_counted_by_the_day_of_their_table_and_the_undated_with_them(tmp_path):
    fees = f"{FEES}\nF1,card,other,1.00,2026-10-01\nF2,card,other,1.00,2026-10-01 23:59:59\nF3,card,other,x,2026-10-02\n"

    collected = collect(folder(tmp_path, a__csv=fees, b__csv="sku,title\nS1,茶\n"))

    assert collected.days.rows() == [("a.csv", date(2026, 10, 1), 2), ("a.csv", None, 1), ("b.csv", None, 1)]
    assert collected.days["n"].sum() == collected.intake["rows_read"].sum()


def test_a_row_with_more_cells_than_the_header_is_set_aside(tmp_path):
    text = f"{FEES}\nF1,card,other,1.00,2026-10-01,?\nF2,card,other,1.00,2026-10-01\n"

    assert collect(folder(tmp_path, a__csv=text)).quarantine.select("row", "reason").rows() == [(2, "单元格多于表头")]


def test_unknown_extra_columns_of_a_template_are_kept_out_with_a_warning(tmp_path):
    collected = collect(folder(tmp_path, a__csv=f"{FEES},我们的备注\nF1,card,other,1.00,2026-10-01,x\n"))

    assert [note.facts["columns"] for note in collected.warnings] == ["我们的备注"]
    assert collected.tables.fees is not None


def test_a_case_without_a_platform_takes_the_one_of_its_order(tmp_path):
    rows = ("R1,O1,refund_only,2026-10-01,success", "R2,O9,refund_only,2026-10-01,open")
    cases = "\n".join(["case_id,order_id,kind,applied_at,platform_status", *rows])
    orders = "platform,order_id,status,paid_at,buyer_paid\njd,O1,completed,2026-10-01,9.00\n"

    aftersales = collect(folder(tmp_path, cases__csv=cases, orders__csv=orders)).tables.aftersales

    assert aftersales is not None
    assert dict(aftersales.select("case_id", "platform").rows()) == {"R1": "jd", "R2": None}
    assert aftersales["basis"].to_list() == ["negotiated", "negotiated"]


def test_two_templates_with_different_columns_complete_each_other(tmp_path):
    required = "R1,O1,refund_only,2026-10-01,success"
    header = "case_id,order_id,kind,applied_at,platform_status"
    data = folder(tmp_path, a__csv=f"{header},creator\n{required},cs01\n", b__csv=f"{header},qty\n{required},2\n")

    collected = collect(data)

    assert collected.tables.aftersales is not None
    assert collected.tables.aftersales.select("creator", "qty", "basis").rows() == [("cs01", 2, "qty")]
    assert collected.intake["rows_loaded"].to_list() == [1, 1]
    assert collected.duplicates.is_empty()


def test_totals_and_stated_days_come_in_the_files_own_words(tmp_path):
    (tmp_path / "a.zip").write_bytes((CASES / "alipay_fund/zip_with_gbk_names_and_summary/in.zip").read_bytes())

    collected = collect(tmp_path)

    member = "a.zip!20880000000000000999_202610_账务明细.csv"
    assert collected.controls.rows()[:2] == [
        ("a.zip", member, "支出笔数", "count", 1, 1),
        ("a.zip", member, "支出合计金额", "fen", -600, -600),
    ]
    covered = collected.coverage.row(0, named=True)
    assert [f"{covered[name]:%Y-%m-%d %H:%M}" for name in ("starts_at", "ends_at", "exported_at", "last_at")] == [
        "2026-10-01 00:00",
        "2026-11-01 00:00",
        "2026-11-02 09:00",
        "2026-10-12 10:00",
    ]
    assert (covered["channel"], covered["account"]) == ("alipay", "20880000000000000999")
    assert collected.intake["file"].to_list() == [member]
    assert json.loads(collected.intake["control_stated"][0])["收入笔数"] == 2


def test_a_day_that_ends_at_235959_ends_at_midnight(tmp_path):
    preamble = "拼多多店铺账务明细查询\n\n起始时间：2026-10-01 00:00:00  终止时间：2026-10-31 23:59:59\n---\n"

    coverage = collect(folder(tmp_path, a__csv=preamble + bill(refund("261002-1")))).coverage

    assert f"{coverage['ends_at'][0]:%Y-%m-%d %H:%M:%S}" == "2026-11-01 00:00:00"


def test_wechat_bills_complete_each_other_and_share_their_merchant_id(tmp_path):
    for layout, case in (("wechat_trade", "all"), ("wechat_fundflow", "kinds")):
        shutil.copy(CASES / layout / case / "in.csv", tmp_path / f"{layout}.csv")

    tables = collect(tmp_path).tables

    assert tables.flows is not None
    assert tables.payments is not None
    refunds = tables.flows.filter(pl.col("kind") == "refund").sort("at").select("flow_id", "status", "request_no", "pay_id")
    assert refunds.rows() == [
        ("1900000000000000000000000003", "success", "AS001", "WXP001"),
        ("5030000000000000000000000002", "processing", "AS002", "WXP001"),
        ("5030000000000000000000000003", "failed", "AS003", "WXP001"),
    ]
    assert tables.flows["account"].unique().to_list() == ["1600000001"]
    assert tables.payments["pay_id"].to_list() == ["WXP001"]


def test_every_case_file_in_one_folder_is_read_and_every_row_is_accounted_for(tmp_path):
    for path in CASES.glob("*/*/in.*"):
        shutil.copy(path, tmp_path / f"{path.parent.parent.name}-{path.parent.name}{path.suffix}")

    collected = collect(tmp_path)

    assert accounted(collected)
    assert collected.intake.height == len(list(CASES.glob("*/*/in.*")))
    for name, frame in collected.tables.supplied().items():
        assert frame.schema == TABLES[name].polars_schema
        assert frame.select(TABLES[name].key).is_unique().all()


def test_collecting_twice_gives_the_same_frames(tmp_path):
    for layout in ("alipay_fund", "pdd_bill", "wechat_trade", "wechat_fundflow", "taobao_refunds"):
        for path in (CASES / layout).glob("*/in.*"):
            shutil.copy(path, tmp_path / f"{layout}-{path.parent.name}{path.suffix}")

    first, second = collect(tmp_path), collect(tmp_path)

    for name, frame in first.tables.supplied().items():
        assert_frame_equal(frame, second.tables.supplied()[name])
    assert_frame_equal(first.intake, second.intake)
    assert first.warnings == second.warnings


@settings(max_examples=20)
@given(
    counts=st.dictionaries(st.sampled_from("12345"), st.integers(1, 3), min_size=1),
    cuts=st.tuples(st.sampled_from("12345"), st.sampled_from("12345")).map(sorted),
    order=st.randoms(use_true_random=False),
)
def test_splitting_overlapping_and_shuffling_the_files_of_a_bill_changes_nothing(tmp_path_factory, counts, cuts, order):
    lines = [(day, refund(f"26100{day}-1")) for day, times in counts.items() for _ in range(times)]
    order.shuffle(lines)
    early, late = ([line for day, line in lines if day <= cuts[1]], [line for day, line in lines if day >= cuts[0]])

    whole = collect(folder(tmp_path_factory.mktemp("whole"), a__csv=bill(*(line for _, line in lines))))
    split = collect(folder(tmp_path_factory.mktemp("split"), a__csv=bill(*early), b__csv=bill(*late)))

    assert sorted(flow_ids(whole)) == sorted(flow_ids(split))
    assert accounted(whole)
    assert accounted(split)
    assert split.duplicates.is_empty()


@settings(max_examples=10)
@given(order=st.permutations(range(6)))
def test_the_order_of_rows_in_a_file_is_irrelevant(tmp_path_factory, order):
    lines = [f"F{n},card,other,{n}.00,2026-10-0{n + 1}" for n in order]

    fees = collect(folder(tmp_path_factory.mktemp("fees"), a__csv="\n".join([FEES, *lines]))).tables.fees

    assert fees is not None
    assert fees["fee_id"].to_list() == [f"F{n}" for n in range(6)]
