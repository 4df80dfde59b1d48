"""Random histories of a model and of runs that die, against what a destination must hold at the end.

A reader takes a part of the messages of a run, perhaps late, perhaps after those of another run, applies them, and
stores the last STATE among them, as Meltano does. Between runs rows change, tables of the store are lost or
damaged, and states are lost or put back. After a run that nobody disturbs the destination must equal the model, and one
more run must emit nothing.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from tap_warehouse.catalog import describe_all
from tap_warehouse.duckdb import DuckDB
from tap_warehouse.duckdb_parts import Settings
from tap_warehouse.local import LocalStore, Staged
from tap_warehouse.messages import Output
from tap_warehouse.models import Model, Table
from tap_warehouse.run import Run
from tap_warehouse.signals import StopRequest
from tap_warehouse.warehouse import Row
from tests.tap.helpers import Message

SEEDS = int(os.environ.get("PENSTOCK_SNAPSHOT_CASES", "12"))
FIRST = int(os.environ.get("PENSTOCK_SNAPSHOT_SEED", "0"))
STEPS = 14
MODEL = Model("t", Table(("t",)), ("a", "b"), change="snapshot")


class Killed(BaseException):
    """The process is gone: no handler of ours may run."""


class Mortal(DuckDB):
    """Dies before its n-th statement."""

    left = 10**9

    def _executed(self, statements: Sequence[str]) -> list[Row]:
        rows: list[Row] = []
        for statement in statements:
            self.left -= 1
            if self.left < 0:
                raise Killed
            rows = super()._executed([statement])
        return rows


class MortalStaged(Staged):
    """The same, beside a warehouse that is only read."""

    left = 10**9

    def _executed(self, statements: Sequence[str]) -> list[Row]:
        rows: list[Row] = []
        for statement in statements:
            MortalStaged.left -= 1
            if MortalStaged.left < 0:
                raise Killed
            rows = super()._executed([statement])
        return rows


class Collected(Output):
    """Keeps what is written, and dies after so many writes."""

    def __init__(self, left: int) -> None:
        self.raw = b""
        self._left = left

    def write(self, lines: bytes | memoryview) -> None:
        self._left -= 1
        if self._left < 0:
            raise Killed
        self.raw += bytes(lines)


def identity(state: dict[str, Any]) -> object:
    """Whose snapshots a state names."""
    return state.get("bookmarks", {}).get("t", {}).get("snapshot", {}).get("id")


class Destination:
    """A target that does what the messages say."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], Any] = {}
        self.state: dict[str, Any] = {}
        self.old: list[dict[str, Any]] = [{}]

    def apply(self, messages: list[Message]) -> None:
        seen = set()
        for message in messages:
            if message["type"] == "STATE":
                self.state = message["value"]
                self.old.append(self.state)
            elif message["type"] == "ACTIVATE_VERSION":
                self.rows = {key: row for key, row in self.rows.items() if key in seen}
            elif message["type"] == "RECORD":
                record = message["record"]
                key = (record["a"], record["b"])
                seen.add(key)
                if record.get("_sdc_deleted_at"):
                    self.rows.pop(key, None)
                elif record["a"] is not None and "_penstock_refused" not in record:
                    self.rows[key] = record["v"]


