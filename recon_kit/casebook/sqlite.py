"""What only SQLite needs: how a file is opened, locked and kept from changes. The one place that knows the database."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

BUSY_SECONDS = 60
"""How long a writer waits for another one."""


def sqlite_engine(path: Path) -> Engine:
    """An engine on a SQLite file: a transaction locks at its start (BEGIN IMMEDIATE), a commit is on disk."""
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS, "isolation_level": None})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: object) -> None:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def _take_lock(connection: Connection) -> None:
        if not connection.get_execution_options().get("is_reading"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def create_tables(engine: Engine, table: Table) -> None:
    """Make the file a casebook: write-ahead log, strict table, triggers that refuse every UPDATE and DELETE."""
    _use_write_ahead_log(engine)
    with engine.begin() as connection:
        table.metadata.create_all(connection, checkfirst=True)
        for verb in ("UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER IF NOT EXISTS no_{verb.lower()} BEFORE {verb} ON {table.name} "
                f"BEGIN SELECT RAISE(ABORT, 'the casebook is append-only'); END"
            )


def _use_write_ahead_log(engine: Engine) -> None:
    """Switch to WAL, patiently: SQLite does not wait for a lock here, and two programs may make the file at once."""
    for left in range(100, -1, -1):
        try:
            with engine.connect().execution_options(is_reading=True) as connection:
                if connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
                    connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            return
        except OperationalError:
            if not left:
                raise
            time.sleep(0.05)
