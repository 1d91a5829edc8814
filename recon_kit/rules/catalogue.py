"""The catalogue of discrepancies: 68 codes in eight families, as data. What a code is, not how it is found.

Families: P payment · A discount and allocation · C refund · L ledger · W goods · S settlement and fees · Q complaint ·
K control and data. A code is stable for life. The texts stand in `catalogue.toml`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One code: its names, its condition in one line, who acts, and what they do.

    `nature`, `severity` and `owner` take the values of `results.NATURE`, `SEVERITY` and `OWNER`. `group`: codes of one
    group exclude each other per key and share a discrepancy id, so that an item keeps its id when it turns from C02 into
    C04. `key_kinds`: what identifies a finding, the first that exists (`row`: the row's natural key, `file`: its name).
    `check`: the pair or other check it rests on, which says when it is due (`schedule`); its own code where none does.
    What it books stands in `entries`.
    """

    code: str
    slug: str
    zh: str
    en: str
    nature: str
    severity: str
    owner: str
    check: str
    group: str
    key_kinds: tuple[str, ...]
    condition_zh: str
    condition_en: str
    action_zh: str
    action_en: str

    @property
    def family(self) -> str:
        """The code's letter."""
        return self.code[0]

    @property
    def key_kind(self) -> str:
        """The key kind a finding of this code has unless its rule says another of `key_kinds`."""
        return self.key_kinds[0]

    def name(self, language: str) -> str:
        """The code's name in "zh" or "en"."""
        return self.zh if language == "zh" else self.en

    def action(self, language: str) -> str:
        """What its owner should do about it, one imperative sentence in "zh" or "en"."""
        return self.action_zh if language == "zh" else self.action_en

    def condition(self, language: str) -> str:
        """When it is stated, in "zh" or "en"; to the fen it is docs/rules.md that decides."""
        return self.condition_zh if language == "zh" else self.condition_en


FAMILY = {
    "P": ("支付", "payment"),
    "A": ("优惠与分摊", "discount and allocation"),
    "C": ("退款", "refund"),
    "L": ("账务", "ledger"),
    "W": ("货物", "goods"),
    "S": ("结算与费用", "settlement and fees"),
    "Q": ("投诉", "complaint"),
    "K": ("控制与数据", "control and data"),
}
"""Letter → (中文, English), in the order in which reports list them."""


def issue_group(code: str) -> str:
    """The group whose name goes into a discrepancy id: `C01` for C01, C02 and C04; most codes are their own."""
    return CATALOGUE[code].group


def _read_catalogue() -> dict[str, Entry]:
    text = (Path(__file__).parent / "catalogue.toml").read_text(encoding="utf-8")
    return {
        code: Entry(code=code, **{"group": code, "check": code, **texts, "key_kinds": tuple(texts["key_kinds"])})
        for code, texts in tomllib.loads(text).items()
    }


CATALOGUE: dict[str, Entry] = _read_catalogue()
"""Code → entry, in the order of the catalogue (P A C L W S Q K)."""
