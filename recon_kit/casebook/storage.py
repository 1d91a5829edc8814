"""The casebook's file: events are appended all or none, each chained to the one before, and never changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from sqlalchemy import Column, Engine, Integer, MetaData, Table, Text, insert, make_url, select
from sqlalchemy.exc import ArgumentError, DatabaseError

from recon_kit.casebook.event import EVENTS_SCHEMA, GENESIS, Event, chained
from recon_kit.casebook.sqlite import create_tables, sqlite_engine
from recon_kit.config import Config
from recon_kit.errors import CasebookError

FILE_NAME = "casebook.db"
_EVENTS = Table(
    "events",
    MetaData(),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    *(Column(name, Text, nullable=False) for name in ("kind", "subject", "by", "at")),
    Column("why", Text),
    *(Column(name, Text, nullable=False) for name in ("data", "previous")),
    Column("hash", Text, nullable=False, unique=True),
    sqlite_strict=True,
)


@dataclass(frozen=True)
class Casebook:
    """An open casebook. It holds no connection between calls, so it may be kept, and needs no closing."""

    place: str
    _engine: Engine

    def append(self, events: Sequence[Event]) -> tuple[int, ...]:
        """Write events at the end, all or none, and give their numbers; nothing is written for no events."""
        if not events:
            return ()
        with _told_plainly(self.place), self._engine.begin() as connection:
            last = connection.execute(select(_EVENTS.c.seq, _EVENTS.c.hash).order_by(_EVENTS.c.seq.desc()).limit(1)).first()
            rows = chained(list(events), *(tuple(last) if last else (0, GENESIS)))
            connection.execute(insert(_EVENTS), rows)
        return tuple(row["seq"] for row in rows)

    def append_after(self, seq: int, events: Sequence[Event]) -> bool:
        """Append only if event `seq` is still the last: for what was decided on what had been read. False: read again."""
        with _told_plainly(self.place), self._engine.begin() as connection:
            last = connection.execute(select(_EVENTS.c.seq, _EVENTS.c.hash).order_by(_EVENTS.c.seq.desc()).limit(1)).first()
            number, previous = tuple(last) if last else (0, GENESIS)
            if number != seq:
                return False
            if events:
                connection.execute(insert(_EVENTS), chained(list(events), number, previous))
        return True

    def events(self, *, subject: str | None = None, kinds: Sequence[str] = (), after: int = 0) -> pl.DataFrame:
        """The events as `EVENTS_SCHEMA`, oldest first; of one subject, some kinds, or after a number where asked."""
        wanted = select(_EVENTS).where(_EVENTS.c.seq > after).order_by(_EVENTS.c.seq)
        if subject is not None:
            wanted = wanted.where(_EVENTS.c.subject == subject)
        if kinds:
            wanted = wanted.where(_EVENTS.c.kind.in_(kinds))
        with _told_plainly(self.place), self._engine.connect().execution_options(is_reading=True) as connection:
            rows = [tuple(row) for row in connection.execute(wanted)]
        text = {name: pl.String() if name == "at" else dtype for name, dtype in EVENTS_SCHEMA.items()}
        frame = pl.DataFrame(rows, schema=text, orient="row")
        return frame.with_columns(
            pl.col("at").str.to_datetime("%Y-%m-%dT%H:%M:%S%.6f%:z", time_unit="us").cast(EVENTS_SCHEMA["at"])
        )

    def head(self) -> tuple[int, str]:
        """Number and hash of the last event; (0, GENESIS) when there is none."""
        wanted = select(_EVENTS.c.seq, _EVENTS.c.hash).order_by(_EVENTS.c.seq.desc()).limit(1)
        with _told_plainly(self.place), self._engine.connect().execution_options(is_reading=True) as connection:
            last = connection.execute(wanted).first()
        return (int(last[0]), str(last[1])) if last else (0, GENESIS)


def open_casebook(place: Path | str, *, create: bool = True) -> Casebook:
    """Open the casebook at a path or a SQLAlchemy URL; without `create` it must be there, else CasebookError."""
    path = _path(place)
    if not path.is_file():
        if not create:
            raise CasebookError(
                f"{path}: there is no casebook; expected one from an earlier run. Run `recon-kit run` first, or give --out"
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CasebookError(f"{path}: its folder cannot be made ({error.strerror}); expected a place to write to") from None
    engine = sqlite_engine(path)
    with _told_plainly(path):
        create_tables(engine, _EVENTS)
    return Casebook(str(path), engine)


def casebook_place(out: Path, config: Config, home: Path | None) -> Path | str:
    """Where the casebook is: `[casebook] url`, its file relative to recon.toml in `home`; else casebook.db in `out`."""
    if config.casebook.url is None:
        return out / FILE_NAME
    path = _path(config.casebook.url)
    return path if path.is_absolute() else (home or Path()) / path


def _path(place: Path | str) -> Path:
    """The file a place names. Only SQLite is served; another database's URL is refused, saying so."""
    if isinstance(place, Path) or "://" not in place:
        return Path(place)
    try:
        url = make_url(place)
    except ArgumentError:
        raise CasebookError(f"{place}: not a database URL; expected for example sqlite:///casebook.db") from None
    if url.get_backend_name() != "sqlite" or not url.database:
        raise CasebookError(
            f"{url.render_as_string(hide_password=True)}: this database is not served yet; expected a SQLite file such as "
            "sqlite:///casebook.db under [casebook] url in recon.toml"
        )
    return Path(url.database)


@contextmanager
def _told_plainly(place: Path | str) -> Iterator[None]:
    """Turn a database that cannot be used into one CasebookError; all or nothing was written."""
    try:
        yield
    except DatabaseError as error:
        raise CasebookError(
            f"{place}: {error.orig}; expected a casebook that can be read and written. Close other programs that "
            "hold it, or free some space, and repeat: nothing of this was written"
        ) from None
