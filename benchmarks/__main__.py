"""`python -m benchmarks reconcile [--orders N] [--rounds K]`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.month import write_month
from benchmarks.reconcile import CONTESTANTS, measure, run_contestant


def main() -> None:
    """Print each contestant's time and peak memory, and ours as a ratio to them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    reconcile = commands.add_parser("reconcile", help="load + match + rules against the floor and against DuckDB")
    reconcile.add_argument("--orders", type=int, default=1_000_000)
    reconcile.add_argument("--rounds", type=int, default=3, help="the median of so many runs of each, taken in turns")
    child = commands.add_parser("contestant", help="one measured process (used by the others)")
    child.add_argument("name", choices=CONTESTANTS)
    child.add_argument("folder", type=Path)
    given = parser.parse_args()
    if given.command == "contestant":
        run_contestant(given.name, given.folder)
        return
    with tempfile.TemporaryDirectory(prefix="recon-bench-") as name:
        folder = Path(name)
        write_month(folder, given.orders)
        rounds = [{contestant: measure(contestant, folder) for contestant in CONTESTANTS} for _ in range(given.rounds)]
    seconds = {c: median(float(r[c]["seconds"]) for r in rounds) for c in CONTESTANTS}
    peaks = {c: max(float(r[c]["peak_mib"]) for r in rounds) for c in CONTESTANTS}
    print(f"{given.orders:,} orders, median of {given.rounds} runs")
    for contestant in CONTESTANTS:
        ratio = seconds["recon_kit"] / seconds[contestant]
        measured = f"{seconds[contestant]:7.2f} s   recon_kit / it = {ratio:5.2f}   peak {peaks[contestant]:6.0f} MiB"
        print(f"{contestant:10} {measured}   {rounds[0][contestant]['found']}")


if __name__ == "__main__":
    main()
