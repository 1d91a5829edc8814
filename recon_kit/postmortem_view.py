"""What notebook 05 shows: an incident from what happened to what will stop it."""

from __future__ import annotations

from html import escape

import polars as pl

from recon_kit import handled, postmortem
from recon_kit.drawing import LESS, MORE, Chart, add_bars, new_figure, set_categories, tall
from recon_kit.errors import TieError
from recon_kit.labels import code_action, code_name, phrase, table_label, value_label, word
from recon_kit.money import format_yuan
from recon_kit.postmortem import Incident
from recon_kit.recon_kpis import RECURS_DAYS
from recon_kit.record import Run
from recon_kit.tables import Shown, is_total, short_table, with_total

WORDS = "postmortem"
"""The phrases of this page: templates/postmortem.toml."""
MAX_ROWS = 30
"""Findings listed one by one; the work-list has all of them."""
_MEMBER_KINDS = {"platform": "platform", "channel": "channel", "reason_group": "reason_group", "decided_by": "decided_by"}


def says(path: str, language: str, **facts: object) -> str:
    """A phrase of this page."""
    return phrase(WORDS, path, language, **facts)


def subject(incident: Incident, language: str) -> Shown:
    """What is looked into, and what it comes to."""
    if not incident.codes:
        return _sentence("nothing", language)
    cost = postmortem.cost(incident)
    names = "；".join(f"{code} {code_name(code, language)}" for code in incident.codes)
    cards = (
        ("n", f"{cost.n:,}"),
        ("gross", format_yuan(cost.gross_fen)),
        ("net", format_yuan(cost.net_fen)),
        ("loss", format_yuan(cost.loss_fen)),
    )
    shown = "".join(f"<div><dt>{says(f'card.{key}', language)}</dt><dd>{figure}</dd></div>" for key, figure in cards)
    listed = names if language == "zh" else names.replace("；", "; ")
    return Shown(f'<p class="incident">{escape(listed)}</p><dl class="cards">{shown}</dl>')


def timeline(run: Run, incident: Incident, language: str) -> Shown:
    """When the findings happened, were booked, detected and resolved, and how long that took."""
    frame = postmortem.stage_summary(run, incident)
    shown = frame.select(
        pl.Series("happening", [says(f"stage.{stage}", language) for stage in frame["stage"]], pl.String),
        "n",
        *(pl.col(name).cast(pl.String).fill_null("—").alias(f"{name}_day") for name in ("first", "last")),
        pl.Series("median_days", ["—" if days is None else f"{days:,.1f}" for days in frame["days"]], pl.String),
    )
    return short_table(shown, language, "stages-table", right=("median_days",))


