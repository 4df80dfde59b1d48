"""Snowflake: change detection in its virtual warehouse, rows as Arrow through its own driver.

A statement that makes or drops a table ends the transaction that it stands in, so `execute` opens one only around
statements that change rows; the order in which `snapshots` writes them is made for that.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from snowflake.connector.constants import FIELD_ID_TO_NAME
from snowflake.connector.errors import Error

from tap_warehouse.arrow_lines import ArrowEncoder
from tap_warehouse.encoding import selected
from tap_warehouse.errors import ConfigurationError, ReadFault
from tap_warehouse.models import Model, Query, Table, nearest
from tap_warehouse.snowflake_grants import StateSchema, unreadable
from tap_warehouse.snowflake_login import SETTINGS as LOGIN_SETTINGS
from tap_warehouse.snowflake_session import Session, opened, said
from tap_warehouse.snowflake_sql import (
    SnowflakeDialect,
    form_of,
    identifier,
    json_schema,
    one_query,
    read_as,
    shown,
    type_name,
)
from tap_warehouse.stores import STORE_SETTINGS, stored
from tap_warehouse.tap import TapWarehouse, rooted
from tap_warehouse.warehouse import Column, Frame, JsonSchema, Lines, Read, Row, Warehouse

if TYPE_CHECKING:
    from snowflake.connector.cursor import ResultMetadata

NOT_THERE = (2003, 2043)
"""errors: does not exist, or is not authorized"""

SETTINGS: dict[str, JsonSchema] = {
    **LOGIN_SETTINGS,
    "statement_timeout": {
        "type": "integer",
        "minimum": 1,
        "title": "Statement timeout",
        "description": "Seconds after which Snowflake ends a statement; by default what the account says.",
    },
    "query_tag": {
        "type": "string",
        "maxLength": 2000,
        "default": "penstock",
        "title": "Query tag",
        "description": "Every query carries it in the query history.",
    },
    "snapshot_database": {
        "type": "string",
        "minLength": 1,
        "title": "Snapshot database",
        "description": "Where models of change 'snapshot' are remembered; by default the database of the session.",
    },
    "snapshot_schema": {
        "type": "string",
        "minLength": 1,
        "default": "penstock",
        "title": "Snapshot schema",
        "description": "The schema for that. It is made where it is missing. Losing it costs a full read, and no more.",
    },
    "gate": {
        "type": "boolean",
        "default": True,
        "title": "Gate",
        "description": "Ask first, for nothing, whether a table was changed. Switch it off for tables with policies.",
    },
    "costs": {
        "type": "boolean",
        "default": True,
        "title": "Costs",
        "description": "Ask at the end of a run how much its queries have scanned, and log it.",
    },
}


@dataclass(frozen=True)
class Settings:
    """The tap's settings, as far as the session does not have them."""

    snapshot_database: str = ""
    snapshot_schema: str = "penstock"
    gate: bool = True
    costs: bool = True
    warehouse: str = ""


