"""Order and merging where rows meet: streams that feed one object, SCHEMA changes, a tap that falls silent."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.modes import FieldRule, Sync
from penstock.policy import Policy
from tests.core.parts import parts
from tests.core.sim import World, record_line, run, schema_line, state_line

COLUMNS: dict[str, list[str]] = {"people": ["name", "plan"], "guests": ["phone", "city"]}
"""two streams feed contacts; each has fields of its own, as no two syncs may map one field"""
SYNCS = {
    stream: Sync(
        stream,
        "contacts",
        "email",
        fields={"email": FieldRule("email"), **{column: FieldRule(column) for column in columns}},
    )
    for stream, columns in COLUMNS.items()
}


def schema(stream: str, **more: object) -> bytes:
    columns: dict[str, object] = {column: {"type": ["string", "null"]} for column in COLUMNS[stream]}
    properties = {"id": {"type": "integer"}, "email": {"type": "string"}, **columns, **more}
    message = {"type": "SCHEMA", "stream": stream, "schema": {"properties": properties}, "key_properties": ["id"]}
    return json.dumps(message).encode()


def line(stream: str, key: int, values: Mapping[str, object], **more: object) -> bytes:
    record = {"id": key, "email": f"p{key}@x.com", **values, **more}
    return json.dumps({"type": "RECORD", "stream": stream, "record": record}).encode()


VALUES = st.sampled_from(["a", "b", "c", None])
VERSIONS = st.sampled_from(list(COLUMNS)).flatmap(
    lambda stream: st.tuples(
        st.just(stream),
        st.integers(1, 3),
        st.fixed_dictionaries({}, optional=dict.fromkeys(COLUMNS[stream], VALUES)),
    )
)


@settings(max_examples=150, deadline=None)
@given(st.lists(VERSIONS, min_size=1, max_size=20), st.integers(0, 2**32), st.floats(0, 0.3), st.integers(0, 80))
def test_what_stands_at_the_end_is_every_version_applied_in_order_field_by_field(
    history: list[tuple[str, int, dict[str, object]]], seed: int, faults: float, crash_at: int
) -> None:
    """Sparse rows merge with what they meet; a null clears; two streams keep out of each other's fields."""
    expected: dict[str, dict[str, object]] = {}
    lines = [schema(stream) for stream in COLUMNS]
    for n, (stream, key, values) in enumerate(history):
        fields = {name: "" if value is None else value for name, value in values.items()}
        expected.setdefault(f"p{key}@x.com", {"email": f"p{key}@x.com"}).update(fields)
        lines += [line(stream, key, values), state_line(n + 1)]
    with tempfile.TemporaryDirectory() as folder:
        world, path = World(), Path(folder) / "ledger.db"
        if crash_at:
            run(lines, world, path, seed, faults=faults, crash_at=crash_at, sync_for=SYNCS.__getitem__)
        ending = run(lines, world, path, seed + 1, faults=faults, sync_for=SYNCS.__getitem__)
        assert ending.stop is None
        assert ending.states[-1] == json.dumps({"position": len(history)}).encode()
        assert {str(o["email"]): o for o in world.objects.values()} == expected


SCHEMAS = [schema("people"), schema("people", more={"type": "string"}), schema("people", name={"type": "string"})]
STEPS = st.tuples(st.integers(1, 3), st.sampled_from("abc")) | st.sampled_from(SCHEMAS)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=25), st.integers(0, 2**32), st.floats(0, 0.4), st.integers(0, 80))
def test_a_schema_that_changes_lets_no_row_overtake_another(
    steps: list[tuple[int, str] | bytes], seed: int, faults: float, crash_at: int
) -> None:
    lines, last = [schema("people")], {}
    for step in steps:
        if isinstance(step, bytes):
            lines.append(step)
        else:
            last[f"p{step[0]}@x.com"] = step[1]
            lines.append(line("people", step[0], {"name": step[1]}, more="x"))
    with tempfile.TemporaryDirectory() as folder:
        world, path = World(), Path(folder) / "ledger.db"
        if crash_at:
            run(
                [*lines, state_line(1)], world, path, seed, faults=faults, crash_at=crash_at, sync_for=SYNCS.__getitem__
            )
        ending = run([*lines, state_line(1)], world, path, seed + 1, faults=faults, sync_for=SYNCS.__getitem__)
        assert ending.stop is None
        assert {o["email"]: o["name"] for o in world.objects.values()} == last
        for mail, name in last.items():
            written = [fields["name"] for email, fields in world.history if email == mail]
            assert written[-1] == name, "stale: an older version was written last"


@pytest.mark.parametrize("rows", [1, 4])
def test_a_silent_tap_gets_its_rows_delivered_and_its_state_printed(tmp_path: Path, rows: int) -> None:
    """Rows that fill no batch wait a second at most, then they go; an hour of silence changes nothing more."""
    with parts(tmp_path / "ledger.db", Policy()) as core:
        core.reader.feed(b"\n".join([schema_line(), *(record_line(n, f"p{n}@x.com", "a") for n in range(rows)), b""]))
        core.reader.feed(state_line(1) + b"\n")
        assert core.turns(0.5) == []
        assert core.turns(1.5) == [b'{"position": 1}']
        assert core.counts["created"] == rows
        assert core.delivery.idle
        assert core.turns(3_600.0) == []
        core.reader.feed(record_line(0, "p0@x.com", "b") + b"\n" + state_line(2) + b"\n")
        assert core.turns(2.0) == [b'{"position": 2}']


def test_a_line_that_has_not_ended_holds_nothing_back(tmp_path: Path) -> None:
    with parts(tmp_path / "ledger.db", Policy()) as core:
        core.reader.feed(b"\n".join([schema_line(), record_line(1, "a@x.com", "a"), state_line(1), b'{"type": "REC']))
        assert core.turns(2.0) == [b'{"position": 1}']