def plot_stages(run: Run, incident: Incident, language: str) -> Chart | Shown:
    """How many findings happened on each day, and on which day they were detected."""
    days = postmortem.stages(run, incident)
    happened = days.drop_nulls("happened").group_by("happened").len().sort("happened")
    if happened.is_empty():
        return _sentence("undated", language)
    figure = new_figure("incident_days", language, height=280, legend=True)
    for name, colour, frame in (
        ("happened", LESS, happened.rename({"happened": "day"})),
        ("detected", MORE, days.group_by(pl.col("detected").alias("day")).len().sort("day")),
    ):
        figure.add_bar(
            x=[f"{day:%m-%d}" for day in frame["day"]],
            y=frame["len"].to_list(),
            name=says(f"stage.{name}", language),
            marker_color=colour,
            hovertemplate="%{x}: %{y}<extra>%{fullData.name}</extra>",
        )
    order = sorted({*happened["happened"], *days["detected"]})
    most = max(largest for trace in figure.data for largest in trace.y)
    figure.update_layout(barmode="group", bargap=0.4)
    figure.update_yaxes(dtick=max(1, most // 5))  # findings are whole
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=[f"{day:%m-%d}" for day in order], showgrid=False)
    return Chart(figure)


def scope_table(run: Run, incident: Incident, language: str) -> Shown:
    """That every row of both sides was looked at, so that there are no more; a code that was not checked is named."""
    frame = postmortem.scope(run, incident)
    if frame.is_empty():
        return _sentence("nothing", language)
    shown = frame.select(
        "code",
        pl.col("check").alias("rests_on"),
        pl.Series("scope_table", ["—" if t is None else table_label(t, language) for t in frame["table"]], pl.String),
        *("rows", "matched", "unmatched", "n"),
    )
    missing = postmortem.unchecked(run, incident)
    listed = ("、" if language == "zh" else ", ").join(missing)
    note = says("text.unproved" if missing else "text.proved", language, codes=listed)
    return Shown(short_table(shown, language, "scope-table").html + f"<p>{escape(note)}</p>")


def plot_pareto(run: Run, incident: Incident, language: str) -> Chart | Shown:
    """Where the incident gathers: the few members that hold most of it are darker."""
    by = postmortem.gathers_by(run, incident)
    frame = postmortem.pareto(run, incident, by)
    if frame.is_empty():
        return _sentence("nothing", language)
    shown = frame.head(12).reverse()
    names = _members(shown, by, language)
    figure = new_figure("incident_pareto", language, height=tall(len(names)), legend=True)
    named = shown.with_columns(pl.Series("member", names, dtype=pl.String))
    for key, colour, part in (
        ("vital", MORE, named.filter("is_vital")),
        ("others", "#d5dbe1", named.filter(~pl.col("is_vital"))),
    ):
        if part.height:
            members, amounts, counts = (part[name].to_list() for name in ("member", "abs_gap_fen", "n"))
            add_bars(figure, members, amounts, says(f"pareto.{key}", language), colour, counts=counts)
    set_categories(figure, names)
    return Chart(figure)


def pareto_table(run: Run, incident: Incident, language: str) -> Shown:
    """The same with the running share."""
    by = postmortem.gathers_by(run, incident)
    frame = postmortem.pareto(run, incident, by).head(MAX_ROWS)
    shown = frame.select(
        pl.Series("gathers_by", _members(frame, by, language), pl.String),
        "n",
        "abs_gap_fen",
        pl.Series("running_share", [f"{share:.0%}" for share in frame["share"]], pl.String),
    )
    head = f"<p>{escape(says('text.by', language, column=says(f'column.{by}', language)))}</p>" if frame.height else ""
    return Shown(head + short_table(shown, language, "pareto-table", right=("running_share",)).html)


def _members(frame: pl.DataFrame, by: str, language: str) -> list[str]:
    kind = _MEMBER_KINDS.get(by, "")
    return [word("ui.unassigned", language) if m is None else value_label(kind, m, language) for m in frame["member"]]


def catch_table(run: Run, incident: Incident, language: str) -> Shown:
    """Which run of the schedule would have caught each finding on which day, and the days lost until it was."""
    frame = postmortem.catchable(run, incident)
    shown = frame.sort("days_lost", descending=True, nulls_last=True).head(MAX_ROWS)
    told = shown.select(
        "code",
        "key",
        pl.Series("caught_by", [says(f"run.{kind}", language) for kind in shown["caught_by"]], pl.String),
        *(pl.col(name).cast(pl.String).fill_null("—") for name in ("happened", "caught_on", "found_on")),
        pl.Series("days_lost", ["—" if days is None else f"{days:,}" for days in shown["days_lost"]], pl.String),
    )
    lost = frame.select(pl.col("days_lost").cast(pl.Float64).median()).item()
    note = "" if lost is None else f"<p>{escape(says('text.lost', language, days=format(lost, ',.1f')))}</p>"
    return Shown(note + short_table(told, language, "catch-table", right=("days_lost",)).html)


def controls_table(run: Run, incident: Incident, language: str) -> Shown:
    """Controls that failed on the same cases and orders."""
    frame = postmortem.controls_beside(run, incident)
    if frame.is_empty():
        return _sentence("no_control", language)
    names = pl.Series("name", [code_name(code, language) for code in frame["code"]], pl.String)
    return short_table(frame.select("code", names, "n"), language, "beside-table")


def corrections_table(run: Run, incident: Incident, language: str) -> Shown:
    """The entries proposed for it."""
    frame = postmortem.corrections(run, incident)
    if frame.is_empty():
        return _sentence("no_entry", language)
    shown = frame.head(MAX_ROWS).with_columns(
        effect=pl.Series([value_label("effect", effect, language) for effect in frame["effect"].head(MAX_ROWS)], dtype=pl.String)
    )
    rest = frame.height - shown.height
    more = f'<p class="empty">{word("ui.more_rows", language, n=MAX_ROWS, rest=rest, table="tables/adjustments.parquet")}</p>'
    return Shown(short_table(shown.drop("memo"), language, "correction-table").html + (more if rest > 0 else ""))


def recurrence_table(run: Run, incident: Incident, language: str) -> Shown:
    """Whether it was there before, and whether what is new is a recurrence."""
    frame = postmortem.recurrence(run, incident)
    if frame.is_empty():
        return _sentence("no_roll", language)
    n = postmortem.came_back(run, incident)
    told = says("text.came_back" if n else "text.not_back", language, n=f"{n:,}", days=RECURS_DAYS)
    recent = [word("ui.yes" if recent else "ui.no", language) for recent in frame["is_recent"]]
    named = frame.drop("is_recent").with_columns(pl.Series("within_days", recent, pl.String))
    total = with_total(named, language, "period").with_columns(pl.col("within_days").fill_null(""))
    return Shown(
        f"<p>{escape(told)}</p>" + short_table(total, language, "recurrence-table", strong=is_total("period", language)).html
    )


WHYS = ("why_one", "why_two", "why_three", "why_four", "why_five")


def whys_table(run: Run, incident: Incident, language: str) -> Shown:
    """Five whys: what the casebook says of the first two, and lines to fill in; one empty row where it says nothing."""
    if not incident.codes:
        return _sentence("nothing", language)
    told = postmortem.whys(run, incident).head(MAX_ROWS)
    rows = [
        (
            f"{row['code']} {code_name(row['code'], language)}",
            row["key"],
            row["explanation"],
            row["reason"],
            _cause(row, language),
        )
        for row in told.iter_rows(named=True)
    ]
    silent = [code for code in incident.codes if code not in set(told["code"])]
    rows += [(f"{code} {code_name(code, language)}", None, None, None, "") for code in silent]
    names = ("incident", "key", *WHYS[:2], "root_cause")
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    blank = frame.with_columns(pl.lit("").alias(name) for name in WHYS[2:])
    note = f"<p>{escape(says('text.no_why', language))}</p>" if told.is_empty() else ""
    return Shown(note + short_table(blank.select("incident", "key", *WHYS, "root_cause"), language, "whys-table").html)


def _cause(row: dict[str, object], language: str) -> str:
    """The kind of root cause and who named it."""
    return f"{value_label('cause', str(row['cause']), language)} · {row['decided_by']}" if row["cause"] else ""


def actions(run: Run, incident: Incident, language: str) -> Shown:
    """What is done about each code: the casebook's actions, with who, by when and whether they held; else what to do."""
    if not incident.codes:
        return _sentence("nothing", language)
    told = handled.actions(run, incident.codes)
    rows = [
        (
            f"{row['code']} {code_name(row['code'], language)}",
            row["what"],
            row["who"],
            str(row["due_on"] or ""),
            _held(row, language),
        )
        for row in told.iter_rows(named=True)
    ]
    silent = [code for code in incident.codes if code not in set(told["code"])]
    rows += [(f"{code} {code_name(code, language)}", code_action(code, language), "", "", "") for code in silent]
    names = ("incident", "action", "who", "due_day", "verified")
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return short_table(frame, language, "action-table")


def _held(row: dict[str, object], language: str) -> str:
    """Whether an action is done, and whether it happened again since."""
    again = "again" if row["n_since"] else "held"
    key = f"{row['state']}_{again}" if row["state"] == "done" else str(row["state"])
    return says(f"held.{key}", language, day=row["done_on"], n=row["n_since"])


def again(run: Run, incident: Incident, language: str) -> Shown:
    """What to run next period to see that it is gone: what is first seen then, which should be nothing."""
    following = run.period.following().text
    lines = [says("text.rerun", language, period=following)]
    lines += [says("text.query", language, period=following, code=code) for code in incident.codes]
    text = escape(says("text.next", language))
    return Shown(f"<p>{text}</p><pre>{escape(chr(10).join(lines))}</pre>" if incident.codes else "")


def tie(run: Run, incident: Incident, name: str, language: str) -> Shown:
    """The line that closes a section: its findings are those of the incident; TieError when they are not."""
    whole = incident.findings.height
    parts = {
        "pareto": lambda: int(postmortem.pareto(run, incident, postmortem.gathers_by(run, incident))["n"].sum()),
        "stages": lambda: postmortem.stages(run, incident).height,
        "catch": lambda: postmortem.catchable(run, incident).height,
    }
    found = parts[name]()
    if found != whole:
        raise TieError(
            f"{run.folder.name}: {name}: {found} findings on the page, {whole} in the incident; expected the same. Run again"
        )
    return Shown(f'<p class="tie"><b>{word("ui.ties", language)}</b> {escape(says(f"tie.{name}", language, n=f"{found:,}"))}</p>')


def _sentence(key: str, language: str) -> Shown:
    return Shown(f'<p class="empty">{escape(says(f"text.{key}", language))}</p>')
