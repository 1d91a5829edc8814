"""What is unfinished: filters, selection and the form, kept beside the casebook so that a restarted kernel loses nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

from recon_kit.durable import replace_text
from recon_kit.errors import CasebookError
from recon_kit.explore.acts import NEEDS, Typed
from recon_kit.explore.findings import CHOICES, SORTS, Filters


@dataclass(frozen=True)
class Draft:
    """Filters, order of the list, ids of the selected findings, and the form without its files."""

    filters: Filters = field(default_factory=Filters)
    sort: str = "weight"
    selected: tuple[str, ...] = ()
    typed: Typed = field(default_factory=Typed)


def draft_place(out: Path, period: str) -> Path:
    """Where the draft of a period is kept: beside the runs, `explore-<period>.draft.json`."""
    return out / f"explore-{period}.draft.json"


def write_draft(place: Path, draft: Draft) -> None:
    """Replace the draft at one instant. Evidence files are not kept: they are chosen again."""
    typed = asdict(replace(draft.typed, files={}))
    del typed["files"]
    content = {
        "filters": asdict(draft.filters),
        "sort": draft.sort,
        "selected": draft.selected,
        "typed": typed | {"due": draft.typed.due.isoformat() if draft.typed.due else None},
    }
    replace_text(place, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def read_draft(place: Path) -> Draft | None:
    """The draft that was kept; None where there is none. CasebookError for a file that is not one."""
    if not place.is_file():
        return None
    try:
        kept = json.loads(place.read_text("utf-8"))
        typed = _known(Typed, kept["typed"]) | {"files": {}}
        typed["due"] = date.fromisoformat(typed["due"]) if typed.get("due") else None
        filters = _known(Filters, kept["filters"])
        filters |= {name: tuple(filters[name]) for name in CHOICES if name in filters}
        draft = Draft(Filters(**filters), kept["sort"], tuple(kept["selected"]), Typed(**typed))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CasebookError(
            f"{place}: not a draft that can be read ({error}); expected what the explore notebook wrote. It starts blank"
        ) from None
    is_known = draft.sort in SORTS and draft.typed.kind in NEEDS
    return draft if is_known else replace(draft, sort="weight", typed=replace(draft.typed, kind="assigned"))


def _known(kind: type[Filters] | type[Typed], kept: dict[str, Any]) -> dict[str, Any]:
    """What of `kept` this version knows."""
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in kept.items() if name in names}
