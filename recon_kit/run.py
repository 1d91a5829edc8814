"""run_period(): the whole way on one page, a table of contents of the package."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import polars as pl

from recon_kit import publish
from recon_kit.adjustments import build_adjustments
from recon_kit.archive.chain import Link
from recon_kit.archive.close import complete
from recon_kit.archive.sealed import closed_periods, is_same_run, sealed_folder, sealed_rows
from recon_kit.audit import audit_passes, audit_tolerance, draw_limits
from recon_kit.bridge import build_bridge
from recon_kit.case_file import build_case_file
from recon_kit.casebook import NO_HISTORY, absorb_run, begin_casebook, casebook_place, open_casebook, read_opening
from recon_kit.casebook.roll import roll_forward
from recon_kit.casebook.told import count_months, tell_casebook
from recon_kit.collect import Collected, collect
from recon_kit.config import Config
from recon_kit.errors import ConfigError, SourceError, TieError
from recon_kit.facts import Scope, Sealed, build_facts
from recon_kit.facts.coverage import coverage_gaps
from recon_kit.facts.pairs import check_pairs, pair_tables
from recon_kit.facts.references import read_entry_ids
from recon_kit.facts.ties import ledger_ties
from recon_kit.kpi_trend import build_trend
from recon_kit.kpis import build_kpis, build_movements
from recon_kit.narrative import render_why
from recon_kit.periods import SHANGHAI, Period, parse_period
from recon_kit.privacy import mask_frame
from recon_kit.recon_kpis import Outcomes, build_item_kpis, build_recon_kpis
from recon_kit.record import load_run
from recon_kit.results import BOOKED_ENTRIES, DISCREPANCIES, SELFTEST, conform_result, result_schema
from recon_kit.rules import detect
from recon_kit.schema import TABLES
from recon_kit.selftest import COPIES_OF_A_RUN, is_small, self_test
from recon_kit.sources.own import load_own
from recon_kit.summary import stated_inputs, summarise, versions
from recon_kit.tax import build_tax_basis


class Progress(Protocol):
    """Told the stages of a run (cli.run.STAGES): each when it begins, and with what it counted when it is done.

    Files and pages are told by name in between.
    """

    def __call__(self, step: str, n: int | None = None) -> None:
        """A stage or a name; `n` ends the stage."""


@dataclass(frozen=True)
class Outcome:
    """What one period computed, before anything is written. `tables`: name → frame, canonical and result tables."""

    tables: dict[str, pl.DataFrame]
    summary: dict[str, Any]


@dataclass(frozen=True)
class RunResult:
    """A run that stands on disk: its folder, its summary and its verdict (`results.VERDICT`, worst first).

    `standing`: published; closed, when a rerun of a closed period rests on what was sealed, so that nothing was written;
    restated, when it does not, and stands in a folder of its own beside the sealed one.
    """

    run_dir: Path
    summary: dict[str, Any]
    standing: Literal["published", "closed", "restated"] = "published"

    @property
    def verdict(self) -> str:
        """The run's verdict."""
        return str(self.summary["verdict"])

    @property
    def exit_code(self) -> int:
        """0 when reconciled or pending, 1 for warnings, breaks or incomplete."""
        return 0 if self.verdict in ("reconciled", "pending") else 1


