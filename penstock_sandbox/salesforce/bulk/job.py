"""What is known of a bulk job. Plain values; the rules are elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

State = Literal["Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted", "Closed"]
Operation = Literal["insert", "update", "upsert", "delete", "hardDelete"]
DELIMITERS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
ENDED: frozenset[State] = frozenset({"JobComplete", "Failed", "Aborted"})


class Asked(msgspec.Struct, rename="camel"):
    """The body that creates a Bulk 2.0 job."""

    object: str
    operation: Operation
    external_id_field_name: str | None = None
    content_type: Literal["CSV"] = "CSV"
    line_ending: Literal["LF", "CRLF"] = "LF"
    column_delimiter: Literal["BACKQUOTE", "CARET", "COMMA", "PIPE", "SEMICOLON", "TAB"] = "COMMA"
    assignment_rule_id: str | None = None


class Outcomes(NamedTuple):
    """What became of the rows of a batch: ids, whether they were created, and the texts of errors by row."""

    ids: list[str]
    created: list[bool]
    errors: dict[int, str]


class Results(msgspec.Struct):
    """The three result files as they grow, one piece a batch."""

    successes: list[bytes] = []
    failures: list[bytes] = []
    unprocessed: list[bytes] = []


class Job(msgspec.Struct, kw_only=True):
    """One job of Bulk API 2.0. `began` is when it left its queue, on the sandbox clock."""

    id: str
    asked: Asked
    kind: str
    version: str
    user: str
    made: float
    fate: str
    state: State = "Open"
    modified: float = 0.0
    closed: float = 0.0
    began: float | None = None
    request: int = 0
    """The request that closed it; its writes bear this number."""
    parts: list[bytes] = []
    puts: int = 0
    processed: int = 0
    failed: int = 0
    error: str = ""
    header: list[str] = []
    results: Results = msgspec.field(default_factory=Results)
    rows: Iterator[list[str]] | None = None
    """What is left of the file."""
    total: int = 0
    """Rows of the file, roughly: its lines."""
    seen: set[object] = set()
    """Keys of earlier batches, where those count."""
