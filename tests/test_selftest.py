"""Self-test: what is planted in a month of the user's own is found again, and what is not found is said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from recon_kit import rules
from recon_kit.cli import app
from recon_kit.collect import Collected, Tables, collect
from recon_kit.config import load_config
from recon_kit.errors import ConfigError
from recon_kit.facts import Facts, Scope, build_facts
from recon_kit.labels import phrase
from recon_kit.periods import parse_period
from recon_kit.results import SELFTEST
from recon_kit.rules import CATALOGUE, detect
from recon_kit.run import reconcile, run_period
from recon_kit.selftest import is_small, self_test, sums_of
from recon_kit.selftest.copies import as_collected, as_world
from recon_kit.selftest.score import ROOM, score
from recon_kit.selftest_view import note_of, sentences, untried
from recon_kit.synth.edits import AnswerRow
from recon_kit.synth.planters import PLANTERS
from recon_kit.synth.sample import write_sample

PILOT = Path(__file__).parent / "pilot"
SAMPLE = Path(__file__).parents[1] / "data" / "sample"
FAILS = ("n_missed", "n_false", "n_lost")


@dataclass(frozen=True)
class Month:
    """A month that was read and reconciled once."""

    collected: Collected
    facts: Facts
    findings: pl.DataFrame

    def test(self, seed: int = 1) -> pl.DataFrame:
        """Its self-test."""
        return self_test(self.collected, self.facts, self.findings, seed)


def month_of(collected: Collected, config: Path, period: str) -> Month:
    """A month of what a folder held."""
    span = parse_period(period)
    facts = build_facts(collected, Scope(load_config(config), span, span.last_day))
    return Month(collected, facts, detect(facts))


@pytest.fixture(scope="module")
def pilot() -> Month:
    """The pilot month, which another generator made: no answer of ours is in it."""
    return month_of(collect(PILOT / "data"), PILOT / "recon.toml", "2026-10")


@pytest.fixture(scope="module")
def tested(pilot: Month) -> pl.DataFrame:
    """The self-test of the pilot month."""
    return pilot.test()


@pytest.fixture(scope="module")
def sample() -> Collected:
    """What the readers make of data/sample."""
    return collect(SAMPLE)


def row_of(table: pl.DataFrame, code: str) -> dict[str, object]:
    """One code's row."""
    return table.row(by_predicate=pl.col("code") == code, named=True)


def wrong(table: pl.DataFrame) -> list[tuple[object, ...]]:
    """The codes of which something was missed, found too much or lost, with the keys."""
    return table.filter(pl.any_horizontal(pl.col(FAILS) > 0)).select("code", "missed", "false_keys", "lost").rows()


def test_all_that_is_planted_in_the_pilot_month_is_found_and_nothing_else(tested):
    assert wrong(tested) == []
    assert set(tested.filter(state="no_room")["code"]) <= {"A04", "A05", "L06", "L10"}
    assert tested["n_planted"].sum() > 150


@pytest.mark.parametrize("period", ["2026-09", "2026-10"])
def test_all_that_is_planted_in_a_sample_month_is_found_and_nothing_else(sample, period):
    table = month_of(sample, SAMPLE / "recon.toml", period).test()

    assert wrong(table) == []
    assert set(table.filter(state="no_room")["code"]) <= {"A04", "A05", "C02", "W02"}


def test_all_that_is_planted_in_books_that_accrue_is_found_and_nothing_else(tmp_path):
    write_sample(tmp_path / "cas", parse_period("2026-10"), orders=500, seed=3, standard="CAS")

    table = month_of(collect(tmp_path / "cas"), tmp_path / "cas" / "recon.toml", "2026-10").test()

    assert wrong(table) == []
    assert (table["n_planted"] > 0).sum() > 50


def test_there_is_a_row_for_every_code_and_a_reason_for_every_code_not_tried(tested):
    assert tested["code"].to_list() == list(CATALOGUE)
    assert tested.filter((pl.col("n_planted") == 0) != (~pl.col("state").is_in(["found", "missed"]))).is_empty()
    listed = [code for codes in ROOM.values() for code in codes.split()]
    assert sorted(listed) == sorted(PLANTERS)
    assert all(phrase("selftest", f"room.{room}", language) for room in ROOM for language in ("zh", "en"))
    assert set(tested["state"]) <= set(SELFTEST.column("state").allowed)


