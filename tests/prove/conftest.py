"""The figures of the proof, under the last line of the tests."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line per kind of month: how many, how many findings planted, missed and invented."""
    months: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, text in report.user_properties:
                if name == "month":
                    month = json.loads(text)
                    months[f"{month['orders']:>6} orders", month["standard"], month["files"]].append(month)
    if months:
        terminalreporter.section("planted months: found = key")
    for kind, proven in sorted(months.items()):
        planted, missed, invented = (
            sum(value if isinstance(value, int) else len(value) for value in (month[name] for month in proven))
            for name in ("planted", "missed", "invented")
        )
        terminalreporter.write_line(
            f"{' '.join(kind)}: {len(proven)} months, {max(month['codes'] for month in proven)} codes, "
            f"planted {planted}, missed {missed}, invented {invented}"
        )