class History:
    """One seed's model, snapshot store and destination."""

    def __init__(self, folder: Path, seed: int, *, local: bool = False) -> None:
        self.local = local
        self.chance = Random(seed)
        self.folder = folder
        self.now = datetime(2026, 1, 1, tzinfo=timezone.utc)
        self.destination = Destination()
        self.late: list[list[Message]] = []
        self._sql("create table t (a int, b int, v varchar)")
        self.change(30)

    def _sql(self, *statements: str) -> list[Any]:
        with duckdb.connect(str(self.folder / "w.duckdb")) as connection:
            return [connection.execute(statement).fetchall() for statement in statements][-1]

    def change(self, most: int) -> None:
        """Insert, update and delete a few rows; keys come back, values too."""
        statements = ["begin"]
        for _ in range(self.chance.randint(1, most)):
            a, b, v = self.chance.randrange(6), self.chance.randrange(6), self.chance.choice("xyz")
            statements.append(f"delete from t where a = {a} and b = {b}")
            if self.chance.random() < 0.7:
                statements.append(f"insert into t values ({a}, {b}, '{v}')")
        self._sql(*statements, "commit")

    def run(self, *, dies: bool) -> list[Message]:
        """Run the tap with the state as it is; return the messages that came out, whole ones only."""
        self.now += timedelta(minutes=self.chance.choice([1, 40, 90]))
        settings = Settings(
            str(self.folder / "w.duckdb"), snapshot_folder=str(self.folder), gate=self.chance.random() < 0.5
        )
        warehouse = LocalStore(DuckDB(settings), str(self.folder)) if self.local else Mortal(settings)
        MortalStaged.left = 10**9
        output = Collected(self.chance.randrange(12) if dies and self.chance.random() < 0.5 else 10**9)
        if dies and output._left > 12:
            if isinstance(warehouse, Mortal):
                warehouse.left = self.chance.randrange(60)
            else:
                MortalStaged.left = self.chance.randrange(60)
        try:
            Run(warehouse, output, StopRequest(), logging.getLogger("test"), lambda: self.now, time.monotonic).emit(
                describe_all(warehouse, [MODEL]), ["t"], self.destination.state, 5, check_keys=True
            )
        except Killed:
            assert dies
        finally:
            warehouse.close()
        return [json.loads(line) for line in output.raw.decode().splitlines()]

    def disturb(self) -> None:
        """Lose or damage something that the promise does not rest on."""
        stores = list(self.folder.glob("????????????????.duckdb"))
        match self.chance.randrange(5):
            case 0:
                self.destination.state = {}
            case 1 if self.destination.state:
                ours = identity(self.destination.state)
                self.destination.state = self.chance.choice(
                    [state for state in self.destination.old if identity(state) == ours]
                )
            case 2 if stores:
                stores[0].unlink()
            case 3 if stores:
                with duckdb.connect(str(self.chance.choice(stores))) as connection:
                    tables = connection.execute("select table_name from duckdb_tables()").fetchall()
                    if tables:
                        name = self.chance.choice(tables)[0]
                        connection.execute(f'drop table penstock."{name}"')
            case 4 if stores:
                with duckdb.connect(str(self.chance.choice(stores))) as connection:
                    for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall():
                        if name.startswith("base_"):
                            connection.execute(f'delete from penstock."{name}" where random() < 0.3')

    def step(self) -> None:
        """Let one thing happen."""
        lot = self.chance.random()
        if lot < 0.4:
            self.change(5)
        elif lot < 0.5:
            self.disturb()
        elif lot < 0.6 and self.late:
            self._apply(self.late.pop(0))
        elif lot < 0.7:
            self.late.append(self.run(dies=self.chance.random() < 0.5))
        else:
            self._apply(self.run(dies=self.chance.random() < 0.5))

    def _apply(self, messages: list[Message]) -> None:
        """Apply all, or what the target took before it died."""
        whole = self.chance.random() < 0.5
        self.destination.apply(messages if whole else messages[: self.chance.randint(0, len(messages))])

    def settle(self) -> None:
        """Let a run go through: destination and model must agree, and a second run finds nothing."""
        self.destination.apply(self.run(dies=False))
        model = {(a, b): v for a, b, v in self._sql("select a, b, v from t")}
        assert self.destination.rows == model
        again = self.run(dies=False)
        assert not [message for message in again if message["type"] == "RECORD"]
        self.destination.apply(again)


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_nothing_is_missed_whatever_dies(
    tmp_path: Path, seed: int, local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tap_warehouse.local.Staged", MortalStaged)
    history = History(tmp_path, seed, local=local)
    for _ in range(STEPS):
        history.step()
        if history.chance.random() < 0.15:
            history.settle()
    history.settle()
