"""BigQuery: change detection by its jobs, rows as Arrow through the Storage Read API.

A transaction there cannot make or drop a table that stays, so `execute` puts one only around statements that change
rows; the order in which `snapshots` writes them is made for that. A transaction is one job, a script.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pyarrow as pa
from google.api_core.exceptions import Forbidden

from tap_warehouse.arrow_lines import ArrowEncoder
from tap_warehouse.bigquery_grants import StateDataset, denied, member_of, refused_table
from tap_warehouse.bigquery_login import SETTINGS, Settings, clients
from tap_warehouse.bigquery_session import FAULTS, Options, Session, message_of, said, token_of
from tap_warehouse.bigquery_sql import (
    BigQueryDialect,
    claimed,
    form_of,
    json_schema,
    one_query,
    read_as,
    taken,
    type_name,
)
from tap_warehouse.encoding import selected
from tap_warehouse.errors import ConfigurationError, ReadFault
from tap_warehouse.models import Model, Query, Table, nearest
from tap_warehouse.stores import STORE_SETTINGS, stored
from tap_warehouse.tap import TapWarehouse, rooted
from tap_warehouse.warehouse import Column, Frame, Lines, Read, Row, Warehouse

if TYPE_CHECKING:
    from google.cloud.bigquery import SchemaField
    from google.cloud.bigquery import Table as GoogleTable


class BigQuery:
    """One session. See `Warehouse` for the verbs."""

    dialect = BigQueryDialect()

    def __init__(self, session: Session, settings: Settings, log: logging.Logger) -> None:
        self._session = session
        self._settings = settings
        self._log = log
        self._relations: dict[str, str] = {}
        self._tables: dict[str, tuple[str, ...]] = {}
        self._locations: dict[str, str | None] = {}
        self._state = StateDataset(session, settings.snapshot_project, settings.snapshot_dataset)

    # The models

    def describe(self, model: Model) -> tuple[Column, ...]:
        """Ask for the columns of a table, and what reading it would cost; nothing is read for that."""
        name, origin = f"model {model.name!r}", "where"
        match model.source:
            case Table(parts):
                full = self._full(name, parts)
                source, found = _named(full), self._found(name, full).schema
                self._tables[model.name] = full
            case Query(text, origin):
                query = one_query(text)
                if query is None:
                    raise ConfigurationError([f"{name}: {origin} must be exactly one SELECT statement."])
                source = f"(\n{query}\n)"
                found = self._checked(f"{name}: {origin} is refused", f"select * from {source}")[0]
        columns = self._chosen(name, model, found)
        selected = ", ".join(f"{taken(each.type, quoted(each.name))} as {quoted(each.name)}" for each in columns)
        where = "" if model.where is None else f" where (\n{model.where}\n)"
        relation = f"(select {selected} from {source}{where})"
        problem = f"{name}: {'it' if model.where is None else 'where'} is refused"
        _, size, location = self._checked(problem, f"select * from {relation}")
        self._afford(name, size)
        if model.change == "snapshot":
            self._locations[model.name] = location
        self._relations[model.name] = relation
        return columns

    def _full(self, name: str, parts: tuple[str, ...]) -> tuple[str, ...]:
        if len(parts) == 1 and not self._session.options.dataset:
            raise ConfigurationError(
                [f"{name}: say in which dataset {parts[0]!r} is: dataset.table, or give the setting 'dataset'."]
            )
        place = (self._session.project, self._session.options.dataset)
        return (*place[: 3 - len(parts)], *parts)

    def _found(self, name: str, parts: tuple[str, ...]) -> GoogleTable:
        try:
            return self._session.table(parts)
        except FAULTS as error:
            if getattr(error, "code", None) not in {403, 404}:
                raise ConfigurationError([f"{name}: {said(error)}"]) from error
            raise ConfigurationError(
                [
                    f"{name}: there is no table or view {'.'.join(parts)!r}, or the account may not read it."
                    f"{self._nearest(parts)} To see what is not granted: --test."
                ]
            ) from error

    def _nearest(self, parts: tuple[str, ...]) -> str:
        """Look for a name like it in its dataset."""
        try:
            listed = self._session.client.list_tables(".".join(parts[:2]), max_results=1000, timeout=60.0)
            return nearest(parts[-1], [table.table_id for table in listed])
        except FAULTS:
            return ""

    def _checked(self, problem: str, query: str) -> tuple[Sequence[SchemaField], int, str | None]:
        """Let BigQuery look at a query, which quotes no row."""
        try:
            return self._session.checked(query)
        except FAULTS as error:
            raise ConfigurationError([f"{problem}: {message_of(error)}"]) from error

    def _chosen(self, name: str, model: Model, found: Sequence[SchemaField]) -> tuple[Column, ...]:
        names = [field.name for field in found]
        missing = [] if model.columns is None else [each for each in model.columns if each not in names]
        if missing:
            raise ConfigurationError(
                [f"{name}: {each!r} is not a column of it.{nearest(each, names)}" for each in missing]
            )
        wanted = [field for field in found if model.columns is None or field.name in model.columns]
        kinds = [type_name(field) for field in wanted]
        return tuple(Column(field.name, json_schema(kind), kind) for field, kind in zip(wanted, kinds, strict=True))

    def _afford(self, name: str, size: int) -> None:
        most = self._session.options.maximum_bytes_billed
        self._log.debug("%s: reading it processes %.1f MB", name, size / 1e6)
        if most is not None and size > most:
            raise ConfigurationError(
                [
                    f"{name}: reading it once processes {size:,} bytes, more than maximum_bytes_billed, {most:,}. "
                    "Raise that, or name fewer columns, or a `where` on the column by which the table is partitioned."
                ]
            )

    def relation(self, model: Model) -> str:
        """Name a described model's columns."""
        return self._relations[model.name]

    def gate(self, model: Model) -> str | None:
        """Ask when a table was last changed. A view may read the clock, and so may `where`: no such thing for these."""
        parts = self._tables.get(model.name)
        if not self._settings.gate or parts is None or model.where is not None:
            return None
        try:
            return token_of(self._session.table(parts), datetime.now(timezone.utc))
        except FAULTS as error:
            self._log.debug("%s: no gate: %s", model.name, said(error))
            return None

    def state_schema(self, identity: str) -> str:  # noqa: ARG002 one dataset for all, a table for each
        """Make the dataset of the snapshots where it is missing."""
        return self._state.made(self._locations)

    def missing_grants(self, models: Sequence[Model]) -> list[str]:
        """Try to describe each model, and to make a table of our own where a model needs that."""
        member, grants = member_of(self._session)
        if grants:
            return grants
        location = None
        for model in models:
            try:
                self.describe(model)
                location = location or self._locations.get(model.name)
            except ConfigurationError as error:  # noqa: PERF203 few
                grants += self._missing_for(model, error, member)
        if any(model.change == "snapshot" for model in models):
            grants += self._state.missing(member, location)
        return list(dict.fromkeys(grants))

    def _missing_for(self, model: Model, error: ConfigurationError, member: str) -> list[str]:
        if isinstance(model.source, Query):
            cause = error.__cause__
            return denied(cause, member) if isinstance(cause, Forbidden) else []
        try:
            parts = self._full("", model.source.parts)
        except ConfigurationError:
            return []
        return refused_table(self._session, parts, member)

    # Statements

    def rows(self, statement: str) -> list[Row]:
        """Run a query."""
        answer = self._session.ran(statement)
        try:
            return [tuple(row.values()) for row in answer.result]
        except FAULTS as error:
            raise ReadFault(f"reading failed: {said(error)}") from error

    def execute(self, statements: Sequence[str], claim: str | None = None) -> bool:
        """Run statements; neighbours that change rows, in one transaction."""
        todo = [*([claim] if claim else []), *statements]
        for changes_rows, group in itertools.groupby(todo, key=_changes_rows):
            if not self._together(list(group), claim, atomic=changes_rows):
                return False
        return True

    def _together(self, statements: list[str], claim: str | None, *, atomic: bool) -> bool:
        """Run statements of one kind. BigQuery rolls back what fails, or what nobody waits for."""
        place = self._state.location
        claiming = claim is not None and statements[0] is claim
        if atomic and len(statements) > 1:
            if claiming:
                return bool(next(iter(self._session.ran(claimed(statements), place).result))[0])
            self._session.ran(";\n".join(["begin transaction", *statements, "commit transaction;"]), place)
            return True
        changed = [self._session.ran(statement, place).changed for statement in statements]
        return not claiming or changed == [1]

    def read(self, read: Read, frame: Frame) -> Iterator[Lines]:
        """Let Google's client fetch Arrow, and write a column at a time."""
        encoder = ArrowEncoder(read, frame, {column.name: form_of(column) for column, _ in read.fields})
        try:
            for batch in self._session.batches(selected(read, read_as)):
                yield from encoder.lines(pa.Table.from_batches([batch]))
        except (*FAULTS, ValueError) as error:  # ValueError: a channel that `interrupt` has closed
            raise ReadFault(f"reading failed: {said(error)}") from error

    def interrupt(self) -> None:
        """Cancel the running job; it raises where it was called."""
        self._session.interrupt()

    def close(self) -> None:
        """Tell what it cost."""
        self._session.close(costs=self._settings.costs)


