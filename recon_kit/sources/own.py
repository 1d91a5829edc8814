"""What a user says about reading files: layouts of their own, words for reasons, files to pass over, which layout reads what."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import polars as pl

from recon_kit.config import Sources
from recon_kit.errors import ConfigError
from recon_kit.mistakes import line_of, nearest, read_toml
from recon_kit.privacy import mask_text_expr
from recon_kit.schema import REASON_GROUP, TABLES
from recon_kit.sources.layout import Layout, cell_pattern
from recon_kit.sources.loading import load_layouts
from recon_kit.sources.notes import Note
from recon_kit.sources.template import template_layout

FOLDER = "layouts"
"""A folder of this name beside recon.toml, or in the data, holds layouts without being named anywhere."""
BUILT_IN_REASONS = Path(__file__).parent / "reasons.toml"


@dataclass(frozen=True)
class Own:
    """The user's own, read and checked; nothing by default.

    `reasons`: (pattern, reason_group), the first that fits. `skip`, and the keys of `use`, are patterns of file names.
    `files`: name and sha-256 of every file this came from, in order of names; `places`: name → where it is.
    """

    layouts: tuple[Layout, ...] = ()
    reasons: tuple[tuple[str, str], ...] = ()
    skip: tuple[str, ...] = ()
    use: Mapping[str, Layout] = field(default_factory=dict)
    files: tuple[tuple[str, str], ...] = ()
    places: Mapping[str, Path] = field(default_factory=dict)

    def skipped_by(self, name: str) -> str | None:
        """The pattern that says to pass a file over, if one does."""
        return next((pattern for pattern in self.skip if fnmatchcase(name, pattern)), None)

    def settled(self, name: str) -> Layout | None:
        """The layout that is to read a file (a zip member counts as `zip!member`), if one is named."""
        return next((layout for pattern, layout in self.use.items() if fnmatchcase(name, pattern)), None)


NOTHING_OWN = Own()


def load_own(
    settings: Sources,
    *,
    home: Path | None = None,
    data: Iterable[Path] = (),
    folders: Iterable[Path] = (),
    where: str = "recon.toml",
) -> Own:
    """Read what `settings` name, relative to `home` (the folder of recon.toml), and the layouts in `folders` and beside the data.

    Raises ConfigError for a folder or file that is not there, a layout that is wrong, a name used twice, a wrong reason_group.
    """
    base = home or Path()
    named = [(folder, "--layouts") for folder in folders]
    named += [(base / folder, f"{where} [sources] layouts") for folder in settings.layouts]
    for folder, said in named:
        if not folder.is_dir():
            raise ConfigError(f"{said}: {folder} is no folder; expected one that holds layouts (*.toml); check the path")
    found = [place / FOLDER for place in (*([home] if home else []), *data) if (place / FOLDER).is_dir()]
    distinct = {folder.resolve(): folder for folder in (*(folder for folder, _ in named), *found)}.values()
    layouts = _distinct([(folder, layout) for folder in distinct for layout in load_layouts(folder)])
    files = [(f"{folder.name}/{path.name}", path) for folder in distinct for path in folder.glob("*.toml")]
    reasons: tuple[tuple[str, str], ...] = ()
    if settings.reasons is not None:
        reasons = load_reasons(base / settings.reasons)
        files.append((Path(settings.reasons).name, base / settings.reasons))
    hashes = sorted((name, hashlib.sha256(path.read_bytes()).hexdigest()) for name, path in files)
    use = {pattern: _layout_named(name, layouts, f"{where} [sources] use: {pattern}") for pattern, name in settings.use.items()}
    return Own(layouts, reasons, settings.skip, use, tuple(hashes), dict(files))


def load_reasons(path: Path = BUILT_IN_REASONS) -> tuple[tuple[str, str], ...]:
    """Read `reason_group = "regular expression"` lines as (pattern, group), in order; ConfigError names the wrong line."""
    text = read_toml(path)
    pairs = []
    for group, pattern in tomllib.loads(text).items():
        here = f"{path.name}:{line_of(text, (group,))}: {group}"
        if group not in REASON_GROUP:
            raise ConfigError(f"{here}: unknown reason_group {group!r}{nearest(group, REASON_GROUP)}")
        if not isinstance(pattern, str) or not pattern:
            raise ConfigError(f'{here}: expected a regular expression in quotes, such as "破损|漏液"; correct the line')
        try:
            pairs.append((cell_pattern(pattern), group))
        except ValueError as error:
            raise ConfigError(f"{here}: {error}; correct the line") from None
    return tuple(pairs)


def reason_group(own: Sequence[tuple[str, str]] = ()) -> pl.Expr:
    """What a stated `reason` is about: by the user's words, then the built-in ones; null where none fits."""
    return pl.coalesce(
        *(pl.when(pl.col("reason").str.contains(pattern)).then(pl.lit(group)) for pattern, group in (*own, *load_reasons()))
    )


def unmapped_reasons(cases: pl.DataFrame | None, shown: int = 5) -> list[Note]:
    """A note of how many cases state a reason of no group, with the commonest wordings; none where every reason has one."""
    if cases is None:
        return []
    without = cases.filter(pl.col("reason").is_not_null() & pl.col("reason_group").is_null())
    words = without.group_by(mask_text_expr(pl.col("reason")).str.head(20).alias("word")).len()
    commonest = words.sort("len", "word", descending=[True, False]).head(shown).rows()
    listed = "、".join(f"{word}（{n}）" for word, n in commonest) + ("…" if words.height > shown else "")
    return [Note("unmapped_reasons", {"n": without.height, "words": listed})] if without.height else []


def _distinct(found: Sequence[tuple[Path, Layout]]) -> tuple[Layout, ...]:
    """The layouts, each under a name that no other and no built-in one has."""
    taken = {layout.name: "the built-in layouts" for layout in _given()}
    for folder, layout in found:
        if layout.name in taken:
            raise ConfigError(
                f"{folder}: layout name {layout.name!r} is used in {taken[layout.name]} too; expected a name of its own; "
                "one of yours comes before a built-in one whatever it is called"
            )
        taken[layout.name] = str(folder)
    return tuple(layout for _, layout in found)


def _layout_named(name: str, own: Sequence[Layout], where: str) -> Layout:
    known = {layout.name: layout for layout in (*own, *_given())}
    if name not in known:
        raise ConfigError(f"{where}: there is no layout {name!r}{nearest(name, known)}; `recon-kit layout list` names them")
    return known[name]


def _given() -> tuple[Layout, ...]:
    return (*load_layouts(), *(template_layout(name) for name in TABLES))
