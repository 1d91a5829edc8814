"""recon_kit: after-sales reconciliation (电商售后对账) as notebooks and reports."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recon_kit.adhoc import match_records
    from recon_kit.casebook import item_states, open_casebook
    from recon_kit.notebook import open_run
    from recon_kit.record import load_run
    from recon_kit.run import run_period
    from recon_kit.tracing import trace

__version__ = "0.1.0"
_HOMES = {
    "item_states": "casebook",
    "load_run": "record",
    "match_records": "adhoc",
    "open_casebook": "casebook",
    "open_run": "notebook",
    "run_period": "run",
    "trace": "tracing",
}
__all__ = ["__version__", "item_states", "load_run", "match_records", "open_casebook", "open_run", "run_period", "trace"]


def __getattr__(name: str) -> Any:
    """The names a notebook calls, imported when one is asked for: `import recon_kit` does no work."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
