"""The dataset that holds snapshots, and what an account must be allowed, found out by trying."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence

from google.api_core.exceptions import Forbidden, NotFound
from google.cloud.bigquery import Dataset

from tap_warehouse.bigquery_session import FAULTS, Session, message_of, said
from tap_warehouse.bigquery_sql import BigQueryDialect
from tap_warehouse.errors import ConfigurationError, ReadFault

_DIALECT = BigQueryDialect()
_DENIED = re.compile(r"Access Denied: (?:Table|Dataset) ([^\s:]+(?::[^\s:]+)?):([^\s:.]+)")
quoted = _DIALECT.quoted


class StateDataset:
    """The dataset that holds snapshots."""

    def __init__(self, session: Session, project: str, dataset: str) -> None:
        self._session = session
        self._parts = (project or session.project, dataset)
        self._is_there = False
        self.location: str | None = None

    @property
    def name(self) -> str:
        """Its name, quoted."""
        return ".".join(map(quoted, self._parts))

    def made(self, locations: Mapping[str, str | None]) -> str:
        """Make it where it is missing; return its name. `locations` are those of the models that need it.

        Raises ConfigurationError with what must be granted, or where it lies elsewhere; ReadFault.
        """
        if not self._is_there:
            wanted = self._session.options.location or next((each for each in locations.values() if each), None)
            found = self._found()
            dataset = self._create(wanted) if found is None else found
            self.location, self._is_there = dataset.location, True
        elsewhere = [f"{model!r} in {place}" for model, place in locations.items() if self._differs(place)]
        if elsewhere:
            raise ConfigurationError(
                [
                    f"snapshot_dataset: {self.name} is in {self.location}, but {', '.join(elsewhere)}. No query reads "
                    "both. Read models of one location with one tap, each with a snapshot_dataset of its own."
                ]
            )
        return self.name

    def _differs(self, place: str | None) -> bool:
        return bool(place and self.location and place.upper() != self.location.upper())

    def _found(self) -> Dataset | None:
        try:
            return self._session.dataset(".".join(self._parts))
        except NotFound:
            return None
        except Forbidden as error:
            raise ConfigurationError(
                [f"snapshot_dataset: {self.name} may not be used: {said(error)} To see what is not granted: --test."]
            ) from error
        except FAULTS as error:
            raise ReadFault(f"the warehouse failed: {said(error)}") from error

    def _create(self, location: str | None) -> Dataset:
        dataset = Dataset(".".join(self._parts))
        dataset.location = location
        dataset.description = "Penstock: what has been synced. Losing it costs a full read, and no more."
        try:
            return self._session.client.create_dataset(dataset, exists_ok=True, timeout=60.0)
        except FAULTS as error:
            raise ConfigurationError(
                [
                    f"snapshot_dataset: {self.name} is not there and cannot be made: {said(error)} "
                    "To see what is not granted: --test."
                ]
            ) from error

    def missing(self, member: str, location: str | None) -> list[str]:
        """Try to make a table in it; tell what must be granted. Leaves nothing behind."""
        place = location or self._session.options.location
        grant = f'GRANT `roles/bigquery.dataEditor` ON SCHEMA {self.name} TO "{member}";'
        create = f"CREATE SCHEMA {self.name}{f' OPTIONS (location = {_DIALECT.text(place)})' if place else ''};"
        try:
            was_there = self._found() is not None
        except ConfigurationError:
            return [grant]
        probe = f"{self.name}.{quoted(f'probe_{secrets.token_hex(8)}')}"
        try:
            if not was_there:
                self._create(place)
        except ConfigurationError:
            return [create, grant]
        try:
            self._session.tried(_DIALECT.created(probe, "select 1 as n"), place)
            self._session.tried(f"drop table {probe}", place)
            if not was_there:
                self._session.tried(f"drop schema {self.name}", place)
        except (Forbidden, NotFound):
            return [grant]
        except FAULTS as error:
            raise ReadFault(f"the warehouse failed: {said(error)}") from error
        return []


def member_of(session: Session) -> tuple[str, list[str]]:
    """Ask as whom we work, which takes a job, and tell what is missing for a job."""
    try:
        rows = list(session.tried("select session_user()").result)
    except Forbidden:
        member = _member(session.member)
        return member, [
            f"gcloud projects add-iam-policy-binding {session.project} --member='{member}' "
            "--role='roles/bigquery.jobUser'"
        ]
    except FAULTS as error:
        raise ReadFault(f"the warehouse failed: {said(error)}") from error
    return _member(str(rows[0][0])), []


def _member(account: str) -> str:
    if not account:
        return "user:THE ACCOUNT"
    if "://" in account:
        return account
    return f"serviceAccount:{account}" if account.endswith(".gserviceaccount.com") else f"user:{account}"


def readable(member: str, project: str, dataset: str) -> str:
    """Write what lets an account read a dataset, also the tables that dbt makes anew in it."""
    return f'GRANT `roles/bigquery.dataViewer` ON SCHEMA {quoted(project)}.{quoted(dataset)} TO "{member}";'


def denied(error: Exception, member: str) -> list[str]:
    """Take the dataset out of a refusal."""
    return [readable(member, project, dataset) for project, dataset in _DENIED.findall(message_of(error))][:1]


def refused_table(session: Session, parts: Sequence[str], member: str) -> list[str]:
    """Try to read a table, without reading. Nothing is missing where it is not there: that is told elsewhere."""
    project, dataset = parts[0], parts[1]
    name = ".".join(map(quoted, parts))
    try:
        session.table(parts)
        session.checked(f"select * from {name}")
    except Forbidden:
        return [readable(member, project, dataset)]
    except FAULTS:
        return []
    return []
