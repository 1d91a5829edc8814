"""The workplace over many findings: a published run whose findings are copied, each copy an item of its own in the casebook."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import polars as pl

from recon_kit.casebook import absorb_run, open_casebook
from recon_kit.config import load_config
from recon_kit.explore import Desk, open_desk
from recon_kit.explore.acts import Typed
from recon_kit.periods import cut_off
from recon_kit.record import load_run
from recon_kit.run import run_period

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
PERIOD = "2026-10"
FEW = 1_000
"""What the browser gets at most: the floor."""
ROUNDS = 5


def run_explore(folder: Path, findings: int) -> dict[str, tuple[float, float]]:
    """What an analyst waits for → seconds with so many findings, and with FEW."""
    one = run_period(PERIOD, SAMPLE, folder / "one", config=load_config(SAMPLE / "recon.toml"), home=SAMPLE, pages=False).run_dir
    times = [_times(_widened(one, folder / str(n), n)) for n in (findings, FEW)]
    return {name: (times[0][name], times[1][name]) for name in times[0]}


def _times(run_dir: Path) -> dict[str, float]:
    began = time.perf_counter()
    desk = open_desk(load_run(run_dir), "zh")
    opened = time.perf_counter() - began
    return {"open": opened} | {name: median(act(desk) for _ in range(ROUNDS)) for name, act in _ACTS.items()}


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _filter(desk: Desk) -> float:
    """One code more, from all of them."""
    desk.filters.reset.click()
    return _timed(lambda: setattr(desk.filters.slicers["code"], "value", ("C04", "L01")))


def _unfilter(desk: Desk) -> float:
    """Back to all."""
    desk.filters.slicers["code"].value = ("C04",)
    return _timed(desk.filters.reset.click)


def _type(desk: Desk) -> float:
    """A text."""
    desk.filters.text.value = ""
    return _timed(lambda: setattr(desk.filters.text, "value", "退款"))


def _look(desk: Desk) -> float:
    """The evidence of another row."""
    place = (desk.grid.selected_rows or [0])[0] + 1
    return _timed(lambda: setattr(desk.grid, "selected_rows", [place]))


def _decide(desk: Desk) -> float:
    """Ten rows assigned."""
    desk.grid.selected_rows = list(range(10))
    desk.form.fill(Typed(by="王芳", kind="assigned", to="李雷", why="查"))
    return _timed(desk.form.send.click)


_ACTS: dict[str, Callable[[Desk], float]] = {
    "filter": _filter,
    "unfilter": _unfilter,
    "text": _type,
    "evidence": _look,
    "decide": _decide,
}


def _widened(run_dir: Path, out: Path, findings: int) -> Path:
    """The run with at least so many findings, recorded in a casebook of its own."""
    wide = out / PERIOD
    shutil.copytree(run_dir, wide)
    found = pl.read_parquet(wide / "tables" / "discrepancies.parquet").filter(pl.col("primary_id").is_null())
    copies = pl.DataFrame({"copy": range(-(-findings // found.height))})
    own = pl.when(pl.col("copy") > 0).then(pl.format("{}x{}", "discrepancy_id", "copy")).otherwise("discrepancy_id")
    for name in ("discrepancies", "open_items"):
        path = wide / "tables" / f"{name}.parquet"
        frame = pl.read_parquet(path)
        frame.join(copies, how="cross").with_columns(own.alias("discrepancy_id")).drop("copy").write_parquet(path)
    summary = json.loads((wide / "summary.json").read_text("utf-8"))
    for code in summary["codes"].values():
        code["n"] *= copies.height
    (wide / "summary.json").write_text(json.dumps(summary, ensure_ascii=False), encoding="utf-8")
    book = open_casebook(out / "casebook.db")
    absorb_run(book, wide, at=cut_off(load_run(wide).as_of))
    return wide
