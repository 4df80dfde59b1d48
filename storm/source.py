"""A table that changes while it is being synced, and the ways in which a tap reads it.

The table's past is a list of events; a bookmark is a place in that list. A tap reads the `log` (every event after its
bookmark), the `latest` version of each row that changed since, or the table in `full`, closed by ACTIVATE_VERSION. So
a row can go from A to B and back to A with B never read, or read and never acknowledged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

REMOVED = "_sdc_deleted_at"
SCHEMA = {
    "properties": {
        "id": {"type": "integer"},
        "email": {"type": ["string", "null"]},
        "name": {"type": ["string", "null"]},
        REMOVED: {"type": ["string", "null"]},
    }
}
Key = tuple[str, int]
"""stream and row key"""


@dataclass(frozen=True)
class Version:
    """What a row was from some time on. `name` is None once it has left. No other row ever has its addresses."""

    stream: str
    key: int
    alias: int
    name: str | None

    @property
    def email(self) -> str:
        """Return the address, in upper case at first: addresses are compared without case."""
        return f"P{self.key}-{self.alias}@example.com"

    @property
    def refused(self) -> bool:
        """Tell whether the destination refuses it."""
        return self.name is not None and self.name.startswith(("bad", "poison"))

    def line(self, version: int | None = None) -> bytes:
        """Write it as a Singer message."""
        record: dict[str, object] = {"id": self.key, "email": self.email, "name": self.name}
        if self.name is None:
            record[REMOVED] = "2026-01-01T00:00:00Z"
        message: dict[str, object] = {"type": "RECORD", "stream": self.stream, "record": record}
        if version is not None:
            message["version"] = version
        return json.dumps(message).encode()


@dataclass
class Reading:
    """What a tap wrote in one run: the lines, and the version that each RECORD line holds."""

    lines: list[bytes] = field(default_factory=list)
    versions: dict[int, Version] = field(default_factory=dict)
    """by the line's number"""

    def record(self, version: Version, number: int | None = None) -> None:
        """Add a RECORD."""
        self.versions[len(self.lines)] = version
        self.lines.append(version.line(number))

    def state(self, position: int) -> None:
        """Add a STATE, which no other of this reading equals."""
        self.lines.append(
            json.dumps({"type": "STATE", "value": {"position": position, "line": len(self.lines)}}).encode()
        )

    def schema(self, stream: str) -> None:
        """Add a SCHEMA."""
        message = {"type": "SCHEMA", "stream": stream, "schema": SCHEMA, "key_properties": ["id"]}
        self.lines.append(json.dumps(message).encode())

    def before(self, line: int) -> dict[Key, Version]:
        """Return the last version of each row that was read before a line."""
        return {(v.stream, v.key): v for n, v in self.versions.items() if n < line}

    def after(self, line: int) -> dict[Key, set[Version]]:
        """Return the versions of each row that come after a line."""
        found: dict[Key, set[Version]] = {}
        for n, version in self.versions.items():
            if n >= line:
                found.setdefault((version.stream, version.key), set()).add(version)
        return found


class Source:
    """The table, or several that feed one object: row n of each is about the same object."""

    def __init__(self, streams: Sequence[str], keys: int, names: Sequence[str], aliases: int) -> None:
        self.events: list[Version] = []
        self._streams = streams
        self._keys = keys
        self._names = names
        self._aliases = aliases
        self._reads = 0
        self._past: dict[Key, list[Version]] = {}

    def now(self) -> dict[Key, Version]:
        """Return every row's newest version, of those that have left, too."""
        return {key: past[-1] for key, past in self._past.items()}

    def change(self, chance: Random, count: int, removals: float = 0.0) -> None:
        """Let rows change: to something new, back to what they were before, or not at all."""
        for _ in range(count):
            stream, key = chance.choice(self._streams), chance.randint(1, self._keys)
            past = self._past.setdefault((stream, key), [])
            if past and past[-1].name is not None and chance.random() < removals:
                version = Version(stream, key, past[-1].alias, None)
            elif past and chance.random() < 0.3:
                version = chance.choice(past[-3:])
            else:
                alias = chance.randrange(self._aliases) if chance.random() < 0.3 or not past else past[-1].alias
                version = Version(stream, key, alias, chance.choice(self._names))
            past.append(version)
            self.events.append(version)

    def read(self, chance: Random, position: int, how: str) -> Reading:
        """Read the table as a tap does from a bookmark on. `how` is log, latest or full."""
        reading = Reading()
        for stream in self._streams:
            reading.schema(stream)
        if how == "full":
            self._full(reading, chance, position)
            return reading
        numbered = list(enumerate(self.events[position:], position + 1))
        if how == "latest":
            numbered = sorted({(v.stream, v.key): (n, v) for n, v in numbered}.values(), key=lambda each: each[0])
        for number, version in numbered:
            reading.record(version)
            if chance.random() < 0.05:
                reading.record(version)
            if chance.random() < 0.1:
                reading.schema(version.stream)
            if chance.random() < 0.3:
                reading.state(number)
        reading.state(len(self.events))
        return reading

    def _full(self, reading: Reading, chance: Random, position: int) -> None:
        self._reads += 1
        for stream in self._streams:
            rows = [v for v in self.now().values() if v.stream == stream and v.name is not None]
            chance.shuffle(rows)
            for version in rows:
                reading.record(version, self._reads)
                if chance.random() < 0.2:
                    reading.state(position)
            reading.lines.append(
                json.dumps({"type": "ACTIVATE_VERSION", "stream": stream, "version": self._reads}).encode()
            )
        reading.state(len(self.events))


def position_of(states: Iterable[Mapping[str, int]], position: int) -> int:
    """Return the bookmark of the last STATE printed, or the one that the run began with."""
    for state in states:
        position = state["position"]
    return position
