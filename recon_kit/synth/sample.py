"""A sample on disk: a clean world, findings planted in it, files as downloaded, and the answer key."""

from __future__ import annotations

import random
from dataclasses import replace
from math import isqrt
from pathlib import Path

import polars as pl

from recon_kit.config import Standard
from recon_kit.errors import ConfigError
from recon_kit.periods import Period
from recon_kit.synth import DEFAULT_ORDERS, DEFAULT_SEED, seller
from recon_kit.synth.edits import AnswerRow
from recon_kit.synth.planters import plant
from recon_kit.synth.timing import timing_items
from recon_kit.synth.world import World, build_world, close_books
from recon_kit.synth.writers.alipay import write_alipay
from recon_kit.synth.writers.pdd import write_pdd
from recon_kit.synth.writers.taobao import write_taobao
from recon_kit.synth.writers.template import write_templates
from recon_kit.synth.writers.wechat import write_wechat

MIN_ORDERS = 200
"""Below this a month is too thin to be a month."""
LAST_MONTH = {"C02": 2, "L05": 2, "L04": 1, "L01": 1, "P01": 1, "P02": 1}
STANDING = {"S03": 1, "C05": 1, "W05": 1}
"""Of the month before, planted last, and found again in the month itself: they stand until something answers them."""
THIS_MONTH = {
    "W02": 2, "W01": 2, "S01": 2, "W05": 2, "L06": 2, "A04": 2, "W13": 2, "A05": 2, "C02": 3, "C01": 2, "C08": 2, "L05": 3,
    "C04": 3, "A03": 2, "W04": 2, "W03": 2, "W11": 2, "L08": 2, "W10": 2, "K01": 2, "K05": 2, "C06": 3, "C05": 3, "C07": 2,
    "L07": 2, "K02": 2, "L04": 2, "L03": 2, "L01": 2, "A06": 2, "L09": 2, "C09": 2, "C12": 2, "Q03": 2, "Q02": 2, "C10": 2,
    "L10": 2, "C13": 2, "C14": 2, "C11": 2, "P05": 2, "S09": 2, "A01": 2, "A02": 2, "C15": 2, "W12": 2, "W08": 2, "W07": 2,
    "W09": 2, "W06": 2, "S02": 2, "P01": 3, "P03": 3, "P04": 2, "C03": 4, "L02": 3, "P02": 2, "S06": 2, "S07": 2, "Q01": 2,
    "S05": 3, "K03": 2, "L11": 2, "S03": 2, "S04": 2, "S08": 2, "K06": 2,
}  # fmt: skip
"""How many of each code, in the order of planting: the codes with the least room first, K06 after everything else."""
WRITERS = (write_taobao, write_alipay, write_pdd, write_wechat, write_templates)
ANSWER_COLUMNS = ("period", "code", "key", "order_id", "case_id", "expected_fen", "actual_fen", "gap_fen", "nature", "note")


def write_sample(
    folder: Path,
    period: Period,
    orders: int = DEFAULT_ORDERS,
    seed: int = DEFAULT_SEED,
    *,
    clean: bool = False,
    standard: Standard = "SBE",
) -> list[AnswerRow]:
    """Write a sample into an empty folder: exports, recon.toml and answer_key.csv; returns the answers.

    The same arguments give byte-equal files. `clean`: nothing is planted, and nothing but what is on its way is to be found.
    """
    if orders < MIN_ORDERS:
        raise ConfigError(
            f"--orders {orders}: found too few for a month, expected at least {MIN_ORDERS}; ask for {DEFAULT_ORDERS}, the default"
        )
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(
            f"{folder}: the folder has files in it, expected a new or an empty one; name another --out or empty it first"
        )
    world = build_world(orders, period, seed, standard)
    answers: list[AnswerRow] = []
    if not clean:
        world, answers = plant_months(world, orders, seed)
    answers = with_timing(world, answers)
    folder.mkdir(parents=True, exist_ok=True)
    closed = close_books(world)
    for write in WRITERS:
        write(closed, folder)
    (folder / "recon.toml").write_text(CONFIG.format(standard=standard), encoding="utf-8", newline="\n")
    write_answers(answers, folder / "answer_key.csv")
    return answers


def plant_months(world: World, orders: int, seed: int) -> tuple[World, list[AnswerRow]]:
    """Plant a few findings in the month before and every code in the month itself; more of each in a larger world."""
    rng = random.Random(seed)  # noqa: S311 - a sample, not a secret
    times = max(1, isqrt(orders // DEFAULT_ORDERS))
    answers: list[AnswerRow] = []
    before = world.period.previous()
    for month, counts in ((before, LAST_MONTH), (world.period, THIS_MONTH), (before, STANDING)):
        for code, count in counts.items():
            world, found = plant(world, code, rng, count * times, month)
            answers += found
            if month == before:
                answers += [replace(row, period=world.period.text, note=note) for row in found for note in _found_again(code)]
    return world, answers


def _found_again(code: str) -> list[str]:
    """How a finding of the month before stands in the month itself, where it does."""
    return ["booked in this period, B1"] if code == "L05" else ["of the month before, still stands"] if code in STANDING else []


def with_timing(world: World, answers: list[AnswerRow]) -> list[AnswerRow]:
    """The answers and what is on its way besides, in order."""
    planted = {(row.period, row.code, row.key) for row in answers}
    months = (world.period.previous(), world.period)
    found = [row for month in months for row in timing_items(world, month) if (row.period, row.code, row.key) not in planted]
    return sorted([*answers, *found], key=lambda row: (row.period, row.code, row.key))


def write_answers(answers: list[AnswerRow], path: Path) -> None:
    """The answer key as CSV, one row per finding and period it is reported in."""
    rows = [{name: getattr(row, name) for name in ANSWER_COLUMNS} for row in answers]
    schema = {name: pl.Int64 if name.endswith("_fen") else pl.String for name in ANSWER_COLUMNS}
    pl.DataFrame(rows, schema=schema).write_csv(path)


CONFIG = f"""# 示例店铺的配置。每一项都有默认值，这里只写与默认不同或值得看见的。
# Configuration of the sample seller. Every value has a default; only what differs or is worth seeing stands here.

[entity]
name = "{seller.ENTITY}"
standard = "{{standard}}"
language = "zh"
vat_rate = "0.{seller.VAT_PERCENT}"

[receipt_basis]
# 支付宝与拼多多：买家确认收货后货款才到账；微信：付款即到账。
alipay = "completed"
pdd = "completed"
wechat = "paid"
card = "paid"

[promotions_calendar]
"618" = ["2026-05-31", "2026-06-18"]
"双11" = ["2026-10-31", "2026-11-11"]

[owners]
cs = "{seller.LEADS[0]}"
finance = "{seller.CHECKER}"
data = "{seller.MAKER}"
"""
