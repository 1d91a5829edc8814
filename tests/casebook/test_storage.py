"""The casebook's file: nothing is lost by two writers or a kill, and nothing that was written can change unseen."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from recon_kit.casebook import EVENTS_SCHEMA, GENESIS, Event, casebook_place, open_casebook, verify_events
from recon_kit.config import parse_config
from recon_kit.errors import CasebookError
from recon_kit.periods import SHANGHAI

AT = datetime(2026, 11, 5, 10, tzinfo=SHANGHAI)
WRITER = """
import sys
from datetime import datetime
from pathlib import Path
from recon_kit.casebook import Event, open_casebook
from recon_kit.periods import SHANGHAI
place, name = Path(sys.argv[1]), sys.argv[2]
at = datetime(2026, 11, 5, 10, tzinfo=SHANGHAI)
for n in range(int(sys.argv[3])):
    open_casebook(place).append([Event("commented", f"D{name}", name, at, f"{n}.{part}") for part in range(3)])
    print(n, flush=True)
"""


def comment(subject: str = "D1", why: str = "问过仓库") -> Event:
    return Event("commented", subject, "王芳", AT, why, {"fen": 2990, "文": "字"})


def writer(place: Path, name: str, times: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(place), name, str(times)], stdout=subprocess.PIPE, text=True)


def test_events_come_back_as_they_were_said_and_in_order(tmp_path):
    casebook = open_casebook(tmp_path / "casebook.db")
    in_utc = Event("explained", "D2", "李雷", AT.astimezone(UTC) + timedelta(microseconds=1), "等平台")

    assert casebook.append([comment(), in_utc]) == (1, 2)

    events = casebook.events()
    assert dict(events.schema) == EVENTS_SCHEMA
    assert events.select("seq", "kind", "subject", "by", "why").rows() == [
        (1, "commented", "D1", "王芳", "问过仓库"),
        (2, "explained", "D2", "李雷", "等平台"),
    ]
    assert events["at"].to_list() == [AT, AT + timedelta(microseconds=1)]
    assert events["data"][0] == '{"fen":2990,"文":"字"}'
    assert casebook.head() == (2, events["hash"][1])
    assert casebook.events(subject="D2")["seq"].to_list() == [2]
    assert casebook.events(kinds=["commented"])["seq"].to_list() == [1]


def test_an_empty_casebook_has_the_genesis_for_a_head(tmp_path):
    casebook = open_casebook(tmp_path / "new" / "casebook.db")

    assert casebook.append([]) == () and casebook.head() == (0, GENESIS)
    assert dict(casebook.events().schema) == EVENTS_SCHEMA
    verify_events(casebook.events())


@pytest.mark.parametrize(
    "wrong",
    [
        Event("invented", "D1", "王芳", AT),
        Event("closed", "D1", "  ", AT),
        Event("closed", "D1", "王芳", AT.replace(tzinfo=None)),
    ],
)
def test_an_event_that_says_too_little_is_refused_and_with_it_all_that_came_along(tmp_path, wrong):
    casebook = open_casebook(tmp_path / "casebook.db")

    with pytest.raises(CasebookError, match=r"expected"):
        casebook.append([comment(), wrong])

    assert casebook.head() == (0, GENESIS)


@pytest.mark.parametrize("statement", ["UPDATE events SET why = 'x'", "DELETE FROM events", "DELETE FROM events WHERE seq = 2"])
def test_the_file_itself_refuses_to_change_or_forget_an_event(tmp_path, statement):
    open_casebook(tmp_path / "casebook.db").append([comment(), comment()])
    database = sqlite3.connect(tmp_path / "casebook.db")

    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        database.execute(statement)
    database.close()


def test_the_file_refuses_a_value_of_another_type(tmp_path):
    open_casebook(tmp_path / "casebook.db")
    database = sqlite3.connect(tmp_path / "casebook.db")

    with pytest.raises(sqlite3.IntegrityError):
        database.execute("INSERT INTO events VALUES ('one', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')")
    database.close()


@pytest.mark.parametrize(
    ("column", "value"),
    [("why", "别的"), ("data", "{}"), ("by", "他人"), ("subject", "D9"), ("kind", "closed"), ("at", AT + timedelta(days=1))],
)
def test_an_event_changed_behind_its_back_is_named(tmp_path, column, value):
    casebook = open_casebook(tmp_path / "casebook.db")
    casebook.append([comment(), comment(), comment()])
    events = casebook.events()
    verify_events(events)
    changed = pl.when(pl.col("seq") == 2).then(pl.lit(value)).otherwise(column).cast(EVENTS_SCHEMA[column]).alias(column)

    with pytest.raises(CasebookError, match="event 2"):
        verify_events(events.with_columns(changed))
    with pytest.raises(CasebookError, match="event 3"):
        verify_events(events.filter(pl.col("seq") != 2))


def test_two_writers_at_once_lose_nothing(tmp_path):
    writers = [writer(tmp_path / "casebook.db", name, 15) for name in ("a", "b")]

    assert [one.communicate()[0].split()[-1] for one in writers] == ["14", "14"]

    events = open_casebook(tmp_path / "casebook.db").events()
    verify_events(events)
    for name in ("a", "b"):
        assert events.filter(pl.col("by") == name)["why"].to_list() == [f"{n}.{part}" for n in range(15) for part in range(3)]


def test_a_kill_at_any_moment_leaves_every_confirmed_event_and_nothing_half_done(tmp_path):
    place, confirmed = tmp_path / "casebook.db", 0
    for kill in range(5):
        with writer(place, f"k{kill}", 1000) as victim:
            assert victim.stdout is not None
            while (told := victim.stdout.readline()) and int(told) < 2 + 3 * kill:
                pass
            time.sleep(0.0007 * kill)
            victim.kill()
            confirmed += 3 * sum(1 for _ in victim.stdout) + 3 * (int(told) + 1)

        events = open_casebook(place).events()
        verify_events(events)
        assert events.height % 3 == 0 and events.height >= confirmed
        assert events.group_by("subject", pl.col("why").str.split(".").list.first()).len()["len"].unique().to_list() == [3]


def test_a_casebook_that_is_not_there_is_only_made_when_asked(tmp_path):
    with pytest.raises(CasebookError, match="there is no casebook"):
        open_casebook(tmp_path / "casebook.db", create=False)
    assert not (tmp_path / "casebook.db").exists()


def test_a_file_that_is_no_casebook_is_one_clear_error(tmp_path):
    (tmp_path / "casebook.db").write_text("no database at all" * 100)

    with pytest.raises(CasebookError, match=r"casebook\.db.*not a database"):
        open_casebook(tmp_path / "casebook.db")


def test_the_place_is_out_unless_recon_toml_says_another(tmp_path):
    def place(section: dict[str, str]) -> object:
        return casebook_place(tmp_path / "out", parse_config({"casebook": section}), tmp_path / "home")

    assert place({}) == tmp_path / "out" / "casebook.db"
    assert place({"url": "sqlite:///books/cases.db"}) == tmp_path / "home" / "books" / "cases.db"
    assert place({"url": f"sqlite:///{tmp_path}/cases.db"}) == tmp_path / "cases.db"


def test_a_server_database_is_refused_without_showing_its_password():
    config = parse_config({"casebook": {"url": "postgresql://me:secret@server/books"}})

    with pytest.raises(CasebookError, match="not served yet") as refused:
        casebook_place(Path("out"), config, None)
    assert "secret" not in str(refused.value)
