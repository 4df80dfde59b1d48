"""Checkpoint, lanes and ledger against models of a few lines, step by step in any order."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from penstock.batching import Lanes
from penstock.checkpoint import Checkpoint, Epoch
from penstock.ledger import Ledger
from penstock.modes import Action
from penstock.records import Row, RowKey
from tests.core.sim import SYNC
from tests.effort import examples

STEPS = settings(max_examples=examples(60), stateful_step_count=40, deadline=None)


class CheckpointMachine(RuleBasedStateMachine):
    """The model: the order of reading as a list, in which None is a record that is not settled yet."""

    def __init__(self) -> None:
        super().__init__()
        self.checkpoint = Checkpoint()
        self.order: list[int | None] = []
        self.unsettled: list[tuple[int, Epoch]] = []
        self.states = 0
        self.printed = 0

    @rule(records=st.integers(1, 3))
    def read(self, records: int) -> None:
        epoch = self.checkpoint.read(records)
        for _ in range(records):
            self.unsettled.append((len(self.order), epoch))
            self.order.append(None)

    @rule()
    def close(self) -> None:
        self.states += 1
        self.checkpoint.close(str(self.states).encode())
        self.order.append(self.states)

    @precondition(lambda self: self.unsettled)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        place, epoch = self.unsettled.pop(data.draw(st.integers(0, len(self.unsettled) - 1)))
        self.order[place] = 0
        self.checkpoint.settle(epoch)

    @rule()
    def release(self) -> None:
        until = self.order.index(None) if None in self.order else len(self.order)
        earned = max([state for state in self.order[:until] if state], default=0)
        expected = str(earned).encode() if earned > self.printed else None
        assert self.checkpoint.release() == expected
        self.printed = max(earned, self.printed)

    @invariant()
    def counts(self) -> None:
        assert self.checkpoint.unsettled == len(self.unsettled)


class LanesMachine(RuleBasedStateMachine):
    """The model: rows in the order of reading. One is ready when no older row that is there shares an identity."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes()
        self.rows: list[Row] = []

    def ready(self) -> list[Row]:
        return [
            row
            for n, row in enumerate(self.rows)
            if not any(set(row.identities) & set(older.identities) for older in self.rows[:n])
        ]

    @rule(names=st.lists(st.sampled_from("abcde"), min_size=1, max_size=3, unique=True), weight=st.integers(0, 9))
    def enter(self, names: list[str], weight: int) -> None:
        row = Row(SYNC, RowKey("[1]"), "", {}, b"", b"", None, {}, [], weight=weight)
        at_once = self.lanes.enter(row, tuple(names))
        self.rows.append(row)
        assert at_once == (row in self.ready())

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        before = self.ready()
        row = before[data.draw(st.integers(0, len(before) - 1))]
        freed = self.lanes.leave(row)
        self.rows.remove(row)
        assert set(map(id, freed)) == {id(r) for r in self.ready()} - {id(r) for r in before}

    @invariant()
    def holds(self) -> None:
        assert (self.lanes.rows, self.lanes.bytes) == (len(self.rows), sum(r.weight for r in self.rows))
        for name in "abcde":
            there = [row for row in self.rows if name in row.identities]
            assert self.lanes.tail(name) is (there[-1] if there else None)


KEYS = st.sampled_from([RowKey("[1]"), RowKey("[2]"), RowKey("[3]")])
MATCHES = st.sampled_from(["a", "b"])
MARKS = st.sampled_from([b"x" * 16, b"y" * 16])
Known = tuple[str | None, bytes | None, bool]
"""match value, fingerprint, in doubt"""


class LedgerMachine(RuleBasedStateMachine):
    """The model: two dictionaries, and copies of them from the last commit, which is all that a crash leaves."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.known: dict[RowKey, Known] = {}
        self.refused: dict[RowKey, str] = {}
        self.intents: dict[int, list[tuple[RowKey, str]]] = {}
        self.open()
        self.save()

    def open(self) -> None:
        self.ledger = Ledger(Path(self.folder.name) / "l.db", wall=lambda: 0.0)
        self.ledger.begin_run()
        self.sync = self.ledger.open_sync("people", "contacts").number
        self.ledger.register.remember_rules(self.sync, b"")

    def save(self) -> None:
        self.ledger.commit()
        self.saved = (dict(self.known), dict(self.refused), dict(self.intents))

    @rule(key=KEYS, match=MATCHES, mark=MARKS)
    def deliver(self, key: RowKey, match: str, mark: bytes) -> None:
        self.ledger.deliver(self.sync, [(key, match, mark, None, f"id of {key}")])
        self.known[key] = (match, mark, False)
        self.refused.pop(key, None)

    @rule(key=KEYS, code=st.sampled_from(["BAD", "WORSE"]))
    def refuse(self, key: RowKey, code: str) -> None:
        self.ledger.rejects.refuse(self.sync, [(key, "rejected", code, None, "m", {}, b"")], self.ledger.run)
        self.refused[key] = code

    @rule(key=KEYS, match=MATCHES, mark=MARKS)
    def intend(self, key: RowKey, match: str, mark: bytes) -> None:
        intent = self.ledger.intend(self.sync, Action.UPSERT, [(key, match, mark)])
        self.intents[intent] = [(key, match)]

    def doubt(self, rows: list[tuple[RowKey, str]]) -> None:
        for key, match in rows:
            before = self.known.get(key)
            self.known[key] = (before[0] if before else match, None, True)

    @precondition(lambda self: self.intents)
    @rule(doubtful=st.booleans())
    def close_intent(self, doubtful: bool) -> None:
        intent, rows = self.intents.popitem()
        self.ledger.close_intent(self.sync, intent, rows if doubtful else [])
        if doubtful:
            self.doubt(rows)

    @rule(key=KEYS)
    def remove(self, key: RowKey) -> None:
        self.ledger.remove(self.sync, [key])
        if key in self.known:
            self.known[key] = (self.known[key][0], None, False)
        self.refused.pop(key, None)

    @rule()
    def commit(self) -> None:
        self.save()

    @rule()
    def crash(self) -> None:
        self.ledger.close()
        known, refused, intents = self.saved
        self.known, self.refused, self.intents = dict(known), dict(refused), dict(intents)
        self.open()
        for rows in self.intents.values():
            self.doubt(rows)
        self.intents = {}
        self.save()

    @invariant()
    def remembers(self) -> None:
        if not hasattr(self, "ledger"):
            return
        found = self.ledger.known(self.sync, sorted(self.known))
        assert {k: (row.match, row.fingerprint) for k, row in found.items()} == {
            key: (match, mark) for key, (match, mark, _) in self.known.items()
        }
        for key, (_, _, doubtful) in self.known.items():
            assert bool(found[key].doubts) == doubtful
        assert self.ledger.rejects.count(self.sync) == len(self.refused)
        assert all(self.ledger.rejects.put_off(self.sync, key, b"other") is None for key in self.refused)

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
            self.folder.cleanup()


TestCheckpoint = CheckpointMachine.TestCase
TestCheckpoint.settings = STEPS
TestLanes = LanesMachine.TestCase
TestLanes.settings = STEPS
TestLedger = LedgerMachine.TestCase
TestLedger.settings = STEPS
