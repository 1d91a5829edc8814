"""A month is closed as a whole, by two persons, when nothing stands against it; and what it was is proved to the byte."""

import json
import shutil
from dataclasses import replace

import pytest

from recon_kit import publish
from recon_kit.archive import chain
from recon_kit.archive.close import close_period, reopen_period
from recon_kit.archive.verify import verify_archive
from recon_kit.durable import sha256
from recon_kit.errors import ArchiveError
from tests.months import (
    BILL,
    SIGNED_AT,
    STATEMENT,
    books,
    broken,
    casebook,
    close,
    opened,
    say,
    write_data,
    write_month,
)


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path / "data")


@pytest.fixture
def out(tmp_path, data):
    write_month(tmp_path / "out", data)
    return tmp_path / "out"


def proof(out):
    return verify_archive(out, out / "casebook.db")


def reasons(out, data, period="2026-10", **how):
    with pytest.raises(ArchiveError) as refused:
        close(out, data, period, **how)
    assert not (out / "archive" / period).exists() and not (out / period / publish.SEALED).exists()
    return str(refused.value)


def test_everything_the_month_rests_on_is_sealed_with_its_sha256_and_retention(out, data):
    link = close(out, data)

    folder = out / "archive" / link.seal
    seal = chain.read_seal(folder)
    kept = {file["file"]: (file["kind"], file["keep_until"]) for file in seal["files"]}
    assert kept[f"inputs/{BILL}"] == ("input", "2056-12-31") and kept[f"inputs/{STATEMENT}"] == ("bank_statement", "2036-12-31")
    assert kept["run/index.html"] == kept["run/tables/discrepancies.parquet"] == ("report", "2036-12-31")
    assert {"notebooks/03_monthly_review.ipynb", "config/recon.toml", "config/effective.json", "casebook/events.jsonl"} <= set(
        kept
    )
    assert (folder / "inputs" / BILL).read_bytes() == (data / BILL).read_bytes()
    assert (seal["closed_by"], seal["prepared_by"], seal["closed_at"]) == ("李主管", "王会计", SIGNED_AT.isoformat())
    assert seal["packages"]["polars"] and seal["run_id"] == publish.read_manifest(out / "2026-10")["run_id"]
    assert json.loads((out / "2026-10" / publish.SEALED).read_text())["sha256"] == link.sha256
    assert proof(out).first is None and proof(out).n_files == len(kept)


def test_own_notebooks_are_sealed_beside_the_shipped_ones(out, data, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "10_shop.ipynb").write_text("{}")

    link = close_period(
        "2026-10", replace(books(out, data), notebooks=tmp_path / "mine"), by="李主管", prepared_by="王会计", at=SIGNED_AT
    )

    assert (out / "archive" / link.seal / "notebooks" / "own" / "10_shop.ipynb").is_file()


def test_attached_evidence_is_sealed_with_the_casebook_and_missing_evidence_stands_against_it(out, data):
    photo = out / "evidence" / "photo"
    photo.parent.mkdir()
    photo.write_bytes(b"jpeg")
    digest = sha256(photo)
    say(out, ("attached", "D1", "小周", {"sha256": digest, "name": "破损.jpg"}))

    assert "破损.jpg of D1: the evidence is not there any more" in reasons(out, data)
    photo.rename(photo.with_name(f"{digest}.jpg"))
    link = close(out, data)

    sealed = {file["file"]: file["kind"] for file in chain.read_seal(out / "archive" / link.seal)["files"]}
    assert sealed[f"casebook/evidence/{digest}.jpg"] == "casebook"


def test_personal_data_is_in_the_sealed_inputs_only(out, data):
    folder = out / "archive" / close(out, data).seal

    named = [path for path in folder.rglob("*") if path.is_file() and "张三丰".encode() in path.read_bytes()]
    assert named == [folder / "inputs" / STATEMENT]


def test_a_closed_month_is_never_replaced_or_closed_twice(out, data):
    close(out, data)

    with pytest.raises(ArchiveError, match="is closed already"):
        close(out, data)
    with pytest.raises(publish.ReconError, match="the period is sealed"):
        write_month(out, data, page="<p>new</p>")


