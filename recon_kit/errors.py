"""The error tree: every expected failure is a ReconError and prints one message; a traceback means a bug here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


class ReconError(Exception):
    """An expected failure. Its text has four parts: where, what was found, what was expected, what to do next.

    Never put a cell value of a personal column into one.
    """


class SourceError(ReconError):
    """A file cannot be read as what it claims to be. `file`: its name as it was found, where one is being read."""

    file: str | None = None


class SchemaError(ReconError):
    """A frame does not have the shape of its canonical table."""


class ConfigError(ReconError):
    """recon.toml, or an option of a command, cannot be used."""


class MatchError(ReconError):
    """A matching pass was given frames it cannot match, or broke its own accounting."""


class TieError(ReconError):
    """Row or fen accounting failed; nothing is published."""


class ReportError(ReconError):
    """A notebook, page or workbook could not be made whole."""


class CasebookError(ReconError):
    """The casebook cannot be used, or a decision is not allowed: its own proposal approved, a cause missing, an unknown id.

    Of a decision that is not allowed, `rule` names why and `facts` fill in the words; of several, `parts` has one each.
    """

    rule: str | None = None
    facts: Mapping[str, object] = MappingProxyType({})
    parts: tuple[CasebookError, ...] = ()


class ArchiveError(ReconError):
    """A period cannot be closed, reopened or packed, or what was sealed cannot be read."""


class NotifyError(ReconError):
    """A channel cannot be used, or did not take a message. It never quotes an address: that may hold a password."""
