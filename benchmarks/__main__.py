"""`python -m benchmarks reconcile [--orders N]`, `read [--megabytes N]`; `xlsx`, `equal`, `what_if [--rows N]`; `--rounds K`.

`explore [--findings N]`: the workplace.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from benchmarks.equal import run_equal
from benchmarks.explore import FEW, run_explore
from benchmarks.exports import write_bill, write_workbook
from benchmarks.month import write_month
from benchmarks.reading import READERS, SHEETS
from benchmarks.reconcile import CONTESTANTS, Run, measure, run_contestant
from benchmarks.what_if import run_what_if


def main() -> None:
    """Print each contestant's time and peak memory, and what they are to the others."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    reconcile = commands.add_parser("reconcile", help="load + match + rules against the floor and against DuckDB")
    reconcile.add_argument("--orders", type=int, default=1_000_000)
    read = commands.add_parser("read", help="a bill in GB18030 against polars on the same rows in UTF-8")
    read.add_argument("--megabytes", type=int, default=200)
    xlsx = commands.add_parser("xlsx", help="a worksheet of 20 columns against fastexcel")
    xlsx.add_argument("--rows", type=int, default=1_000_000)
    equal = commands.add_parser("equal", help="equal amounts of one key on one day: the worst case of matching")
    equal.add_argument("--rows", type=int, default=100_000)
    what_if = commands.add_parser("what_if", help="one pair matched again at other limits, against its bare joins")
    what_if.add_argument("--rows", type=int, default=100_000)
    explore = commands.add_parser("explore", help="the workplace over many findings, against as many as it lists")
    explore.add_argument("--findings", type=int, default=20_000)
    for command in (reconcile, read, xlsx, what_if):
        command.add_argument("--rounds", type=int, default=3, help="the median of so many runs of each, taken in turns")
    child = commands.add_parser("contestant", help="one measured process (used by the others)")
    child.add_argument("name", choices=CONTESTANTS | READERS | SHEETS)
    child.add_argument("folder", type=Path)
    given = parser.parse_args()
    if given.command == "contestant":
        run_contestant((CONTESTANTS | READERS | SHEETS)[given.name], given.folder)
        return
    if given.command == "equal":
        print("  ".join(f"{name} {seconds:.2f} s" for name, seconds in run_equal(given.rows).items()))
        return
    if given.command == "what_if":
        print(f"{given.rows:,} rows of M3, median of {given.rounds} moves")
        _print_moves(run_what_if(given.rows, given.rounds))
        return
    with tempfile.TemporaryDirectory(prefix="recon-bench-") as name:
        folder = Path(name)
        if given.command == "explore":
            print(f"{given.findings:,} findings: seconds, and what they are to those with {FEW:,}")
            for act, (many, few) in run_explore(folder, given.findings).items():
                print(f"{act:10} {many:6.2f} s   it / {FEW:,} = {many / few:5.2f}")
        elif given.command == "reconcile":
            write_month(folder, given.orders)
            print(f"{given.orders:,} orders, median of {given.rounds} runs")
            _print_ours_to_each(CONTESTANTS, folder, given.rounds)
        elif given.command == "read":
            write_bill(folder, given.megabytes)
            print(f"{given.megabytes} MB of GB18030, median of {given.rounds} runs")
            _print_each_to_last(READERS, folder, given.rounds)
        else:
            write_workbook(folder, given.rows)
            print(f"{given.rows:,} rows of 20 columns, median of {given.rounds} runs")
            _print_each_to_last(SHEETS, folder, given.rounds)


def _measure(names: Iterable[str], folder: Path, rounds: int) -> dict[str, Run]:
    """Median seconds, highest peak and what was found, per contestant; they run in turns."""
    runs = [{name: measure(name, folder) for name in names} for _ in range(rounds)]
    return {
        name: Run(
            seconds=median(run[name]["seconds"] for run in runs),
            peak_mib=max(run[name]["peak_mib"] for run in runs),
            found=runs[0][name]["found"],
        )
        for name in names
    }


def _print_ours_to_each(names: Iterable[str], folder: Path, rounds: int) -> None:
    measured = _measure(names, folder, rounds)
    for name, run in measured.items():
        ratio = measured["recon_kit"]["seconds"] / run["seconds"]
        to_ours = f"recon_kit / it = {ratio:5.2f}   peak {run['peak_mib']:6.0f} MiB"
        print(f"{name:10} {run['seconds']:7.2f} s   {to_ours}   {run['found']}")


def _print_each_to_last(names: Iterable[str], folder: Path, rounds: int) -> None:
    measured = _measure(names, folder, rounds)
    floor, least = list(measured.items())[-1]
    for name, run in measured.items():
        ratio, over = run["seconds"] / least["seconds"], run["peak_mib"] - least["peak_mib"]
        to_floor = f"it / {floor} = {ratio:5.2f}   peak {run['peak_mib']:6.0f} MiB ({over:+.0f})"
        print(f"{name:10} {run['seconds']:7.2f} s   {to_floor}   {run['found']}")


def _print_moves(measured: dict[str, float]) -> None:
    for name, seconds in measured.items():
        print(f"{name:14} {seconds * 1000:7.0f} ms   it / floor = {seconds / measured['floor']:6.2f}")


if __name__ == "__main__":
    main()