def test_the_same_seed_plants_the_same_and_the_month_is_left_as_it_was(pilot, tested):
    tables = {name: frame.clone() for name, frame in pilot.collected.tables.supplied().items()}

    assert pilot.test().equals(tested)
    assert all(frame.equals(tables[name]) for name, frame in pilot.collected.tables.supplied().items())


def test_without_a_rule_its_code_is_missed_and_said_to_be(pilot, monkeypatch):
    monkeypatch.setattr(rules, "RULES", tuple(rule for rule in rules.RULES if rule.code != "C05"))

    table = replace(pilot, findings=detect(pilot.facts)).test()

    row = row_of(table, "C05")
    assert (row["recall"], row["n_planted"], row["state"]) == (0.0, 3, "missed")
    assert str(row["missed"][0]) in note_of(row, "zh")  # type: ignore[index]
    assert "漏查 3" in sentences(sums_of(table), "2026-10", "zh")[0]


def test_a_rule_that_fires_too_widely_gives_false_alarms(pilot, monkeypatch):
    wide = pl.col("amount_fen") != pl.col("due_fen")
    monkeypatch.setattr(rules, "RULES", tuple(replace(r, when=wide) if r.code == "S02" else r for r in rules.RULES))

    table = replace(pilot, findings=detect(pilot.facts)).test()

    assert row_of(table, "S02")["n_false"] == 1
    assert row_of(table, "S02")["recall"] == 1.0


def test_a_ledger_without_references_is_tested_where_it_can_be(pilot):
    lines = pilot.collected.tables.voucher_lines
    assert lines is not None
    silent = lines.with_columns(pl.lit(None, pl.String).alias(name) for name in ("ref_kind", "ref_id"))
    tables = replace(pilot.collected.tables, voucher_lines=silent)

    table = month_of(replace(pilot.collected, tables=tables), PILOT / "recon.toml", "2026-10").test()

    assert wrong(table) == []
    assert row_of(table, "L01")["needs"] == "settled"
    assert row_of(table, "P01")["recall"] == row_of(table, "W06")["recall"] == 1.0


def test_without_a_table_its_codes_are_not_checked_and_the_others_are(pilot):
    kept = {name: pilot.collected.tables.supplied()[name] for name in ("orders", "flows")}

    table = month_of(replace(pilot.collected, tables=Tables(**kept)), PILOT / "recon.toml", "2026-10").test()

    assert wrong(table) == []
    assert row_of(table, "P01")["recall"] == 1.0
    assert row_of(table, "C04")["state"] == "not_checked"
    assert "C04" in next(codes for codes, reason in untried(table, "zh") if "售后单" in reason)


def test_approvals_that_no_export_states_are_not_planted(pilot):
    cases = pilot.collected.tables.aftersales
    assert cases is not None
    unsigned = cases.with_columns(pl.lit(None, pl.String).alias(name) for name in ("creator", "approver", "erp_status"))
    tables = replace(pilot.collected.tables, aftersales=unsigned)

    table = month_of(replace(pilot.collected, tables=tables), PILOT / "recon.toml", "2026-10").test()

    assert wrong(table) == []
    assert row_of(table, "C10")["needs"] == "aftersales.erp_status"


def test_numbers_that_two_platforms_share_are_in_every_copy_and_nothing_is_planted_on_them(pilot):
    tables = pilot.collected.tables
    assert tables.orders is not None and tables.flows is not None
    twins = tables.orders.head(3).with_columns(platform=pl.lit("other"), paid_at=None)
    echoes = tables.flows.filter(pl.col("kind") == "fee").head(3).with_columns(channel=pl.lit("other"))
    more = replace(tables, orders=pl.concat([tables.orders, twins]), flows=pl.concat([tables.flows, echoes]))
    month = month_of(replace(pilot.collected, tables=more), PILOT / "recon.toml", "2026-10")

    copy = as_collected(as_world(month.collected, month.facts, month.findings), month.collected)

    assert wrong(month.test()) == []
    assert all(
        copy.tables.supplied()[name].sort(pl.all()).equals(frame.sort(pl.all())) for name, frame in more.supplied().items()
    )