def run_period(
    period: str,
    data: Path,
    out: Path,
    *,
    config: Config,
    home: Path | None = None,
    as_of: date | None = None,
    pages: bool = True,
    notebooks: Path | None = None,
    selftest: bool | None = None,
    casebook: bool = True,
    progress: Progress | None = None,
) -> RunResult:
    """Reconcile one period of a folder of exports and publish it as `out/period`; nothing is published when it cannot run.

    Open items of earlier periods come from the casebook, and what the run finds goes into it once it is published;
    without `casebook` neither happens, for a run that is thrown away. A casebook that is not there yet begins with
    `casebook.json` in `data`, where there is one.

    `home`: the folder of recon.toml, which its `[sources]` are relative to; by default the working folder.
    `notebooks`: a folder of the user's own, made into pages beside the shipped ones.
    `selftest`: plant every anomaly in copies of the period and say in the report how much of it is found again; None: where
    pages are made of a whole month of up to 20,000 orders.
    Raises a ReconError for a source, option or tie that does not hold.
    """
    say = progress or _silent
    span = parse_period(period)
    scope = Scope(config, span, check_as_of(span, as_of))
    if selftest and scope.as_of != span.last_day:
        raise ConfigError(
            f"--selftest with --as-of {scope.as_of}: a self-test needs a whole period; expected {span.last_day}, the last day of "
            f"{span.text}; leave one of the two out"
        )
    complete(out)
    closed = closed_periods(out)
    held = closed.pop(period, None)
    if held is None:
        publish.check_replaceable(out / period)
    say("collect")
    collected = collect(data, progress=progress, own=load_own(config.sources, home=home, data=[data]))
    say("collect", int(collected.intake["rows_read"].sum()))
    if collected.intake.is_empty():
        raise SourceError(
            f"{data}: no file could be taken for an export; expected bills, orders or templates. Try `recon-kit check {data}`"
        )
    described: dict[str, Any] = {
        "inputs": stated_inputs(collected),
        "config": config.model_dump(mode="json", by_alias=True),
        "versions": versions(),
    }
    if held and is_same_run(sealed_folder(out, held), described, scope.as_of):
        return _sealed_run(out, held)
    place = casebook_place(out, config, home)
    book = open_casebook(place, create=False) if casebook and Path(place).is_file() else None
    history = book.events() if book else read_opening(data) if casebook else NO_HISTORY
    outcome = reconcile(
        collected,
        scope,
        history=history,
        sealed=sealed_rows(out, {**closed, **({period: held} if held else {})}),
        selftest=pages and is_small(collected, scope) if selftest is None else selftest,
        progress=progress,
    )
    seals = {name: link.sha256 for name, link in closed.items()}
    if held:
        say("write")
        return _restate(out, held, outcome, described, seals, scope, place)
    with publish.staged(out, period) as staging:
        say("write")
        write_tables(staging.path, outcome)
        say("write", sum(frame.height for frame in outcome.tables.values()))
        staging.describe(**described, sealed=seals)  # a page may run the month again, with its configuration
        if pages:
            with _without_iri_grammar():
                from recon_kit import report  # only here: notebooks and their kernel are slow to import

            report.write_run_pages(staging.path, language=config.entity.language, notebooks=notebooks, progress=progress)
            report.write_workbook(staging.path, language=config.entity.language)
    if casebook:
        absorb_run(book or begin_casebook(place, history), out / period, at=datetime.now(SHANGHAI))
    return RunResult(out / period, outcome.summary)


def _sealed_run(out: Path, held: Link) -> RunResult:
    """The closed run itself: a rerun on equal inputs is that run."""
    folder = out / held.period if publish.is_sealed(out / held.period) else sealed_folder(out, held)
    return RunResult(folder, load_run(folder).summary, "closed")


def _restate(
    out: Path,
    held: Link,
    outcome: Outcome,
    described: Mapping[str, Any],
    seals: Mapping[str, str],
    scope: Scope,
    place: Path | str,
) -> RunResult:
    """Keep the rerun of a closed period beside it, and what moved; the casebook at its place says so."""
    from recon_kit.archive.restate import Rerun, record_restatement, restate  # only here: pages and workbooks are slow to import

    rerun = Rerun(
        tables=outcome.tables,
        summary=outcome.summary,
        described=described,
        sealed={**seals, held.period: held.sha256},
        until=scope.look_ahead_end,
        write=lambda folder: write_tables(folder, outcome),
    )
    folder = restate(out, held, rerun)
    record_restatement(open_casebook(place), folder, held, datetime.now(SHANGHAI))
    return RunResult(folder, outcome.summary, "restated")


@contextmanager
def _without_iri_grammar() -> Iterator[None]:
    """jsonschema, which nbformat imports, compiles a grammar of IRIs where it can: two seconds, for a check no notebook has."""
    name = "rfc3987_syntax"
    is_new = sys.modules.setdefault(name, None) is None  # type: ignore[arg-type]  # None: "not to be imported"
    try:
        yield
    finally:
        if is_new:
            del sys.modules[name]


def check_as_of(period: Period, as_of: date | None) -> date:
    """The as-of day, by default the period's last; ConfigError when it lies before the period."""
    if as_of is not None and as_of < period.start:
        raise ConfigError(f"--as-of {as_of}: lies before the period {period.text}; give a day from {period.start} on")
    return as_of or period.last_day