def test_the_next_month_bears_the_hash_of_the_seal_before_it(out, data):
    first = close(out, data)
    write_month(out, data, "2026-11")
    second = close(out, data, "2026-11")

    seal = chain.read_seal(out / "archive" / second.seal)
    assert seal["previous"] == {"period": "2026-10", "seal": first.seal, "sha256": first.sha256}
    assert seal["follows"] == first.hash == second.previous
    told = casebook(out).events(kinds=["sealed"])
    assert told["subject"].to_list() == ["period:2026-10", "period:2026-11"]
    assert seal["casebook"]["hash"] == told["hash"][0]


def test_all_that_stands_against_a_close_is_said_at_once(out, data):
    write_month(out, data, "2026-11", findings=broken("D1", "D2"), verdict="incomplete")
    (data / BILL).write_text("流水号,金额\nF1,-31.00\n", encoding="utf-8")
    (data / STATEMENT).unlink()

    said = reasons(out, data, "2026-11", by=" 王会计", prepared_by="王会计 ")

    for part in (
        "nobody approves their own",
        "verdict is incomplete",
        "2 breaks have no decision",
        "earlier months are not closed",
    ):
        assert part in said
    assert f"{BILL}: is not what was read" in said and f"{STATEMENT}: is not there any more" in said and "C04 D1" in said


@pytest.mark.parametrize(
    "events",
    [
        [("explained", "D1", "小周", {"text": "平台补发"})],
        [("entry_proposed", "E1", "recon_kit", {"period": "2026-10", "discrepancy_ids": ["D1"]}), ("approved", "E1", "李雷", {})],
        [("assigned", "D1", "小周", {"to": "仓库"}), ("action", "D1", "小周", {"what": "盘点", "due": "2026-11-20"})],
        [("closed", "D1", "小周", {"period": "2026-10"})],
    ],
    ids=["explained", "approved entry", "assigned with a due action", "closed"],
)
def test_a_break_that_was_answered_does_not_stand_against_it(out, data, events):
    write_month(out, data, findings=broken("D1"))
    opened(out, broken("D1"))

    assert "1 breaks have no decision" in reasons(out, data)
    say(out, *events)
    assert close(out, data).period == "2026-10"


def test_an_action_without_a_day_or_an_owner_answers_nothing(out, data):
    write_month(out, data, findings=broken("D1"))
    opened(out, broken("D1"))
    say(out, ("action", "D1", "小周", {"what": "盘点", "due": "2026-11-20"}))

    assert "1 breaks have no decision" in reasons(out, data)


def test_what_is_pending_timing_or_of_another_month_does_not_stand_against_it(out, data):
    write_month(out, data, findings=broken("D1", code="C02", nature="timing"))
    say(out, ("entry_proposed", "E1", "recon_kit", {"period": "2026-11"}))

    assert close(out, data)


def test_proposals_nobody_decided_stand_against_it(out, data):
    opened(out, broken("D1"))
    say(
        out,
        ("entry_proposed", "E1", "recon_kit", {"period": "2026-10"}),
        ("written_off", "D1", "小周", {"amount_fen": 100, "period": "2026-10"}),
    )

    said = reasons(out, data)

    assert "1 proposed entries are neither approved nor rejected (E1)" in said
    assert "1 proposals to write off are neither approved nor rejected (D1)" in said


def test_settings_changed_since_the_run_are_named(out, data):
    given = publish.read_manifest(out / "2026-10")
    assert given["config"]["entity"]["name"] == "小店"
    with publish.staged(out, "2026-10") as staging:
        shutil.copytree(out / "2026-10", staging.path, dirs_exist_ok=True)
        changed = {**given["config"], "limits": {**given["config"]["limits"], "small_loss": 1}}
        staging.describe(inputs=given["inputs"], config=changed, versions=given["versions"])

    assert "recon.toml is not the one of the run (limits)" in reasons(out, data)


def test_a_run_edited_by_hand_is_not_closed(out, data):
    (out / "2026-10" / "index.html").write_text("<p>nicer</p>")

    assert "a file of the run was changed" in reasons(out, data)


