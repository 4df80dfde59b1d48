"""What is remembered of snapshots: in the STATE (`Mark`) and in the registry of the state schema (`Entry`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Mark:
    """The STATE's word on a stream."""

    id: str
    snapshot: str
    base: str | None
    done: int
    complete: bool

    @classmethod
    def of(cls, bookmark: object) -> Mark | None:
        """Read a bookmark; None where it is of another kind or was changed by hand."""
        given = bookmark.get("snapshot") if isinstance(bookmark, Mapping) else None
        if not isinstance(given, Mapping):
            return None
        identity, snapshot, base = given.get("id"), given.get("snapshot"), given.get("base")
        done, complete = given.get("done"), given.get("complete")
        if (
            isinstance(identity, str)
            and isinstance(snapshot, str)
            and (base is None or isinstance(base, str))
            and isinstance(done, int)
            and isinstance(complete, bool)
            and identity.isalnum()
            and snapshot.replace(".", "").isalnum()
        ):
            return cls(identity, snapshot, base, done, complete)
        return None

    @property
    def version(self) -> str | None:
        """Name the version of the base that this mark acknowledges; None: nothing yet, there was no base."""
        if self.complete:
            return self.snapshot
        return f"{self.snapshot}.{self.done}" if self.base is not None and self.done else self.base

    def bookmark(self) -> dict[str, object]:
        """Write it for a STATE."""
        return {
            "snapshot": {
                "id": self.id,
                "snapshot": self.snapshot,
                "base": self.base,
                "done": self.done,
                "complete": self.complete,
            }
        }


@dataclass(frozen=True)
class Entry:
    """A row of the registry: a base, or a run's tables.

    `kind` is base, making (a run that is finding its delta), delta, or spent (a delta that has been acknowledged).
    `snapshot` is a base's version or a run's name; `parent` the version that the run compared with.
    """

    kind: str
    id: str
    snapshot: str
    parent: str | None
    stream: str
    key_shape: str
    recipe: str
    gate: str | None
    rows: int
    created_at: str
    named_at: str

    @classmethod
    def of(cls, row: Sequence[object]) -> Entry:
        """Read a row of the registry, its columns in the order of REGISTRY."""
        kind, identity, snapshot, parent, stream, key_shape, recipe, gate, rows, created, named = row
        return cls(
            str(kind),
            str(identity),
            str(snapshot),
            None if parent is None else str(parent),
            str(stream),
            str(key_shape),
            str(recipe),
            None if gate is None else str(gate),
            int(str(rows or 0)),
            str(created),
            str(named),
        )

    @property
    def values(self) -> tuple[str | int | None, ...]:
        """Write a row of the registry."""
        return (
            self.kind,
            self.id,
            self.snapshot,
            self.parent,
            self.stream,
            self.key_shape,
            self.recipe,
            self.gate,
            self.rows,
            self.created_at,
            self.named_at,
        )
