"""Order and batches: who may travel now, and with whom.

Lanes keep the order. A row has several identities: its key, its match value, the match value it had before. It queues
under each of them and is ready when it heads every queue it stands in, so two versions of one key are never under way
at once and a row that takes over another's match value waits for it. Batches fill with ready rows; since two rows that
share an identity are never ready together, a batch holds each key and each match value once.
"""

from __future__ import annotations

from urllib.parse import quote

from penstock.modes import Action, Sync
from penstock.records import Batch, Limits, Row, RowKey
from penstock.relations import OF_LINKS, WRITING

ID_BYTES = 100
"""bytes that one end of a link takes in a request, about"""


def key_identity(stream: str, key: RowKey) -> str:
    """Name the lane of a row key."""
    return f"k\0{stream}\0{key}"


def match_identity(sync: Sync, match: str) -> str:
    """Name the lane of a match value, shared by all syncs of the object."""
    return f"m\0{sync.object}\0{match}"


class Lanes:
    """The queues of all rows that are not settled yet, by identity."""

    def __init__(self) -> None:
        self._queues: dict[str, list[Row]] = {}
        """lists, because nearly all of them hold one row for all their life"""
        self.rows = 0
        self.bytes = 0

    def tail(self, identity: str) -> Row | None:
        """Return the youngest row under an identity."""
        queue = self._queues.get(identity)
        return queue[-1] if queue else None

    def enter(self, row: Row, identities: tuple[str, ...]) -> bool:
        """Queue a row under its identities, each once; tell whether it is ready at once."""
        row.identities = identities
        ready = True
        for identity in identities:
            queue = self._queues.get(identity)
            if queue is None:
                self._queues[identity] = [row]
            else:
                queue.append(row)
                ready = False
        self.rows += 1
        self.bytes += row.weight
        return ready

    def leave(self, row: Row) -> list[Row]:
        """Take a settled row out; return the rows that became ready by it, oldest first."""
        self.rows -= 1
        self.bytes -= row.weight
        heads: list[Row] = []
        for identity in row.identities:
            queue = self._queues[identity]
            if queue[0] is not row:
                raise AssertionError("a row left its lane before the rows ahead of it")
            if len(queue) == 1:
                del self._queues[identity]
                continue
            del queue[0]
            if queue[0] not in heads:
                heads.append(queue[0])
        return heads and [head for head in heads if all(self._queues[i][0] is head for i in head.identities)]


Where = tuple[str, Action, bool, int, str, int, int, int]
"""stream, action, whether the rows are addressed by their ids, the place of the link where it is about one, the other
object where a request names it alone, `apart`, how much smaller than others the batch is, and its lane"""
_OTHER = 4
"""where the other object is in that"""
LANES = 4
"""lanes of batches that rows with a group are spread over"""
SMALLER = (1, 4, 20)
"""parts of a full batch that rows travel in which came back for want of room: the first time, and from then on"""
ALONE = -1
"""the lane of those that came back more than once"""
LOOKING = frozenset({Action.FIND, Action.RESOLVE})


def _asked(row: Row) -> int:
    """Return the bytes that what is looked for takes in a URL."""
    values = (row.other,) if row.action is Action.RESOLVE else row.look_for
    return sum(len(quote(value, safe="", errors="replace")) + len("%27%27%2C") for value in values)


def _size(row: Row) -> int:
    return 2 * ID_BYTES if row.action in OF_LINKS else len(row.body)


class Batcher:
    """Collects ready rows into batches, one open batch per sync, action and way of addressing."""

    def __init__(self, limits: Limits, max_age: float) -> None:
        self._limits = limits
        self._max_age = max_age
        self._open: dict[Where, Batch] = {}

    def _where(self, row: Row) -> Where:
        link = row.link if row.action in OF_LINKS else -1
        other = row.other if self._shared(row) else ""
        crowd = min(row.crowd, len(SMALLER) - 1)
        lane = ALONE if crowd > 1 else 1 + row.group % LANES if row.group and row.action in WRITING else 0
        return (row.sync.stream, row.action, row.destination_id is not None, link, other, row.apart, crowd, lane)

    def _shared(self, row: Row) -> int:
        """Return how many rows may share a request that names one other object; 0 where this is no such request."""
        tied = self._limits.one_other and row.action in (Action.LINK, Action.UNLINK)
        return self._limits.one_other.get(row.sync.links[row.link].object, 0) if tied else 0

    def add(self, row: Row, now: float) -> list[Batch]:
        """Put a row into the open batch of its sync and action; return the batches that are full by it."""
        full: list[Batch] = []
        where = self._where(row)
        batch = self._open.get(where)
        asked = self._limits.asked_bytes if row.action in LOOKING else None
        size = _size(row) if asked is None else _asked(row)
        if batch and batch.size + size > (asked or self._limits.body_bytes):
            full.append(self._seal(where))
            batch = None
        if batch is None:
            most = self._shared(row) or max(1, self._limits.most(row.sync.stream, row.action) // SMALLER[where[-2]])
            batch = self._open[where] = Batch(row.sync, row.action, [], opened_at=now, lane=where[-1], most=most)
        batch.rows.append(row)
        batch.size += size
        if len(batch.rows) >= batch.most:
            full.append(self._seal(where))
        return full

    def fits(self, row: Row, more: int) -> bool:
        """Tell whether an unsealed row may grow by so many bytes where it is."""
        batch = self._open.get(self._where(row))
        if batch is None or row.action in OF_LINKS or not any(r is row for r in batch.rows):
            return True
        if batch.size + more > self._limits.body_bytes:
            return False
        batch.size += more
        return True

    def due(self, now: float, *, everything: bool = False, alone: bool = True) -> list[Batch]:
        """Seal the batches that are old enough, or all of them.

        Unless they are `alone`, those that share another object wait for the rows under way, which may join them: at
        the end of the input each row's answer comes by itself, and each would make a request of its own.
        """
        ripe = [
            where
            for where, batch in self._open.items()
            if (everything and (alone or not where[_OTHER])) or now - batch.opened_at >= self._max_age
        ]
        return [self._seal(where) for where in ripe]

    def next_due(self) -> float | None:
        """Return when the oldest open batch will be old enough."""
        return min((b.opened_at + self._max_age for b in self._open.values()), default=None)

    def _seal(self, where: Where) -> Batch:
        batch = self._open.pop(where)
        for row in batch.rows:
            row.sealed = True
        return batch


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """Split a batch that was refused whole, to find the row that spoils it."""
    middle = len(batch.rows) // 2
    first, second = batch.rows[:middle], batch.rows[middle:]
    return (
        Batch(batch.sync, batch.action, first, sum(map(_size, first)), lane=batch.lane),
        Batch(batch.sync, batch.action, second, sum(map(_size, second)), lane=batch.lane),
    )
