"""What a target's author writes: how the target runs, what it reads, and how to see what it wrote.

Keys and values are text. A row is a key and a value; the adapter turns it into a record of the target's stream, and
finds it again in the target's requests and in the server's store.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, TypeAlias

from penstock.conformance.wire import Request, Response

Pair: TypeAlias = tuple[str, str]
"""key and value"""
Json: TypeAlias = dict[str, Any]
Says = Literal["row", "field", "throttled", "quota", "credentials", "busy"]
STATUSES: Mapping[Says, int] = {
    "row": 400,
    "field": 400,
    "throttled": 429,
    "quota": 429,
    "credentials": 401,
    "busy": 503,
}


class Adapter(ABC):
    """One Singer target and the server it writes to. The abstract methods are asked for, the rest have defaults."""

    name = "target"
    batch = 100
    """rows that travel in one write request at most"""
    in_flight = 100
    """rows whose answers may be outstanding at once: what a death may have to send again"""
    deadline: float | None = None
    """seconds after which the target, as `command` starts it, gives up a call; None when no setting says so"""
    exclusive = False
    """whether the target refuses a second run of the same stream while one is under way"""
    refreshes = False
    """whether the target gets a new token when one has expired"""
    patience = 10.0
    """seconds in which rows must arrive while the tap is silent"""
    limit = 30.0
    """seconds after which a run that does not end is killed, and the test fails"""

    # -- how it runs --------------------------------------------------------------------------------------

    @abstractmethod
    def command(self, folder: Path, url: str) -> Sequence[str]:
        """Write the target's settings into its working folder and return its command line.

        `url` is the server's address as the target must see it; `folder` is empty at first and kept between runs.
        """

    def environment(self) -> Mapping[str, str]:
        """Return the environment of the target's process."""
        return os.environ

    # -- what it reads ------------------------------------------------------------------------------------

    @abstractmethod
    def schema(self) -> Json:
        """Return the SCHEMA message of the stream."""

    @abstractmethod
    def record(self, key: str, value: str) -> Json:
        """Return the record of a row."""

    @abstractmethod
    def broken_record(self, key: str) -> Json:
        """Return a record of this key that breaks the stream's schema."""

    def refused_record(self, key: str) -> Json | None:  # noqa: ARG002
        """Return a record of this key that the server refuses, and it alone; None when it refuses none."""
        return None

    # -- where it writes ----------------------------------------------------------------------------------

    @abstractmethod
    def upstream(self) -> AbstractContextManager[str]:
        """Serve, and give the server's URL."""

    @abstractmethod
    def reset(self) -> None:
        """Empty the server."""

    @abstractmethod
    def writes(self, request: Request) -> list[Pair] | None:
        """Return the rows that a request writes, or None when it is no write."""

    def applied(self, request: Request, response: Response) -> list[Pair]:
        """Return the rows that the server applied; by default all of them when it answered with success."""
        return (self.writes(request) or []) if 200 <= response.status < 300 else []

    @abstractmethod
    def stored(self) -> list[Pair]:
        """Return key and value of every object in the server's store: two of one key are a duplicate."""

    def rejects(self, folder: Path) -> set[str]:  # noqa: ARG002
        """Return the keys of the rows that the target keeps, durably and with a reason, as refused."""
        return set()

    # -- what the server says -----------------------------------------------------------------------------

    def says(self, what: Says) -> Response:
        """Return the server's own words for a refusal; by default a bare status with an empty JSON object."""
        return Response(STATUSES[what], b"{}")

    def without_a_result(self, body: bytes) -> bytes | None:  # noqa: ARG002
        """Return an answer to a write that leaves out one row, or None when answers have no results by row."""
        return None
