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

**Confidence**: A seen in three independent sources or the vendor's own text · B two · C one · M from memory.

**Your own export** is a TOML file like those in `recon_kit/sources/layouts/`, in a folder of yours:
`recon-kit check FILE --layouts FOLDER` says whether it is recognised and what it holds. What a layout may say is documented in
`recon_kit/sources/layout.py`. Where that is too much, arrange the data as a standard template (`recon-kit template --list`).
"""


def render_sources() -> str:
    """The whole page: one section a layout, in the order of their names, and the standard templates."""
    templates = "".join(
        f"| `{t.name}` | {t.label} | {'、'.join(c.label for c in t.columns if c.required)} |\n" for t in TABLES.values()
    )
    return (
        _INTRODUCTION
        + "".join(_render_layout(layout) for layout in load_layouts())
        + "\n## Standard templates 标准模板\n\n| table | 表 | 必填列 required columns |\n|---|---|---|\n"
        + templates
    )


def _render_layout(layout: Layout) -> str:
    tables = " · ".join(f"{TABLES[name].label} `{name}`" for name in layout.tables)
    spellings = "；".join(f"{header}（{'、'.join(others)}）" for header, others in layout.aliases.items())
    rows = [
        ("给出 gives", tables or "只识别，不读 recognised and passed over"),
        ("必有的列 header has", "、".join(layout.signature)),
        ("必无的列 header lacks", "、".join("＋".join(names) for names in layout.without)),
        ("也写作 also spelled", spellings),
        ("核对的合计 totals enforced", "、".join(dict.fromkeys(control.measure for control in layout.controls))),
        ("可信度 confidence", layout.confidence),
    ]
    body = "".join(f"| {name} | {text.replace('|', '｜')} |\n" for name, text in rows if text)
    note = " ".join(layout.note.split())
    return (
        f"\n## {layout.label.zh} · {layout.label.en}\n\n`{layout.name}`{'. ' + note if note else ''}\n\n| | |\n|---|---|\n{body}"
    )


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]  # a console is always a TextIOWrapper here
    sys.stdout.write(render_sources())