def reconcile(
    collected: Collected,
    scope: Scope,
    *,
    history: pl.DataFrame = NO_HISTORY,
    partitions: int = 1,
    sealed: Sequence[Sealed] = (),
    selftest: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Stage 2 and what follows from it, without writing: facts → findings → bridge → KPIs → open items → verdict.

    `history`: the casebook's events, for what earlier periods left open.
    """
    say = progress or _silent
    language = scope.config.entity.language
    check_intake(collected)
    say("match")
    facts = build_facts(collected, scope, partitions=partitions, sealed=sealed)
    matches, unmatched = pair_tables(facts)
    check_pairs(collected.tables.supplied(), matches, unmatched, scope.period)
    say("match", matches.height)
    say("detect")
    findings = detect(facts)
    say("detect", findings.height)
    say("bridge")
    bridge = build_bridge(facts, findings, language)
    say("bridge", bridge.items.height)
    kpis = build_kpis(facts, collected.tables)
    found = Outcomes(matches, unmatched, findings, bridge.lines, kpis, bridge.unexplained_fen, bridge.ends_at)
    roll = roll_forward(collected, facts, findings, matches, history)
    discrepancies = conform_result(
        render_why(findings.drop("subject").with_columns(pl.lit(None, pl.String).alias("why")), language), DISCREPANCIES
    )
    if selftest:
        say("selftest")
    results = {
        "discrepancies": discrepancies,
        "matches": matches,
        "unmatched": unmatched,
        "bridge": bridge.lines,
        "bridge_items": bridge.items,
        "kpis": pl.concat(
            [
                kpis,
                build_recon_kpis(found, facts.supplied, scope.as_of),
                build_item_kpis(roll.open_items, roll.known, scope.as_of),
            ]
        ),
        "kpi_movements": build_movements(facts, collected.tables),
        "kpi_trend": build_trend(facts, collected.tables, kpis),
        "case_file": build_case_file(facts, findings),
        "open_items": roll.open_items,
        "carry_forward": roll.carry_forward,
        **tell_casebook(history, roll.known, scope),
        "pass_audit": audit_passes(matches),
        "tolerance_audit": audit_tolerance(matches, facts),
        "limit_curve": draw_limits(matches, facts),
        "ledger_ties": ledger_ties(facts),
        "tax_basis": build_tax_basis(facts),
        "selftest": self_test(collected, facts, findings, copies=COPIES_OF_A_RUN)
        if selftest
        else pl.DataFrame(schema=result_schema(SELFTEST)),
        "adjustments": build_adjustments(facts, findings, collected.tables.supplied(), language),
        "booked_entries": conform_result(read_entry_ids(facts.vouchers), BOOKED_ENTRIES),
        "intake": collected.intake,
        "intake_days": collected.days,
        "quarantine": collected.quarantine,
        "controls": collected.controls,
        "coverage": collected.coverage,
        "coverage_gaps": coverage_gaps(collected.coverage, scope),
    }
    if selftest:
        say("selftest", int(results["selftest"]["n_planted"].sum()))
    masked = {name: mask_frame(frame, TABLES[name]) for name, frame in collected.tables.supplied().items()}
    return Outcome(
        {**masked, **results},
        {**summarise(collected, facts, bridge, results), **roll.summary, "months": count_months(history, scope)},
    )


def _silent(step: str, n: int | None = None) -> None:
    """Progress that nobody watches."""


def check_intake(collected: Collected) -> None:
    """Row accounting of the intake: rows_read = loaded + quarantined + declared duplicates; TieError otherwise."""
    broken = collected.intake.filter(
        pl.col("rows_read") != pl.col("rows_loaded") + pl.col("rows_quarantined") + pl.col("rows_duplicate")
    )
    for row in broken.head(1).iter_rows(named=True):
        raise TieError(
            f"{row['file']}: {row['rows_read']} rows read, {row['rows_loaded']} loaded + {row['rows_quarantined']} quarantined + "
            f"{row['rows_duplicate']} duplicate; expected equal. This is a bug, nothing was published"
        )


def write_tables(folder: Path, outcome: Outcome) -> None:
    """Write `tables/*.parquet` and summary.json; equal outcomes give equal bytes."""
    (folder / "tables").mkdir(exist_ok=True)
    for name, frame in outcome.tables.items():
        frame.write_parquet(folder / "tables" / f"{name}.parquet", compression="zstd", statistics=False)
    text = json.dumps(outcome.summary, ensure_ascii=False, indent=1, sort_keys=False)
    (folder / "summary.json").write_text(text + "\n", encoding="utf-8")