def test_a_period_of_a_day_says_what_it_has_no_room_for(sample):
    table = month_of(sample, SAMPLE / "recon.toml", "2026-10-20").test()

    assert wrong(table) == []
    assert set(table.filter(pl.col("n_planted") > 0)["code"])
    assert row_of(table, "P02")["state"] == "no_room"


def _found(*rows: tuple[str, str, int | None, int | None]) -> pl.DataFrame:
    columns = {"code": pl.String, "key": pl.String, "expected_fen": pl.Int64, "actual_fen": pl.Int64}
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(primary_id=pl.lit(None, pl.String))


def test_misses_false_alarms_and_lost_findings_are_told_apart_to_the_fen():
    own = _found(("P01", "o1", 100, 90), ("S08", "alipay", 500, 400))
    after = _found(("P01", "o2", 100, 80), ("P01", "o3", 100, 70), ("S08", "alipay", 900, 800), ("L11", "v1", 5, 4))
    planted = [
        AnswerRow("2026-10", "P01", "o2", expected_fen=100, actual_fen=80),
        AnswerRow("2026-10", "L11", "v1", expected_fen=5, actual_fen=3),
    ]

    table = score(own, [planted], [after], {"W01": "receipts", "L05": "not_due"})

    assert wrong(table) == [("P01", [], ["o3"], ["o1"]), ("L11", ["v1"], ["v1"], [])]
    assert [row_of(table, code)["state"] for code in ("P01", "L11", "S08", "W01", "L05", "K04")] == [
        "found", "missed", "no_room", "not_checked", "not_due", "left_out",
    ]  # fmt: skip
    assert sums_of(table) == {"planted": 2, "found": 1, "missed": 1, "false": 2, "lost": 1, "untested": len(CATALOGUE) - 2}


def test_a_self_test_that_was_not_made_says_how_to_make_it():
    assert sums_of(pl.DataFrame(schema={"code": pl.String})) is None
    assert "recon-kit selftest 2026-10" in sentences(None, "2026-10", "en")[0]


def test_a_run_with_a_self_test_needs_the_whole_period(tmp_path):
    with pytest.raises(ConfigError, match="--as-of 2026-10-20: a self-test needs a whole period"):
        run_period(
            "2026-10",
            SAMPLE,
            tmp_path,
            config=load_config(SAMPLE / "recon.toml"),
            as_of=parse_period("2026-10-20").start,
            selftest=True,
        )


def test_a_run_writes_its_self_test_and_says_of_what_it_made_no_copy(sample):
    span = parse_period("2026-10")
    scope = Scope(load_config(SAMPLE / "recon.toml"), span, span.last_day)

    outcome = reconcile(sample, scope, selftest=True)

    assert outcome.summary["selftest"] == sums_of(outcome.tables["selftest"])
    assert wrong(outcome.tables["selftest"]) == []
    assert any("recon-kit selftest" in reason for _, reason in untried(outcome.tables["selftest"], "zh"))
    assert is_small(sample, scope)
    assert not is_small(sample, Scope(scope.config, parse_period("2026-W43"), parse_period("2026-W43").last_day))


def test_the_command_prints_what_was_found_and_writes_the_table(tmp_path):
    data, config = str(PILOT / "data"), str(PILOT / "recon.toml")
    result = CliRunner().invoke(app, ["selftest", "2026-10", "--data", data, "--config", config, "--out", str(tmp_path)])

    assert result.exit_code == 0, result.output
    assert "全部查出，没有误报" in result.output
    written = pl.read_csv(tmp_path / "selftest_2026-10.csv")
    assert written["code"].to_list() == list(CATALOGUE)
    assert written["n_found"].sum() == written["n_planted"].sum() > 150
