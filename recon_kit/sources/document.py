"""docs/sources.md, generated from the layouts: `python -m recon_kit.sources.document`."""

from __future__ import annotations

import sys

from recon_kit.schema import TABLES
from recon_kit.sources.layout import Layout
from recon_kit.sources.loading import load_layouts

_INTRODUCTION = """# Exports 导出文件

<!-- generated: python -m recon_kit.sources.document > docs/sources.md -->

A file is recognised by its header, which may stand in any of the first thirty rows; its name, folder and column order do not
matter, and a header may be written in any of the spellings below, with full- or half-width brackets and trailing blanks.
csv, xlsx, zip and gzip are read, in UTF-8, GB18030 or UTF-16. A total that a file states about itself is enforced: where its
rows do not add up to it, the file is K06 and the month *incomplete*. What no layout recognises is a warning that names the
nearest ones.

按表头识别文件：表头可在前三十行内任意一行，与文件名、文件夹、列顺序无关。文件自带的合计会被核对；对不上即 K06。

| 可信度 confidence | |
|---|---|
| A | 至少三个独立来源，或平台自己的文档 seen in three independent sources, or in the vendor's own text |
| B | 两个来源 two sources |
| C | 一个来源，只要求编号与金额列 one source: only its key and amount columns are required |
| M | 凭记忆 from memory |

**Your own export** is a TOML file of the same kind ([layouts.md](layouts.md)); `recon-kit layout draft FILE` writes its first
version. Where that is too much, arrange the data as a standard template (`recon-kit template --list`).
"""


GROUPS = {
    "taobao": "淘宝、天猫 Taobao, Tmall",
    "alipay": "支付宝 Alipay",
    "pdd": "拼多多 Pinduoduo",
    "jd": "京东 JD",
    "douyin": "抖音 Douyin",
    "wechat": "微信 WeChat",
    "unionpay": "银行卡 cards",
    "stripe": "银行卡 cards",
    "bank": "银行 banks",
    "ledger": "账簿 ledgers",
}
"""First word of a layout's name → the heading it stands under, in the order of the page; the seller's own systems come last."""
OWN_SYSTEMS, OTHERS = "ERP", "其他 others"


def render_sources() -> str:
    """The whole page: the layouts at a glance, a section each under its platform, and the standard templates."""
    headings = list(dict.fromkeys([*GROUPS.values(), OWN_SYSTEMS, OTHERS]))
    grouped = {heading: [lay for lay in load_layouts() if _heading(lay) == heading] for heading in headings}
    sections = "".join(f"\n## {head}\n{''.join(map(_render_layout, layouts))}" for head, layouts in grouped.items() if layouts)
    glance = "".join(_render_line(layout) for layouts in grouped.values() for layout in layouts if layout.is_data)
    templates = "".join(
        f"| `{t.name}` | {t.label} | {'、'.join(c.label for c in t.columns if c.required)} |\n" for t in TABLES.values()
    )
    return (
        f"{_INTRODUCTION}\n## 一览 at a glance\n\n| 导出 export | 表 tables | |\n|---|---|---|\n{glance}{sections}"
        f"\n## 标准模板 standard templates\n\n| table | 表 | 必填列 required columns |\n|---|---|---|\n{templates}"
    )


def _heading(layout: Layout) -> str:
    return OWN_SYSTEMS if layout.is_erp else GROUPS.get(layout.name.split("_")[0], OTHERS)


def _render_line(layout: Layout) -> str:
    tables = " ".join(f"`{name}`" for name in layout.tables)
    return f"| {layout.label.zh} · {layout.label.en} (`{layout.name}`) | {tables} | {layout.confidence} |\n"


def _render_layout(layout: Layout) -> str:
    tables = " · ".join(f"{TABLES[name].label} `{name}`" for name in layout.tables)
    spellings = "；".join(f"{header}（{'、'.join(others)}）" for header, others in layout.aliases.items())
    lacking = {f"{part.table}.{name}" for part in layout.rows for name in part.lacks}
    completed = {part.complement.of for part in layout.rows if part.complement}
    rows = [
        ("给出 gives", tables or "只识别，不读 recognised and passed over"),
        ("补全 completes", "、".join(sorted(completed)) or ("平台导出 platform exports" if layout.is_erp else "")),
        ("必有的列 header has", "" if layout.fixed else "、".join(layout.signature)),
        ("必无的列 header lacks", "、".join("＋".join(names) for names in layout.without)),
        ("定长字段 fixed widths", "、".join(f"{name} {width}" for name, width in layout.fixed)),
        ("也写作 also spelled", spellings),
        ("没有的列 does not state", "、".join(sorted(lacking))),
        ("币种 currency", layout.currency or ""),
        ("核对的合计 totals enforced", "、".join(dict.fromkeys(control.measure for control in layout.controls))),
        ("可信度 confidence", layout.confidence),
    ]
    body = "".join(f"| {name} | {text.replace('|', '｜')} |\n" for name, text in rows if text)
    note = " ".join(layout.note.split())
    return (
        f"\n### {layout.label.zh} · {layout.label.en}\n\n`{layout.name}`{'. ' + note if note else ''}\n\n| | |\n|---|---|\n{body}"
    )


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]  # a console is always a TextIOWrapper here
    sys.stdout.write(render_sources())
