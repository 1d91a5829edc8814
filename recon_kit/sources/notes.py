"""What intake wants a person to know: a message template and its facts, rendered in the reader's language at the edge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Language = Literal["zh", "en"]

MESSAGES: dict[str, dict[Language, str]] = {
    "unknown_file": {
        "zh": "{file}：认不出是什么文件，没有读入。{nearest}",
        "en": "{file}: unknown kind of file, not read. {nearest}",
    },
    "nearest": {
        "zh": "最接近的版式：{layout}，缺少列 {missing}。",
        "en": "Nearest layout: {layout}, which lacks the columns {missing}.",
    },
    "no_nearest": {
        "zh": "请在平台后台重新导出，或按标准模板整理（recon-kit template）。",
        "en": "Export it again from the platform, or arrange it as a standard template (recon-kit template).",
    },
    "no_data": {
        "zh": "{file}：这是{layout}，不是所需的数据，没有读入。{advice}",
        "en": "{file}: this is {layout}, not the data needed; not read. {advice}",
    },
    "same_file": {
        "zh": "{file} 与 {first} 内容完全相同，整份按重复处理。",
        "en": "{file} has exactly the content of {first}; all of it counts as repeated.",
    },
    "unknown_columns": {
        "zh": "{file}：标准模板里没有这些列，未读入：{columns}",
        "en": "{file}: the standard template has no such columns, kept out: {columns}",
    },
    "differs": {
        "zh": "{file}：{n} 行的“{column}”与平台导出不一致，以平台为准。",
        "en": "{file}: {n} rows differ from the platform's export in {column}; the platform's value stands.",
    },
    "empty_file": {"zh": "{file}：空文件，没有读入。", "en": "{file}: an empty file, not read."},
}


@dataclass(frozen=True)
class Note:
    """One warning of the intake. `key`: message template; `facts`: what fills it (never a personal value)."""

    key: str
    facts: dict[str, str | int] = field(default_factory=dict)

    def text(self, language: Language = "zh") -> str:
        """The sentence in the language."""
        facts = dict(self.facts)
        if self.key == "unknown_file":
            facts["nearest"] = " ".join(_nearest(facts, language))
        return MESSAGES[self.key][language].format(**facts)


def _nearest(facts: dict[str, str | int], language: Language) -> list[str]:
    """The nearest layouts are kept as `layout` and `missing`, parallel lists joined by `|`."""
    layouts, missing = str(facts.get("layouts", "")), str(facts.get("missing", ""))
    pairs = [(a, b) for a, b in zip(layouts.split("|"), missing.split("|"), strict=True) if a]
    return [MESSAGES["nearest"][language].format(layout=a, missing=b) for a, b in pairs] or [MESSAGES["no_nearest"][language]]