class Snowflake:
    """One session. See `Warehouse` for the verbs."""

    dialect = SnowflakeDialect()

    def __init__(self, session: Session, settings: Settings, log: logging.Logger) -> None:
        self._session = session
        self._settings = settings
        self._log = log
        self._relations: dict[str, str] = {}
        self._tables: dict[str, tuple[str, ...]] = {}
        self._state = StateSchema(session, settings.snapshot_database, settings.snapshot_schema)

    # The models

    def describe(self, model: Model) -> tuple[Column, ...]:
        """Ask for the columns of a table or query; nothing is computed for that."""
        match model.source:
            case Table(parts):
                source, found = self._found(model, parts)
            case Query(text, origin):
                query = one_query(text)
                if query is None:
                    raise ConfigurationError([f"model {model.name!r}: {origin} must be exactly one SELECT statement."])
                source = f"(\n{query}\n)"
                found = self._described(source, f"model {model.name!r}: {origin} is refused")
        columns = self._chosen(model, found)
        names = ", ".join(f"{quoted(real)} as {quoted(column.name)}" for real, column in columns)
        where = "" if model.where is None else f" where (\n{model.where}\n)"
        relation = f"(select {names} from {source}{where})"
        if where:
            self._described(relation, f"model {model.name!r}: where is refused")
        self._relations[model.name] = relation
        return tuple(column for _, column in columns)

    def _found(self, model: Model, parts: tuple[str, ...]) -> tuple[str, list[ResultMetadata]]:
        """Find a table by its name, which may be in the wrong case: first as Snowflake reads it, then as it stands."""
        folded = tuple(map(identifier, parts))
        for tried in dict.fromkeys([folded, *itertools.product(*zip(parts, folded, strict=True))]):
            found = self._described_if_there(model, tried)
            if found is not None:
                self._tables[model.name] = tried
                return _named(tried), found
        name = ".".join(parts)
        raise ConfigurationError(
            [
                f"model {model.name!r}: there is no table or view {name!r}, or the role may not read it."
                f"{self._nearest(folded)} To see what is not granted: --test."
            ]
        )

    def _described_if_there(self, model: Model, table: tuple[str, ...]) -> list[ResultMetadata] | None:
        try:
            return self._session.columns(_named(table))
        except Error as error:
            if error.errno in NOT_THERE:
                return None
            raise ConfigurationError([f"model {model.name!r}: {said(error)}"]) from error

    def _nearest(self, parts: tuple[str, ...]) -> str:
        """Look for a name like it in its schema."""
        place = f" in schema {_named(parts[:-1])}" if parts[:-1] else ""
        try:
            cursor = self._session.tried(f"show terse objects{place} limit 1000")
        except Error:
            return ""
        at = [column.name for column in cursor.description].index("name")
        return nearest(parts[-1], [shown(str(row[at])) for row in cursor.fetchall()])

    def _chosen(self, model: Model, found: Sequence[ResultMetadata]) -> list[tuple[str, Column]]:
        """Pair each column's name in Snowflake with what it is to us. Names in `columns` may be in any case."""
        names = [column.name for column in found]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigurationError(
                [f"model {model.name!r}: has columns with one name: {', '.join(map(repr, twice))}. Rename with AS."]
            )
        told = [shown(name) if shown(name) not in names else name for name in names]
        if model.columns is not None:
            known = {*told, *names}
            missing = [name for name in model.columns if name not in known and identifier(name) not in known]
            if missing:
                raise ConfigurationError(
                    [f"model {model.name!r}: {name!r} is not a column of it.{nearest(name, told)}" for name in missing]
                )
        wanted = None if model.columns is None else {*model.columns, *map(identifier, model.columns)}
        columns = []
        for name, real in zip(told, found, strict=True):
            if wanted is None or name in wanted or real.name in wanted:
                kind = type_name(FIELD_ID_TO_NAME[real.type_code], real.precision, real.scale)
                columns.append((real.name, Column(name, json_schema(kind), kind)))
        return columns

    def _described(self, relation: str, problem: str) -> list[ResultMetadata]:
        try:
            return self._session.columns(relation)
        except Error as error:
            raise ConfigurationError([f"{problem}: {said(error)}"]) from error

    def relation(self, model: Model) -> str:
        """Name a described model's columns as the records do."""
        return self._relations[model.name]

    def gate(self, model: Model) -> str | None:
        """Ask when a table was last changed. A view may read the clock, and so may `where`: no such thing for these."""
        table = self._tables.get(model.name)
        if not self._settings.gate or table is None or model.where is not None:
            return None
        name = self.dialect.text(_named(table))
        try:
            if not self._is_plain(table):
                return None
            cursor = self._session.ran(f"select to_varchar(system$last_change_commit_time({name})), current_role()")
            return ":".join(map(str, cursor.fetchall()[0]))
        except ReadFault as error:
            self._log.debug("%s: no gate: %s", model.name, error)
            return None

    def _is_plain(self, table: tuple[str, ...]) -> bool:
        """Tell a table whose rows change by commits alone from views and tables that others write.

        More than this table is like its name: an underscore stands for anything.
        """
        place = f" in schema {_named(table[:-1])}" if table[:-1] else ""
        cursor = self._session.ran(f"show tables like {self.dialect.text(table[-1])}{place}")
        names = [column.name for column in cursor.description]
        for row in cursor.fetchall():
            told = dict(zip(names, row, strict=True))
            odd = [name for name, value in told.items() if name.startswith("is_") and value == "Y"]
            if told["name"] == table[-1] and not odd:
                return str(told["kind"]) in {"TABLE", "TRANSIENT"}
        return False

    def state_schema(self, identity: str) -> str:  # noqa: ARG002 one schema for all, a table for each
        """Make the schema of the snapshots where it is missing."""
        return self._state.made()

    def missing_grants(self, models: Sequence[Model]) -> list[str]:
        """Try to describe each table, and to make one of our own where a model needs that."""
        role = quoted(str(self.rows("select current_role()")[0][0]))
        grants = []
        if self._settings.warehouse and not self._session.warehouse:
            grants.append(f"GRANT USAGE ON WAREHOUSE {quoted(identifier(self._settings.warehouse))} TO ROLE {role};")
        for model in models:
            if isinstance(model.source, Table):
                try:
                    self._found(model, model.source.parts)
                except ConfigurationError:
                    grants += unreadable(self._session, tuple(map(identifier, model.source.parts)), role)
        if any(model.change == "snapshot" for model in models):
            grants += self._state.missing(role)
        return list(dict.fromkeys(grants))

    # Statements

    def rows(self, statement: str) -> list[Row]:
        """Run a query. A sum may arrive as a float."""
        return [tuple(map(_whole, tuple(row))) for row in self._session.ran(statement).fetchall()]

    def execute(self, statements: Sequence[str], claim: str | None = None) -> bool:
        """Run statements; neighbours that change rows, in one transaction."""
        todo = [*([claim] if claim else []), *statements]
        try:
            for changes_rows, group in itertools.groupby(todo, key=_changes_rows):
                if not self._together(list(group), claim, atomic=changes_rows):
                    return False
        except ReadFault:
            self._session.rolled_back()
            raise
        return True

    def _together(self, statements: list[str], claim: str | None, *, atomic: bool) -> bool:
        several = atomic and len(statements) > 1
        if several:
            self._session.ran("begin")
        for statement in statements:
            if self._session.ran(statement).rowcount != 1 and statement is claim:
                if several:
                    self._session.ran("rollback")
                return False
        if several:
            self._session.ran("commit")
        return True

    def read(self, read: Read, frame: Frame) -> Iterator[Lines]:
        """Let the driver fetch Arrow, in chunks, and write a column at a time."""
        encoder = ArrowEncoder(read, frame, {column.name: form_of(column) for column, _ in read.fields})
        cursor = self._session.ran(selected(read, read_as))
        try:
            for table in cursor.fetch_arrow_batches():
                yield from encoder.lines(table)
        except (Error, OSError) as error:
            told = said(error) if isinstance(error, Error) else type(error).__name__
            raise ReadFault(f"reading failed: {told}") from error
        finally:
            cursor.close()

    def interrupt(self) -> None:
        """Cancel the running statement; it raises where it was called."""
        self._session.interrupt()

    def close(self) -> None:
        """End the session, and tell what it cost."""
        database = identifier(self._session.database or "") if self._settings.costs else ""
        self._session.close(self._log, quoted(database) if database else None)


quoted = Snowflake.dialect.quoted


def _named(parts: Sequence[str]) -> str:
    return ".".join(map(quoted, parts))


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _changes_rows(statement: str) -> bool:
    return not statement.startswith(("create", "drop"))


class TapSnowflake(TapWarehouse):
    """Rows of a Snowflake database as Singer records."""

    name = "tap-snowflake"
    config_jsonschema = TapWarehouse.settings({**SETTINGS, **STORE_SETTINGS}, required=("account",))

    @classmethod
    def connect(cls, config: Mapping[str, object]) -> Warehouse:
        """Log in."""
        settings = Settings(
            str(config.get("snapshot_database") or ""),
            str(config["snapshot_schema"]),
            config["gate"] is True,
            config["costs"] is True,
            str(config.get("warehouse") or ""),
        )
        return stored(Snowflake(Session(opened(config, rooted)), settings, logging.getLogger(cls.name)), config)
