"""The inputs of a run are found again byte for byte, or named: files, members of a zip, sheets, the user's own."""

import hashlib
import zipfile
from datetime import date
from pathlib import Path

from recon_kit.archive.inputs import find_inputs
from recon_kit.archive.retention import RETENTION, input_kind, kept_until
from recon_kit.durable import sha256

HEADER = "账务流水号,金额\n"


def stated(*files: tuple[str, str]) -> list[dict[str, str]]:
    return [{"file": name, "sha256": digest} for name, digest in files]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def write_zip(path: Path, **members: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(f"{name}.csv", text)


def test_a_member_of_a_zip_is_checked_by_itself_and_its_zip_is_sealed_whole(tmp_path):
    write_zip(tmp_path / "bill.zip", oct=HEADER + "1,2\n", nov=HEADER + "3,4\n")
    inputs = stated(("bill.zip!oct.csv", digest(HEADER + "1,2\n")), ("bill.zip!nov.csv", digest(HEADER + "3,4\n")))

    found = find_inputs(inputs, tmp_path, {}, {})

    assert found.wrong == () and [(name, kind) for name, _, kind in found.files] == [("inputs/bill.zip", "input")]
    write_zip(tmp_path / "bill.zip", oct=HEADER + "1,2\n", nov=HEADER + "3,5\n")
    assert find_inputs(inputs, tmp_path, {}, {}).wrong == ("bill.zip!nov.csv: is not what was read for this run",)


def test_a_zip_that_cannot_be_opened_any_more_is_named(tmp_path):
    (tmp_path / "bill.zip").write_bytes(b"PK\x03\x04 broken")

    found = find_inputs(stated(("bill.zip!oct.csv", digest("x"))), tmp_path, {}, {})

    assert found.wrong == ("bill.zip!oct.csv: is not what was read for this run",)


def test_the_users_own_layouts_are_found_where_they_are(tmp_path):
    own = tmp_path / "home" / "mine.toml"
    own.parent.mkdir()
    own.write_text("x")

    found = find_inputs(stated(("layouts/mine.toml", sha256(own))), tmp_path, {"layouts/mine.toml": own}, {})

    assert found.files == (("inputs/layouts/mine.toml", own, "method"),) and found.wrong == ()


def test_vouchers_and_the_bills_behind_them_are_kept_thirty_years_and_statements_ten():
    last = date(2026, 10, 31)

    assert (
        kept_until(input_kind("flows"), last) == kept_until(input_kind("voucher_lines + bank_rows"), last) == date(2056, 12, 31)
    )
    assert kept_until(input_kind("bank_rows"), last) == kept_until("report", last) == date(2036, 12, 31)
    assert {years for years, _ in RETENTION.values()} == {10, 30}


def test_what_holds_vouchers_beside_statements_is_kept_as_vouchers_are(tmp_path):
    write_zip(tmp_path / "both.zip", bank=HEADER + "1,2\n", book=HEADER + "3,4\n")
    inputs = stated(("both.zip!bank.csv", digest(HEADER + "1,2\n")), ("both.zip!book.csv", digest(HEADER + "3,4\n")))
    tables = {"both.zip!bank.csv": "bank_rows", "both.zip!book.csv": "voucher_lines"}

    assert [kind for _, _, kind in find_inputs(inputs, tmp_path, {}, tables).files] == ["input"]
