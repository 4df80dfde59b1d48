"""What a portal remembers beside objects: lists, events, imports. Plain values; the rules are elsewhere."""

from typing import Literal

import msgspec

JobState = Literal["STARTED", "PROCESSING", "DONE", "FAILED", "CANCELED", "DEFERRED", "REVERTED"]


class ManualList(msgspec.Struct):
    """A list of records of one type; `members` are ids with the time at which they joined."""

    id: str
    name: str
    type_id: str
    processing_type: str
    made: str
    updated: str
    members: dict[str, str] = {}
    archived: bool = False
    version: int = 1


class Occurrence(msgspec.Struct, omit_defaults=True):
    """One event that was sent. `lost` says why HubSpot dropped it without a word."""

    name: str
    properties: dict[str, str]
    time: str
    request: int
    uuid: str | None = None
    object_id: str | None = None
    email: str | None = None
    utk: str | None = None
    occurred_at: str | None = None
    lost: str | None = None


class EventDefinition(msgspec.Struct):
    """A custom event and the properties it may carry."""

    name: str
    full_name: str
    label: str
    description: str
    primary_object: str
    made: str
    properties: list[dict[str, object]] = []


class EventLog:
    """Definitions, what was sent, and the uuids that are remembered with their time."""

    def __init__(self) -> None:
        self.definitions: dict[str, EventDefinition] = {}
        self.sent: list[Occurrence] = []
        self.seen: dict[str, float] = {}


class RowFault(msgspec.Struct):
    """One line of an import that was refused."""

    id: str
    error_type: str
    message: str
    column: int
    value: str
    line: int
    row: list[str]


class Column(msgspec.Struct, rename="camel"):
    """How one column of a file is read."""

    column_name: str
    column_object_type_id: str = ""
    property_name: str | None = None
    column_type: str | None = None
    id_column_type: str | None = None


class Job(msgspec.Struct):
    """One import."""

    id: str
    name: str
    type_id: str
    operation: str
    date_format: str
    file_id: str
    columns: list[Column]
    lines: list[tuple[int, list[str]]]
    """Line numbers of the file, from 1, with their cells."""
    made: float
    request: int
    state: JobState = "DEFERRED"
    began: float = 0.0
    """When it left DEFERRED."""
    updated: float = 0.0
    applied: int = 0
    counters: dict[str, int] = {}
    faults: list[RowFault] = []
    fate: str = "done"
    seen: set[tuple[str, ...]] = set()
    ids: list[str] = []
    """Records that it made, in case it is reverted."""