quoted = BigQuery.dialect.quoted


def _named(parts: Sequence[str]) -> str:
    return ".".join(map(quoted, parts))


def _changes_rows(statement: str) -> bool:
    return not statement.startswith(("create", "drop"))


class TapBigQuery(TapWarehouse):
    """Rows of BigQuery as Singer records."""

    name = "tap-bigquery"
    config_jsonschema = TapWarehouse.settings({**SETTINGS, **STORE_SETTINGS}, required=())

    @classmethod
    def connect(cls, config: Mapping[str, object]) -> Warehouse:
        """Make the clients. BigQuery hears of us with the first question."""
        return stored(connected(config, logging.getLogger(cls.name)), config)


def connected(config: Mapping[str, object], log: logging.Logger) -> BigQuery:
    """Open a session by the settings. Raises ConfigurationError."""
    labels, most, seconds = (config.get(name) for name in ("job_labels", "maximum_bytes_billed", "statement_timeout"))
    options = Options(
        str(config.get("dataset") or ""),
        str(config["location"]) if config.get("location") else None,
        most if isinstance(most, int) else None,
        {str(name): str(label) for name, label in labels.items()} if isinstance(labels, Mapping) else {},
        seconds if isinstance(seconds, int) else None,
    )
    settings = Settings(
        str(config.get("snapshot_project") or ""),
        str(config["snapshot_dataset"]),
        config["gate"] is True,
        config["costs"] is True,
    )
    return BigQuery(Session(clients(config, rooted), options, log), settings, log)
