"""One planter per code: a small change to the tables, and what it must be found as. Source of the amounts: rulings.

Each takes a world, the period to plant in, a chance and how many; it returns the changed world and the answers. It plants
only on what ties so far (`edits.settled_cases`, `edits.receipted_orders`), never twice on the same order.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from recon_kit.periods import Period
from recon_kit.synth import plant_escrow, plant_ledger, plant_money, plant_refunds
from recon_kit.synth.edits import Planted
from recon_kit.synth.world import World, carry_wallets

Planter = Callable[[World, Period, random.Random, int], Planted]


def _and_in_escrow(in_wallet: Planter, in_escrow: Planter) -> Planter:
    """Of every three one is planted inside escrow."""

    def both(world: World, period: Period, rng: random.Random, n: int) -> Planted:
        world, outside = in_wallet(world, period, rng, n - n // 3)
        world, inside = in_escrow(world, period, rng, n // 3)
        return world, outside + inside

    return both


PLANTERS: dict[str, Planter] = {
    "P01": plant_money.plant_p01,
    "P02": plant_money.plant_p02,
    "P03": plant_money.plant_p03,
    "P04": plant_money.plant_p04,
    "A06": plant_refunds.plant_a06,
    "C01": plant_refunds.plant_c01,
    "C02": plant_refunds.plant_c02,
    "C03": _and_in_escrow(plant_refunds.plant_c03, plant_escrow.plant_paid_again),
    "C04": _and_in_escrow(plant_refunds.plant_c04, plant_escrow.plant_unstated),
    "C05": _and_in_escrow(plant_refunds.plant_c05, plant_escrow.plant_stated_more),
    "C06": _and_in_escrow(plant_refunds.plant_c06, plant_escrow.plant_stated_less),
    "C07": plant_refunds.plant_c07,
    "C08": plant_refunds.plant_c08,
    "C10": plant_refunds.plant_c10,
    "L01": plant_ledger.plant_l01,
    "L02": plant_ledger.plant_l02,
    "L03": plant_ledger.plant_l03,
    "L04": plant_ledger.plant_l04,
    "L05": plant_ledger.plant_l05,
    "S05": plant_money.plant_s05,
    "K05": plant_money.plant_k05,
    "K06": plant_money.plant_k06,
}
"""The planter of each code. C03 and S05 on a Pinduoduo bill have no row id: their key is the order, or empty."""


def plant(world: World, code: str, rng: random.Random, n: int, period: Period | None = None) -> Planted:
    """Plant up to n findings of a code (fewer where the world has no room), in the world's period unless told."""
    planted, answers = PLANTERS[code](world, period or world.period, rng, n)
    return carry_wallets(world, planted), answers
