"""Texts that would run, and texts about people: they stay text, and they stay out of every message."""

import json

import openpyxl
import polars as pl

from recon_kit.config import parse_config
from recon_kit.run import run_period
from tests.conftest import HOSTILE
from tests.hostile.builders import FLOWS, bill, flows_in, outcome_of, put, row, sheet

NAME, PHONE, ADDRESS = "张三丰", "13812345678", "浙江省杭州市西湖区文三路100号"
SECRETS = (NAME, PHONE, ADDRESS)


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def test_script_and_formula_strings_are_read_as_they_stand(tmp_path):
    put(tmp_path / "csv", {"a.csv": bill(*(row(n, memo=quoted(text)) for n, text in enumerate(HOSTILE)))})
    cells = [["card", f"F{n}", "2026-10-09", "refund", -5, text] for n, text in enumerate(HOSTILE)]
    put(tmp_path / "xlsx", {"a.xlsx": sheet(FLOWS.split(","), *cells)})

    assert sorted(flows_in(tmp_path / "csv")["memo"]) == sorted(HOSTILE)
    assert sorted(flows_in(tmp_path / "xlsx")["memo"]) == sorted(HOSTILE)


def test_script_and_formula_strings_reach_the_page_and_the_work_list_as_text(tmp_path):
    texts = {f"F{n}": text for n, text in enumerate(HOSTILE)}
    rows = [f"card,{key},2026-10-09,unknown,-5.00,{quoted(text)},{quoted(text)}" for key, text in texts.items()]
    put(tmp_path / "data", {"a.csv": "\n".join([f"{FLOWS},shop", *rows]) + "\n"})

    result = run_period("2026-10", tmp_path / "data", tmp_path / "out", config=parse_config({}))

    page = (result.run_dir / "monthly_review.html").read_text("utf-8") + (result.run_dir / "index.html").read_text("utf-8")
    assert "<script>window.fired=1</script>" not in page
    assert 'onerror="window.fired' not in page
    book = openpyxl.load_workbook(result.run_dir / "discrepancies.xlsx")
    cells = [cell for tab in book for line in tab.iter_rows() for cell in line]
    assert any(cell.value == '=HYPERLINK("http://evil.example/","x")' for cell in cells)
    assert not [cell.coordinate for cell in cells if cell.data_type == "f" and "evil" in str(cell.value)]


def test_nothing_about_a_person_stands_in_a_message_or_in_the_quarantine(tmp_path):
    about = " ".join(SECRETS)
    files = {
        "memo.csv": bill(row(1, amount="1.234", memo=about), row(2) + f",{about}", row(3, memo=quoted(about + "\n" * 300))),
        "cut.csv": bill(row(1, memo=about)).encode()[:-60],
        "mixed.csv": bill(row(1, memo=about)).encode() + row(2, memo=about).encode("gb18030"),
        "zero.csv": bill(row(1, memo=about + "\0")),
        "unknown.csv": f"{NAME},{PHONE}\n{ADDRESS},1\n",
        "a.xlsx": sheet(FLOWS.split(","), [about, about, about, about, about, about]),
    }

    for name, data in files.items():
        folder = put(tmp_path / name, {name: data})
        outcome, said = outcome_of(folder)
        assert outcome != "accept"
        assert not [secret for secret in (NAME, PHONE) if secret in said], said


def test_what_is_set_aside_is_published_masked(tmp_path):
    about = " ".join(SECRETS)
    put(tmp_path / "data", {"a.csv": f"{FLOWS}\ncard,F1,{about},refund,-5.00,{about}\ncard,F2,2026-10-09,refund,-5.00,{about}\n"})

    result = run_period("2026-10", tmp_path / "data", tmp_path / "out", config=parse_config({}), pages=False)

    published = [pl.read_parquet(path).write_json() for path in sorted((result.run_dir / "tables").glob("*.parquet"))]
    text = "".join([*published, json.dumps(result.summary, ensure_ascii=False)])
    assert not [secret for secret in (PHONE, ADDRESS) if secret in text]
