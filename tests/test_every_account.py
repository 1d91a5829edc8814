"""Every account the package keeps of rows and fen stops the run, or says so, when one row or one fen is lost.

A check of its own kind is one `raise` of TieError or MatchError, a line of the bridge, or a total that a layout reads: each is
listed from the code, so that a new one without a corrupted copy here fails.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from recon_kit import adhoc, bridge, matching, postmortem, postmortem_view, what_if
from recon_kit.adjustments import check_balance
from recon_kit.adjustments.ordinary import _check_total
from recon_kit.archive.restatement import _check_lines
from recon_kit.bridge import LINES, build_bridge
from recon_kit.casebook import roll
from recon_kit.collect import assemble
from recon_kit.errors import MatchError, TieError
from recon_kit.explore.findings import totals
from recon_kit.facts import Facts
from recon_kit.facts.pairs import CONSERVED, check_pairs, pair_tables
from recon_kit.matching import Pass, match
from recon_kit.pairs import PAIRS
from recon_kit.periods import parse_period
from recon_kit.rules import detect
from recon_kit.run import check_intake, reconcile
from recon_kit.sources.layout import Layout
from recon_kit.sources.loading import load_layouts
from recon_kit.sources.reader import Reading
from recon_kit.tax import _check as check_tax
from tests.settlement import bank_row, complaint, fee, fee_back, payout
from tests.sources.test_cases import CASES, FOLDERS, readings_of
from tests.test_bridge import EVERY_LINE
from tests.world import case, facts, line, order, refund, returned, scope, shipment, world

PACKAGE = Path(matching.__file__).parent
OCTOBER = parse_period("2026-10")


def broken_totals(readings: list[Reading]) -> set[str]:
    controls = pl.concat(reading.controls for reading in readings)
    return set(controls.filter(pl.col("stated") != pl.col("found"))["measure"])


def corrupted(text: bytes) -> Iterator[bytes]:
    """Copies of a file with one figure of its last lines another, the last figures first."""
    start = len(b"\n".join(text.rstrip().split(b"\n")[:-4]))
    for hit in reversed(list(re.finditer(rb"[0-8](?![0-9])", text[start:]))):
        at = start + hit.start()
        yield text[:at] + bytes([text[at] + 1]) + text[at + 1 :]


def without_a_row(text: bytes) -> bytes:
    """The file without the line in its middle: a row, since a header stands above and totals below."""
    lines = text.split(b"\n")
    return b"\n".join([*lines[: len(lines) // 2], *lines[len(lines) // 2 + 1 :]])


def sources_of(layout: Layout) -> list[Path]:
    """Its example files that are plain text."""
    return [path for case in FOLDERS if case.parent == CASES / layout.name for path in case.glob("in.*") if path.suffix != ".zip"]


def read_copy(folder: Path, source: Path, copy: bytes) -> list[Reading]:
    folder.mkdir()
    (folder / source.name).write_bytes(copy)
    return readings_of(folder)


WITH_TOTALS = [layout for layout in load_layouts() if layout.controls]


@pytest.mark.parametrize("layout", WITH_TOTALS, ids=lambda layout: layout.name)
def test_every_total_a_layout_reads_breaks_on_a_corrupted_copy(layout: Layout, tmp_path: Path) -> None:
    missing = {control.measure for control in layout.controls}
    for source in sources_of(layout):
        text = source.read_bytes()
        stated = {measure for reading in readings_of(source.parent) for measure in reading.controls["measure"]}
        for number, copy in enumerate(corrupted(text)):
            if not missing & stated:
                break
            missing -= broken_totals(read_copy(tmp_path / f"{source.parent.name}-{number}", source, copy))

    assert not missing, "no example file states these totals"


@pytest.mark.parametrize("layout", WITH_TOTALS, ids=lambda layout: layout.name)
def test_a_row_that_is_lost_breaks_a_total(layout: Layout, tmp_path: Path) -> None:
    source = max(sources_of(layout), key=lambda path: path.stat().st_size)

    assert broken_totals(read_copy(tmp_path / "copy", source, without_a_row(source.read_bytes())))


@cache
def every_line() -> Facts:
    return facts(EVERY_LINE, standard="CAS", config={"receipt_basis": {"alipay": "completed"}})


def one_fen_more(items: Callable[..., pl.DataFrame], line: str) -> Callable[..., pl.DataFrame]:
    """The items of a side of the bridge, of which the first of a line has a fen too much."""

    def changed(given: Facts) -> pl.DataFrame:
        found = items(given)
        first = (pl.col("line") == line) & (pl.col("amount_fen") != 0)
        return found.with_columns(pl.col("amount_fen") + (first & (first.cum_sum() == 1)).cast(pl.Int64))

    return changed


@pytest.mark.parametrize("line", LINES)
def test_a_fen_too_much_in_any_line_breaks_the_bridge(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    findings = detect(every_line())
    sound = build_bridge(every_line(), findings, "zh")
    assert sound.unexplained_fen == 0 and sound.items.filter(line=line).height > 0, "a line without an item is not proven"
    for name in ("_platform_items", "_channel_items", "_ledger_items"):
        monkeypatch.setattr(bridge, name, one_fen_more(getattr(bridge, name), line))

    if line[0] == "A" or line == "B0":
        with pytest.raises(TieError, match="A lines sum to"):
            build_bridge(every_line(), findings, "zh")
    else:
        assert abs(build_bridge(every_line(), findings, "zh").unexplained_fen) == 1


EVERY_PAIR = world(
    orders=[order("O1", merchant_discount_fen=500)],
    lines=[line("O1", "L1", "100.00")],
    order_discounts=[{"order_id": "O1", "seq": 1, "layer": "full_reduction", "funder": "merchant", "amount_fen": 500}],
    cases=[
        case("C1", "O1", kind="return_refund", line_id="L1", qty=1, erp_status="success"),
        case("C2", "O1", "0.00", kind="resend", qty=1, erp_status="success"),
    ],
    flows=[refund("F1", case_id="C1"), payout("P1", "10.00", "2026-10-20")],
    fees=[fee("E1", "O1", "2.00"), fee_back("E2", "O1", "0.60")],
    bank_rows=[bank_row("B1", "10.00", "2026-10-21", "P1")],
    complaints=[complaint("Q1")],
    shipments=[shipment("S1", "O1", line_id="L1"), shipment("S2", "O1", kind="resend", case_id="C2")],
    returns=[returned("R1", "C1")],
)


@pytest.mark.parametrize(("pair", "side"), CONSERVED)
def test_a_row_that_is_lost_or_changed_between_a_table_and_its_pair_stops_the_run(pair: str, side: str) -> None:
    tables = EVERY_PAIR.tables.supplied()
    matches, unmatched = pair_tables(facts(EVERY_PAIR))
    mine = (pl.col("pair") == pair) & (pl.col("side") == side)
    check_pairs(tables, matches, unmatched, OCTOBER)
    first = mine & (mine.cum_sum() == 1)
    copies = [[frame.filter(~first) for frame in (matches, unmatched)]]
    if CONSERVED[pair, side][2] is not None:
        copies.append([frame.with_columns(pl.col("amount_fen") + mine.cast(pl.Int64)) for frame in (matches, unmatched)])

    for lost, open_ in copies:
        with pytest.raises(TieError, match=f"pair {pair}, {side} side"):
            check_pairs(tables, lost, open_, OCTOBER)


def sides() -> pl.DataFrame:
    """One row of either side of a pair by key."""
    return pl.DataFrame(
        {"row": [1], "amount_fen": [100], "k": ["A"], "partition": [0]}, schema_overrides={"partition": pl.UInt64}
    )


BY_KEY = replace(PAIRS["M1"], ladder=(Pass("key", "key", (("k", "k"),)),))


def a_row_lost_in_a_ladder(patch: pytest.MonkeyPatch) -> None:
    climb = matching._climb
    patch.setattr(matching, "_climb", lambda *given: tuple(side.head(0) for side in climb(*given)))
    match(BY_KEY, sides(), sides())


def a_row_used_twice_by_a_pass(patch: pytest.MonkeyPatch) -> None:
    by_key = matching._PASSES["key"]
    patch.setitem(matching._PASSES, "key", lambda *given: tuple(pl.concat([side, side]) for side in by_key(*given)))
    match(BY_KEY, sides(), sides())


def a_column_that_a_ladder_needs_is_missing(_: pytest.MonkeyPatch) -> None:
    match(BY_KEY, sides().drop("k"), sides())


def a_row_lost_between_a_file_and_its_tables(_: pytest.MonkeyPatch) -> None:
    (reading,) = readings_of(CASES / "pdd_bill" / next(case.name for case in FOLDERS if case.parent.name == "pdd_bill"))
    assemble([replace(reading, rows_read=reading.rows_read + 1)])


def a_row_lost_in_the_intake(_: pytest.MonkeyPatch) -> None:
    check_intake(replace(EVERY_PAIR, intake=EVERY_PAIR.intake.with_columns(pl.col("rows_read") + 1)))


def a_row_twice_on_a_side(_: pytest.MonkeyPatch) -> None:
    found = facts(EVERY_PAIR)
    receipts = found.more["sides_M6"]
    pair_tables(replace(found, more={**found.more, "sides_M6": pl.concat([receipts, receipts.head(1)])}))


def a_row_lost_between_a_table_and_its_pair(_: pytest.MonkeyPatch) -> None:
    matches, unmatched = pair_tables(facts(EVERY_PAIR))
    check_pairs(EVERY_PAIR.tables.supplied(), matches.head(0), unmatched, OCTOBER)


def a_fen_lost_between_the_wallets_and_the_bridge(_: pytest.MonkeyPatch) -> None:
    broken = replace(every_line(), parts=every_line().parts.head(0))
    build_bridge(broken, detect(broken), "zh")


def a_fen_lost_between_the_ledger_and_the_tax_basis(_: pytest.MonkeyPatch) -> None:
    check_tax(pl.DataFrame({"gross_fen": [1]}), facts(world()))


def a_row_lost_in_a_match_of_two_files(patch: pytest.MonkeyPatch) -> None:
    rows = adhoc._rows
    patch.setattr(adhoc, "_rows", lambda *given: rows(*given).head(1))
    table = pl.DataFrame({"id": ["A"], "amount": ["1.00"]})
    adhoc.match_records(table, table, on="id", amount="amount")


def an_entry_that_does_not_balance(_: pytest.MonkeyPatch) -> None:
    check_balance(pl.DataFrame({"entry_id": ["E1"] * 2, "code": ["C05"] * 2, "debit_fen": [100, 0], "credit_fen": [0, 101]}))


def a_refund_lost_among_the_months_entries(_: pytest.MonkeyPatch) -> None:
    refunds = pl.DataFrame({"out_fen": [100]})
    _check_total(refunds, pl.DataFrame({"gross_fen": [40], "gap_fen": [40]}), pl.DataFrame({"out_fen": [59]}))


def an_item_lost_among_those_carried_forward(_: pytest.MonkeyPatch) -> None:
    names = ("opening", "new", "recoded", "changed", "cleared", "written_off", "closing")
    sums = {f"{name}_{unit}": [int(name in ("opening", "new"))] for name in names for unit in ("n", "fen")}
    roll._check(pl.DataFrame({"code": ["C04"], **sums}))


def a_finding_lost_on_the_page_of_an_incident(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(postmortem, "stages", lambda *_: pl.DataFrame())
    incident = SimpleNamespace(findings=pl.DataFrame({"code": ["C04"]}))
    postmortem_view.tie(SimpleNamespace(folder=Path("2026-10")), incident, "stages", "zh")  # type: ignore[arg-type]


def a_row_lost_when_a_pair_is_matched_again(patch: pytest.MonkeyPatch) -> None:
    ready = what_if.make_ready(facts(EVERY_PAIR))
    patch.setattr(what_if, "_match_again", lambda ready, pair, *_: ready.sides[pair].head(1))
    what_if.try_limits(ready, "M3", what_if.limits_of(ready, "M3"))


def a_finding_lost_in_the_list_of_the_workplace(_: pytest.MonkeyPatch) -> None:
    items = pl.DataFrame({"is_found": [True], "status": ["open"], "amount_fen": [100], "first_period": ["2026-10"]})
    run = SimpleNamespace(folder=Path("2026-10"), summary={"codes": {"C04": {"n": 1}}}, table=lambda _: items)
    totals(run, items.head(0))  # type: ignore[arg-type]


def a_line_that_moved_without_its_items(_: pytest.MonkeyPatch) -> None:
    _check_lines(pl.DataFrame({"group": ["A0"], "moved_fen": [1]}), pl.DataFrame({"key": ["A0"], "moved_fen": [2]}))


def items_that_moved_without_their_line(_: pytest.MonkeyPatch) -> None:
    _check_lines(pl.DataFrame({"group": ["A0"], "moved_fen": [1]}), pl.DataFrame({"key": ["B1"], "moved_fen": [0]}))


PROOFS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None] | str, ...]] = {
    "collect._intake": (a_row_lost_between_a_file_and_its_tables,),
    "run.check_intake": (a_row_lost_in_the_intake,),
    "matching.match": (a_row_lost_in_a_ladder,),
    "matching._check": (a_column_that_a_ladder_needs_is_missing,),
    "matching._place": (a_row_used_twice_by_a_pass,),
    "facts.pairs.place_rows": (a_row_twice_on_a_side,),
    "facts.pairs.check_pairs": (a_row_lost_between_a_table_and_its_pair,),
    "bridge.build_bridge": (a_fen_lost_between_the_wallets_and_the_bridge,),
    "tax._check": (a_fen_lost_between_the_ledger_and_the_tax_basis,),
    "adjustments.check_balance": (an_entry_that_does_not_balance,),
    "adjustments.ordinary._check_total": (a_refund_lost_among_the_months_entries,),
    "casebook.roll._check": (an_item_lost_among_those_carried_forward,),
    "postmortem_view.tie": (a_finding_lost_on_the_page_of_an_incident,),
    "adhoc._check": (a_row_lost_in_a_match_of_two_files,),
    "archive.restatement._check_lines": (a_line_that_moved_without_its_items, items_that_moved_without_their_line),
    "narrative.verify_figures": ("report/test_narrative.py",),
    "display.tie": ("report/test_views.py",),
    "compare.compare": ("test_compare.py",),
    "what_if.try_limits": (a_row_lost_when_a_pair_is_matched_again,),
    "what_if._check_same": ("test_what_if.py",),
    "explore.findings.totals": (a_finding_lost_in_the_list_of_the_workplace,),
    "backtest_view.lookback_tie": ("test_backtest.py",),
}
"""Function that stops a run → a corrupted copy for each of its checks, or the test file that raises it on a run folder."""


def checks() -> Counter[str]:
    """Every function that raises TieError or MatchError, and how often, read from the code."""
    found: Counter[str] = Counter()
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef):
                raised = [node.exc for node in ast.walk(function) if isinstance(node, ast.Raise)]
                found[f"{name}.{function.name}"] += sum(isinstance(e, ast.Call) and _is_tie(e.func) for e in raised)
    return +found


def _is_tie(function: ast.expr) -> bool:
    return isinstance(function, ast.Name) and function.id in ("TieError", "MatchError")


def test_every_check_that_stops_a_run_has_its_corrupted_copy() -> None:
    assert checks() == {function: len(proofs) for function, proofs in PROOFS.items()}


@pytest.mark.parametrize(
    "proof", [proof for proofs in PROOFS.values() for proof in proofs if callable(proof)], ids=lambda p: p.__name__
)
def test_a_corrupted_copy_stops_the_run(proof: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises((TieError, MatchError)):
        proof(monkeypatch)


@pytest.mark.parametrize("name", [proof for proofs in PROOFS.values() for proof in proofs if isinstance(proof, str)])
def test_what_is_proven_on_a_run_folder_is_proven_there(name: str) -> None:
    assert re.search(r"pytest\.raises\((TieError|MatchError)", (Path(__file__).parent / name).read_text("utf-8"))


def test_an_unexplained_fen_makes_the_run_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "_ledger_items", one_fen_more(bridge._ledger_items, "C0"))
    month = reconcile(EVERY_PAIR, scope())

    assert (month.summary["verdict"], abs(month.summary["unexplained_fen"])) == ("incomplete", 1)
