"""What a role must be allowed, found out by trying, because rights come to a role in more ways than can be listed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from snowflake.connector.errors import Error

from tap_warehouse.errors import ConfigurationError
from tap_warehouse.snowflake_session import Session, said
from tap_warehouse.snowflake_sql import SnowflakeDialect, identifier

_DIALECT = SnowflakeDialect()
quoted = _DIALECT.quoted


class StateSchema:
    """The schema that holds snapshots."""

    def __init__(self, session: Session, database: str, schema: str) -> None:
        self._session = session
        self._database = identifier(database or session.database or "")
        self._schema = identifier(schema)
        self._is_there = False

    @property
    def name(self) -> str:
        """Its name, quoted."""
        return f"{quoted(self._database)}.{quoted(self._schema)}"

    def made(self) -> str:
        """Make it where it is missing; return its name. Raises ConfigurationError with what must be granted."""
        if not self._database:
            raise ConfigurationError(["snapshot_database: the session has no database, so name one here."])
        if not self._is_there and not self.is_there():
            try:
                self._create()
            except Error as error:
                if self.is_there():  # by now: another run was faster
                    return self.name
                raise ConfigurationError(
                    [
                        f"snapshot_schema: {self.name} is not there and cannot be made: {said(error)} "
                        "To see what is not granted: --test."
                    ]
                ) from error
        self._is_there = True
        return self.name

    def _create(self) -> None:
        """Make it, and go back to where we were: a new schema becomes that in which names are looked up."""
        database, schema = self._session.database, self._session.schema
        self._session.tried(f"create transient schema {self.name} data_retention_time_in_days = 0")
        if database:
            place = [quoted(identifier(part)) for part in (database, schema) if part]
            self._session.tried(f"use {'schema' if schema else 'database'} {'.'.join(place)}")

    def is_there(self) -> bool:
        """Tell whether the role can see it. CREATE ... IF NOT EXISTS would need a right even where it exists."""
        return self._schema in seen(self._session, "schemas", self._schema, self._database)

    def missing(self, role: str) -> list[str]:
        """Try to make a table in it; tell what must be granted. Leaves nothing behind."""
        if not self._database or self._database not in seen(self._session, "databases", self._database):
            return [f"GRANT USAGE ON DATABASE {quoted(self._database)} TO ROLE {role};"]
        probe = f"{self.name}.{quoted(f'probe_{secrets.token_hex(8)}')}"
        was_there = self.is_there()
        try:
            if not was_there:
                self._create()
            self._session.tried(_DIALECT.created(probe, "select 1 as n"))
            self._session.tried(f"drop table {probe}")
            if not was_there:
                self._session.tried(f"drop schema {self.name}")
        except Error:
            if was_there:
                return [f"GRANT USAGE, CREATE TABLE ON SCHEMA {self.name} TO ROLE {role};"]
            return [f"GRANT CREATE SCHEMA ON DATABASE {quoted(self._database)} TO ROLE {role};"]
        return []


def unreadable(session: Session, parts: Sequence[str], role: str) -> list[str]:
    """Tell what must be granted to read a table that cannot be described. dbt makes tables anew: hence FUTURE."""
    *place, _table = parts
    database = place[0] if len(place) > 1 else identifier(session.database or "")
    name = place[-1] if place else identifier(session.schema or "")
    if not database or not name:
        return []  # there is no place yet in which to look
    grants = []
    if database not in seen(session, "databases", database):
        grants.append(f"GRANT USAGE ON DATABASE {quoted(database)} TO ROLE {role};")
    schema = f"{quoted(database)}.{quoted(name)}"
    if grants or name not in seen(session, "schemas", name, database):
        grants.append(f"GRANT USAGE ON SCHEMA {schema} TO ROLE {role};")
    for kind in ("TABLES", "VIEWS"):
        grants += [f"GRANT SELECT ON {which} {kind} IN SCHEMA {schema} TO ROLE {role};" for which in ("ALL", "FUTURE")]
    return grants


def seen(session: Session, kind: str, name: str, database: str = "") -> list[str]:
    """Name the databases or schemas that the role can see and that are like a name: _ and % stand for anything."""
    place = f" in database {quoted(database)}" if database and kind == "schemas" else ""
    try:
        cursor = session.tried(f"show terse {kind} like {_DIALECT.text(name)}{place}")
    except Error:
        return []
    at = [column.name for column in cursor.description].index("name")
    return [str(row[at]) for row in cursor.fetchall()]
