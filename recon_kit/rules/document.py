"""docs/rules.md, generated from the catalogue and the rules: `python -m recon_kit.rules.document`."""

from __future__ import annotations

import sys

from recon_kit.results import NATURE, OWNER, SEVERITY
from recon_kit.rules import RULES
from recon_kit.rules.catalogue import CATALOGUE, FAMILY, Entry
from recon_kit.rules.entries import entry_text
from recon_kit.schedule import DAILY, WEEKLY

_INTRODUCTION = """# Discrepancy codes 差异码

<!-- generated: python -m recon_kit.rules.document > docs/rules.md -->

{total} codes in eight families; this build detects {detected}. A code keeps its meaning for life. What it means to the
fen, where it could be read in two ways, is decided in [rulings.md](rulings.md). Entries use the account names of
`recon.toml` `[accounts]`: 借 debit · 贷 credit · − red-letter.

共 {total} 个码，分八族；本版本检查 {detected} 个。码的含义不变。
"""


def render_rules() -> str:
    """The whole page, in the order of the catalogue."""
    detected = {rule.code for rule in RULES}
    parts = [_INTRODUCTION.format(total=len(CATALOGUE), detected=len(detected))]
    for family, (zh, en) in FAMILY.items():
        parts.append(f"\n## {family} {zh} · {en}\n")
        parts.extend(_render_entry(entry) for entry in CATALOGUE.values() if entry.family == family)
    return "".join(parts)


def _render_entry(entry: Entry) -> str:
    rules = [rule for rule in RULES if rule.code == entry.code]
    needs = " · ".join(dict.fromkeys(table for rule in rules for table in rule.needs))
    shared = [code for code, other in CATALOGUE.items() if other.group == entry.group and code != entry.code]
    nature, severity, owner = NATURE[entry.nature], SEVERITY[entry.severity], OWNER[entry.owner]
    keys = " › ".join(f"`{kind}`" for kind in entry.key_kinds)
    rows = [
        ("条件 condition", f"{entry.condition_zh}<br>{entry.condition_en}"),
        ("性质 nature", f"{nature} {entry.nature}"),
        ("级别 severity", f"{severity} {entry.severity}"),
        ("责任方 owner", f"{owner} {entry.owner}"),
        ("键 key", keys + (f"；同一编号 same id: {' '.join(shared)}" if shared else "")),
        ("日程 schedule", _schedule(entry)),
        ("需要的表 needs", needs or "本版本尚不检查 not detected by this build"),
        ("怎么办 action", f"{entry.action_zh}。<br>{entry.action_en}."),
        ("分录 entry", _entries(entry.code)),
    ]
    body = "".join(f"| {name} | {text} |\n" for name, text in rows)
    return f"\n### {entry.code} {entry.zh} · {entry.en}\n\n`{entry.slug}`\n\n| | |\n|---|---|\n{body}"


_SCHEDULE = {"day": "每日起 from the day on", "week": "每周起 from the week on", "month": "每月 in the month"}


def _schedule(entry: Entry) -> str:
    """The shortest period that runs the code, and the check it rests on."""
    kind = "day" if entry.check in DAILY else "week" if entry.check in WEEKLY else "month"
    return _SCHEDULE[kind] + ("" if entry.check == entry.code else f" · {entry.check}")


def _entries(code: str) -> str:
    """What the code books; under each standard where they differ."""
    sbe, cas = entry_text(code, "SBE"), entry_text(code, "CAS")
    return sbe if sbe == cas else f"小企业 SBE：{sbe}<br>企业 CAS：{cas}"


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]  # a console is always a TextIOWrapper here
    sys.stdout.write(render_rules())
