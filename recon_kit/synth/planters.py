"""One planter per code: a small change to the tables, and what it must be found as. Source of the amounts: rulings.

Each takes a world, the period to plant in, a chance and how many; it returns the changed world and the answers. It plants
only on what ties so far (`edits.settled_cases`, `edits.receipted_orders`), never twice on the same order.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from recon_kit.periods import Period
from recon_kit.rules.catalogue import CATALOGUE
from recon_kit.synth import (
    plant_control,
    plant_discounts,
    plant_escrow,
    plant_ledger,
    plant_money,
    plant_other,
    plant_parcels,
    plant_refunds,
    plant_returns,
    plant_settlement,
)
from recon_kit.synth.edits import Planted
from recon_kit.synth.world import World, carry_wallets
from recon_kit.synth.world import in_escrow as settled_in_escrow

Planter = Callable[[World, Period, random.Random, int], Planted]


def _and_in_escrow(in_wallet: Planter, in_escrow: Planter) -> Planter:
    """Of every three one is planted inside escrow, where the seller has any."""

    def both(world: World, period: Period, rng: random.Random, n: int) -> Planted:
        share = 0 if settled_in_escrow(world).is_empty() else n // 3
        world, outside = in_wallet(world, period, rng, n - share)
        world, inside = in_escrow(world, period, rng, share)
        return world, outside + inside

    return both


PLANTERS: dict[str, Planter] = {
    "P01": plant_money.plant_p01,
    "P02": plant_money.plant_p02,
    "P03": plant_money.plant_p03,
    "P04": plant_money.plant_p04,
    "P05": plant_other.plant_p05,
    "A01": plant_discounts.plant_a01,
    "A02": plant_discounts.plant_a02,
    "A03": plant_discounts.plant_a03,
    "A04": plant_discounts.plant_a04,
    "A05": plant_discounts.plant_a05,
    "A06": plant_refunds.plant_a06,
    "C01": plant_refunds.plant_c01,
    "C02": plant_refunds.plant_c02,
    "C03": _and_in_escrow(plant_refunds.plant_c03, plant_escrow.plant_paid_again),
    "C04": _and_in_escrow(plant_refunds.plant_c04, plant_escrow.plant_unstated),
    "C05": _and_in_escrow(plant_refunds.plant_c05, plant_escrow.plant_stated_more),
    "C06": _and_in_escrow(plant_refunds.plant_c06, plant_escrow.plant_stated_less),
    "C07": plant_refunds.plant_c07,
    "C08": plant_refunds.plant_c08,
    "C09": plant_control.plant_c09,
    "C10": plant_refunds.plant_c10,
    "C11": plant_other.plant_c11,
    "C12": plant_other.plant_c12,
    "C13": plant_other.plant_c13,
    "C14": plant_other.plant_c14,
    "C15": plant_control.plant_c15,
    "L01": plant_ledger.plant_l01,
    "L02": plant_ledger.plant_l02,
    "L03": plant_ledger.plant_l03,
    "L04": plant_ledger.plant_l04,
    "L05": plant_ledger.plant_l05,
    "L06": plant_ledger.plant_l06,
    "L07": plant_ledger.plant_l07,
    "L08": plant_returns.plant_l08,
    "L09": plant_ledger.plant_l09,
    "L10": plant_ledger.plant_l10,
    "L11": plant_ledger.plant_l11,
    "W01": plant_returns.plant_w01,
    "W02": plant_returns.plant_w02,
    "W03": plant_returns.plant_w03,
    "W04": plant_returns.plant_w04,
    "W05": plant_returns.plant_w05,
    "W06": plant_parcels.plant_w06,
    "W07": plant_parcels.plant_w07,
    "W08": plant_parcels.plant_w08,
    "W09": plant_parcels.plant_w09,
    "W10": plant_returns.plant_w10,
    "W11": plant_returns.plant_w11,
    "W12": plant_parcels.plant_w12,
    "W13": plant_parcels.plant_w13,
    "S01": plant_settlement.plant_s01,
    "S02": plant_settlement.plant_s02,
    "S03": plant_settlement.plant_s03,
    "S04": plant_settlement.plant_s04,
    "S05": plant_money.plant_s05,
    "S06": plant_settlement.plant_s06,
    "S07": plant_settlement.plant_s07,
    "S08": plant_settlement.plant_s08,
    "S09": plant_settlement.plant_s09,
    "Q01": plant_control.plant_q01,
    "Q02": plant_control.plant_q02,
    "Q03": plant_control.plant_q03,
    "K01": plant_control.plant_k01,
    "K02": plant_control.plant_k02,
    "K03": plant_control.plant_k03,
    "K05": plant_money.plant_k05,
    "K06": plant_money.plant_k06,
}
"""The planter of each code. C03 and S05 on a Pinduoduo bill have no row id: their key is the order, or empty."""


def plant(world: World, code: str, rng: random.Random, n: int, period: Period | None = None) -> Planted:
    """Plant up to n findings of a code (fewer where the world has no room), in the world's period unless told."""
    planted, answers = PLANTERS[code](world, period or world.period, rng, n)
    return carry_wallets(world, planted), [replace(row, nature=CATALOGUE[row.code].nature) for row in answers]
