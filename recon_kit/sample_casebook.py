"""The sample's worked month: the month before is reconciled from the sample's own files, and worked as its people would.

Every decision of `synth/worked_month.toml` passes the checks that `recon-kit cases` makes. What comes of it is written beside
the exports as `casebook.json`, with which a workspace's casebook begins.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from recon_kit import publish
from recon_kit.casebook import OPENING, Casebook, Decision, absorb_run, decide, events_json, item_states, open_casebook
from recon_kit.collect import collect
from recon_kit.config import Config, load_config
from recon_kit.facts import Scope
from recon_kit.periods import SHANGHAI, Period
from recon_kit.run import reconcile, write_tables
from recon_kit.summary import stated_inputs

STORY = Path(__file__).parent / "synth" / "worked_month.toml"
_DATA = ("to", "what", "cause")


def write_casebook(folder: Path, month: Period) -> int:
    """Work `month` of the sample in a folder and write its casebook there; gives how many decisions were taken.

    Decisions on a code that the month does not have are left out: every sample has its own findings.
    """
    config = load_config(folder / "recon.toml")
    story = tomllib.loads(STORY.read_text("utf-8"))
    with TemporaryDirectory(prefix="recon-sample-") as place:
        out = Path(place)
        run_dir = _publish_month(folder, out, month, config)
        book = open_casebook(out / "casebook.db")
        absorb_run(book, run_dir, at=_at(month, story["run_on"]))
        taken = sum(_take(book, config, month, act) for act in sorted(story["act"], key=lambda act: _at(month, act)))
        (folder / OPENING).write_text(events_json(book.events()) + "\n", encoding="utf-8", newline="\n")
    return taken


def _publish_month(folder: Path, out: Path, month: Period, config: Config) -> Path:
    """The month as a run, without pages and without naming the versions that made it: the same sample on any machine."""
    collected = collect(folder)
    outcome = reconcile(collected, Scope(config, month, month.last_day))
    with publish.staged(out, month.text) as staging:
        write_tables(staging.path, outcome)
        stated = config.model_dump(mode="json", by_alias=True)
        staging.describe(inputs=stated_inputs(collected), config=stated, versions={})
    return out / month.text


def _take(book: Casebook, config: Config, month: Period, act: Mapping[str, Any]) -> bool:
    """Take one decision of the story; False where the month has nothing it is about."""
    items = item_states(book.events()).filter(pl.col("code") == act["code"]).sort("platform", "key", nulls_last=True)
    on_entry = act.get("on") == "entry"
    subjects = items["entry_ids"].drop_nulls().explode() if on_entry else items["discrepancy_id"]
    if subjects.is_empty():
        return False
    data: dict[str, object] = {name: act[name] for name in _DATA if name in act}
    if act["kind"] == "explained":
        data["text"] = act["why"]
    if act["kind"] == "action":
        due = month.end + timedelta(days=act["due_day"])
        data.update(due=due.isoformat(), is_done=act.get("done", False))
    decide(book, config, Decision(act["kind"], subjects[0], act["by"], _at(month, act), act.get("why"), data))
    return True


def _at(month: Period, act: Mapping[str, Any]) -> datetime:
    """When something of the story happens: so many days after the month's end, at a time of day."""
    return datetime.combine(month.end + timedelta(days=act["day"]), time.fromisoformat(act["time"]), SHANGHAI)