@pytest.mark.parametrize(("period", "says"), [("2026-W44", "is no month"), ("2026-12", "there is no run to close")])
def test_only_a_month_that_was_run_is_closed(out, data, period, says):
    with pytest.raises(ArchiveError, match=says):
        close(out, data, period)


# --- reopening -------------------------------------------------------------------------------------------------------


def test_a_reopened_month_is_run_and_closed_again_and_the_old_seal_stays_in_the_chain(out, data):
    first = close(out, data)

    reopened = reopen_period("2026-10", out, casebook(out), by="李主管", why="平台补发账单", at=SIGNED_AT)
    assert not (out / "2026-10" / publish.SEALED).exists() and chain.current_seals(chain.read_chain(out)) == {}
    write_month(out, data, page="<p>new</p>")
    second = close(out, data)

    assert (first.seal, second.seal) == ("2026-10/seal-1", "2026-10/seal-2")
    assert [link.kind for link in chain.read_chain(out)] == ["sealed", "reopened", "sealed"]
    assert second.previous == reopened.hash and reopened.why == "平台补发账单"
    assert chain.read_seal(out / "archive" / second.seal)["supersedes"] == first.seal
    assert casebook(out).events(kinds=["reopened"])["why"].to_list() == ["平台补发账单"]
    assert proof(out).first is None


def test_what_is_not_closed_is_not_reopened_and_never_without_a_reason(out, data):
    with pytest.raises(ArchiveError, match="is not closed"):
        reopen_period("2026-10", out, casebook(out), by="李主管", why="x", at=SIGNED_AT)
    close(out, data)
    with pytest.raises(ArchiveError, match="nobody or no reason"):
        reopen_period("2026-10", out, casebook(out), by="李主管", why=" ", at=SIGNED_AT)


# --- verify ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("closed")
    out, data = folder / "out", write_data(folder / "data")
    for month in ("2026-10", "2026-11"):
        write_month(out, data, month)
        close(out, data, month)
    return out


@pytest.fixture
def two_months(tmp_path, closed):
    return shutil.copytree(closed, tmp_path / "out")


@pytest.mark.parametrize(
    "file",
    [
        f"archive/2026-10/seal-1/inputs/{BILL}",
        "archive/2026-10/seal-1/run/summary.json",
        "archive/2026-10/seal-1/SEAL.json",
        "archive/2026-11/seal-1/casebook/events.jsonl",
        "archive/CHAIN",
        "2026-10/index.html",
        "2026-10/SEALED.json",
    ],
)
def test_one_changed_byte_is_found_and_its_file_named(two_months, file):
    path = two_months / file
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))

    found = proof(two_months)

    assert found.exit_code == 1 and found.first.file == file


def test_a_file_that_went_or_came_is_found(two_months):
    extra = two_months / "archive" / "2026-11" / "seal-1" / "inputs" / "new.csv"
    extra.write_text("x")
    assert proof(two_months).first.file == "archive/2026-11/seal-1/inputs/new.csv"
    (two_months / "archive" / "2026-10" / "seal-1" / "inputs" / BILL).unlink()
    assert proof(two_months).first.file == f"archive/2026-10/seal-1/inputs/{BILL}"


def test_the_last_close_taken_out_of_archive_and_chain_is_missed_by_the_casebook(two_months):
    lines = (two_months / "archive" / "CHAIN").read_text().splitlines()
    (two_months / "archive" / "CHAIN").write_text(lines[0] + "\n")
    shutil.rmtree(two_months / "archive" / "2026-11")

    assert "lacks the link of event" in proof(two_months).first.says


def test_a_casebook_begun_anew_is_found(two_months):
    for file in two_months.glob("casebook.db*"):
        file.unlink()
    assert proof(two_months).first.file == "casebook.db"
    say(two_months, ("commented", "D1", "小周", {}))
    assert "is not the one that 2026-11 was sealed with" in proof(two_months).first.says


def test_a_month_taken_out_of_the_results_is_still_proved_by_the_archive(two_months):
    shutil.rmtree(two_months / "2026-10")

    assert proof(two_months).first is None


def test_where_nothing_was_closed_there_is_nothing_to_prove(out):
    with pytest.raises(ArchiveError, match="nothing was ever closed"):
        proof(out)
