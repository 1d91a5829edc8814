"""What intake wants a person to know: a message template and its facts, rendered in the reader's language at the edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Language = Literal["zh", "en"]

MESSAGES: dict[str, dict[Language, str]] = {
    "unknown_file": {
        "zh": "{file}：认不出是什么文件，没有读入。{nearest_zh}",
        "en": "{file}: unknown kind of file, not read. {nearest_en}",
    },
    "no_data": {
        "zh": "{file}：这是{layout_zh}，不是所需的数据，没有读入。{advice_zh}",
        "en": "{file}: this is {layout_en}, not the data needed; not read. {advice_en}",
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
    "erp_alone": {
        "zh": "{file}：{n} 笔{table_zh}在平台导出里找不到，没有并入（第 {rows} 行）",
        "en": "{file}: {n} rows of {table_en} are in no platform export and complete nothing (rows {rows})",
    },
    "skipped": {
        "zh": "按 recon.toml [sources] skip 的“{pattern}”跳过 {n} 个文件：{files}",
        "en": "recon.toml [sources] skip {pattern!r} passed over {n} files: {files}",
    },
    "unmapped_reasons": {
        "zh": "{n} 张售后单的原因没有归类，照原文统计：{words}。可在 reasons.toml 里补上",
        "en": "the reasons of {n} cases have no reason_group and stand as they are: {words}. reasons.toml can give them one",
    },
    "no_line_end": {
        "zh": "{file}：最后一行没有换行，平台导出的文件都有；文件可能被截断，请重新下载。",
        "en": "{file}: the last line has no end, as every platform writes one; it may be cut: download it again.",
    },
    "too_late": {
        "zh": "{file}：全部在 {day} 之后，不参与本期。",
        "en": "{file}: all of it lies after {day}; it takes no part in this period.",
    },
    "empty_file": {"zh": "{file}：空文件，没有读入。", "en": "{file}: an empty file, not read."},
}


REMARKS = {"erp_alone", "too_late", "skipped", "unmapped_reasons"}
"""Messages that say what was done as asked, or what may be done better: nothing is wrong in a file."""


@dataclass(frozen=True)
class Note:
    """One warning of the intake. `key`: message template; `facts`: what fills it (never a personal value)."""

    key: str
    facts: dict[str, str | int] = field(default_factory=dict)

    @property
    def is_remark(self) -> bool:
        """Whether nothing is wrong: it is said, and no problem."""
        return self.key in REMARKS

    def text(self, language: Language = "zh") -> str:
        """The sentence in the language."""
        return MESSAGES[self.key][language].format(**self.facts)


def unknown_file(file: str, nearest: Sequence[tuple[str, str, Sequence[str]]] = ()) -> Note:
    """A file no layout claims, with the nearest ones as (中文 name, English name, headers the file lacks)."""
    zh = [f"最接近的版式：{name}，缺少列 {'、'.join(missing)}。" for name, _, missing in nearest]
    en = [f"Nearest layout: {name}, which lacks the columns {', '.join(missing)}." for _, name, missing in nearest]
    advice = {
        "nearest_zh": " ".join(zh) or "请在平台后台重新导出，或按标准模板整理（recon-kit template）。",
        "nearest_en": " ".join(en)
        or "Export it again from the platform, or arrange it as a standard template (recon-kit template).",
    }
    return Note("unknown_file", {"file": file, **advice})


def skipped(pattern: str, files: Sequence[str], shown: int = 5) -> Note:
    """The files that a pattern of the user's passed over; a pattern that fits none is said as well."""
    names = "、".join(files[:shown]) + ("…" if len(files) > shown else "")
    return Note("skipped", {"pattern": pattern, "n": len(files), "files": names or "—"})
