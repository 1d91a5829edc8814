"""How exports are cut into files, and what the bills are called."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from recon_kit.synth import seller
from recon_kit.synth.world import LEAD_IN_DAYS, World


def alipay_bill(tag: str) -> str:
    """File name of the Alipay bill of one span."""
    return f"{seller.TMALL.account}_{tag}.zip"


def pdd_bill(tag: str) -> str:
    """File name of the Pinduoduo 货款明细 of one span."""
    return f"pdd-mall-bill-detail-{tag}.csv"


def spans(world: World, split: str) -> list[tuple[str, date, date]]:
    """Tag, first day and end (exclusive) of each bill from the first day to the look-ahead's last, by month or by day."""
    if split == "day":
        days = [world.start + timedelta(days=i) for i in range((world.end - world.start).days)]
        return [(f"{day:%Y%m%d}", day, day + timedelta(days=1)) for day in days]
    bounds = [world.start, world.period.start, world.period.end, world.end]
    return [(f"{first:%Y%m}", first, end) for first, end in pairwise(bounds)]


def order_spans(world: World) -> list[tuple[str, date, date]]:
    """As `spans` by month, the first one with the orders of the days before the first bill."""
    (tag, first, end), *rest = spans(world, "month")
    return [(tag, first - timedelta(days=LEAD_IN_DAYS), end), *rest]
