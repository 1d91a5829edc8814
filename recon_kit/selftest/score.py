"""What was planted against what was found: recall, false alarms and lost findings by code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl

from recon_kit.results import SELFTEST, conform_result, result_schema
from recon_kit.rules import CATALOGUE
from recon_kit.synth.edits import AnswerRow
from recon_kit.synth.planters import PLANTERS

Found = tuple[str, str, int | None, int | None]
"""Code, key, expected and actual fen: what makes a finding the planted one."""
ROOM = {
    "settled": "A03 A06 C01 C02 C04 C05 C06 C07 C08 C09 C12 K01 K02 K05 L01 L03 L04 L05 L06 L07 L09 Q03 S01",
    "receipted": "A01 C03 C11 C13 C14 P01 P02 P03 P04 S02 S06 S07 S09",
    "returned": "L08 W01 W02 W03 W04 W05 W11",
    "shipped": "C15 W06 W07 W08 W09 W12",
    "unshipped": "W13",
    "quiet": "A02 Q01 Q02",
    "withdrawn": "L02 L10",
    "ended": "C10",
    "clawed": "A04",
    "points": "A05",
    "combined": "P05",
    "payouts": "S03 S04",
    "wallets": "S08",
    "bills": "S05",
    "totals": "K06",
    "days": "K03 L11 W10",
}
"""What a month must have for a code to be planted (labels.toml, `room`) → the codes."""


def score(
    baseline: pl.DataFrame, planted: Sequence[Sequence[AnswerRow]], found: Sequence[pl.DataFrame], why: Mapping[str, str]
) -> pl.DataFrame:
    """One row per code of the catalogue, from the findings of the month and, per copy, what was planted and what found.

    `why`: code → the table it lacks, or `not_due` where it is not checked in such a period, `not_tried`
    where there were no more copies. Only primary findings count: what
    a planted one explains is related to it and no false alarm. A finding with another amount than planted is a miss and a
    false alarm.
    """
    own = _primary(baseline)
    put, hit, false, lost = (Counter[Found]() for _ in range(4))
    for answers, frame in zip(planted, found, strict=True):
        new = _primary(frame)
        known, seen = Counter(map(_name, own)), Counter(map(_name, new))
        added = seen - known
        extra = Counter(row for row in new if _name(row) in added) - Counter(row for row in own if _name(row) in added)
        wanted = Counter((row.code, row.key, row.expected_fen, row.actual_fen) for row in answers)
        put += wanted
        hit += extra & wanted
        false += extra - wanted
        lost += Counter({(*name, None, None): n for name, n in (known - seen).items()})
    rows = [_row(code, why.get(code), [_keys(side, code) for side in (put, hit, put - hit, false, lost)]) for code in CATALOGUE]
    return conform_result(pl.DataFrame(rows, schema=result_schema(SELFTEST)), SELFTEST)


def sums_of(table: pl.DataFrame) -> dict[str, int] | None:
    """What a self-test comes to, over all codes; None where none was made (no row)."""
    if table.is_empty():
        return None
    sums = {name: int(table[f"n_{name}"].sum()) for name in ("planted", "found", "missed", "false", "lost")}
    return sums | {"untested": int((table["n_planted"] == 0).sum())}


def _primary(findings: pl.DataFrame) -> list[Found]:
    primary = findings.filter(pl.col("primary_id").is_null())
    return primary.select("code", "key", "expected_fen", "actual_fen").rows()


def _name(found: Found) -> tuple[str, str]:
    """Code and key: amounts of the month's own findings may move, as a wallet's closing balance does."""
    return found[:2]


def _keys(found: Counter[Found], code: str) -> list[str]:
    """The keys of one code, each as often as it was counted."""
    return sorted(key for (of, key, *_), n in found.items() if of == code for _ in range(n))


def _row(code: str, why: str | None, sides: Sequence[list[str]]) -> dict[str, object]:
    planted, hit, missed, false, lost = sides
    state = (
        "left_out"
        if code not in PLANTERS
        else why
        if why in ("not_due", "not_tried")
        else "not_checked"
        if why
        else "no_room"
        if not planted
        else "missed"
        if missed
        else "found"
    )
    room = next((name for name, codes in ROOM.items() if code in codes.split()), None)
    return {
        "code": code,
        "state": state,
        "n_planted": len(planted),
        "n_found": len(hit),
        "n_missed": len(missed),
        "n_false": len(false),
        "n_lost": len(lost),
        "recall": len(hit) / len(planted) if planted else None,
        "needs": {"not_checked": why, "no_room": room}.get(state),
        "missed": missed,
        "false_keys": false,
        "lost": lost,
    }
