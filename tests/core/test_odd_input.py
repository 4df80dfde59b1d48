"""Input that is odd or no input at all: what is accepted, what is a reject with its field, what ends the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from penstock.errors import InvalidRecord, MalformedInput
from penstock.lenient import OddRecord, Unreadable, members, read_odd
from penstock.mapping import RecordMapper, decode_record, kept
from penstock.modes import MODES, Action, Json
from tests.core import places
from tests.core.parts import no_ask, parts
from tests.core.sim import LIMITS, SYNC, Memory, World, record_line, run, schema_line, state_line

CANARY = "zanzibar"
COLUMNS: Mapping[str, Json] = {"id": {"type": "integer"}, "email": {}, "name": {}}
BEFORE = [schema_line(), record_line(1, "a@x.com", "a"), state_line(1)]
AFTER = [record_line(2, "b@x.com", "b"), state_line(2)]


def rejects(path: Path) -> dict[str, tuple[str, str | None, str, str]]:
    found = places.query(path, "select row_key, code, field, message, record from rejects")
    return {key: (code, field, message, record) for key, code, field, message, record in found}


def line_of(record: bytes) -> bytes:
    return (
        b'{"type": "RECORD", "stream": "people", "record": ' + record + b', "time_extracted": "2026-10-17T00:00:00Z"}'
    )


def of(name: bytes, more: bytes = b"") -> bytes:
    """A record line whose name is this JSON text."""
    return line_of(b'{"id": 9, "email": "z@x.com", "name": ' + name + more + b"}")


DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000

ODD = [
    (of(b'"zanzibar \\ud800"'), "is or holds text that is no Unicode"),
    (of(b'"\\udc00 zanzibar"'), "is or holds text that is no Unicode"),
    (of(b'"zanzibar \xe9"'), "is or holds text that is no Unicode"),
    (of(b'"\xed\xa0\x80"'), "is or holds text that is no Unicode"),
    (of(b'{"a": ["\\ud800"]}'), "is or holds text that is no Unicode"),
    (of(b'{"\\ud800": 1}'), "is or holds text that is no Unicode"),
    (of(b"NaN"), "is or holds a number that cannot be written"),
    (of(b"Infinity"), "is or holds a number that cannot be written"),
    (of(b"-Infinity"), "is or holds a number that cannot be written"),
    (of(b"[1, {}, NaN]"), "is or holds a number that cannot be written"),
    (of(b"1e99999999999999999999"), "is or holds a number that cannot be written"),
    (of(b"9" * 5_000), "is or holds a number that cannot be written"),
    (of(DEEP), "is nested too deeply"),
    (of(b"[" * 3_000 + b"]" * 3_000), "is nested too deeply"),
]


@pytest.mark.parametrize(("line", "why"), ODD)
def test_a_value_that_cannot_be_represented_is_a_reject_that_names_its_field(
    tmp_path: Path, line: bytes, why: str
) -> None:
    world = World()
    ending = run([*BEFORE, line, *AFTER], world, tmp_path / "ledger.db", chunk=1 << 16)
    assert ending.stop is None
    assert ending.states[-1] == b'{"position": 2}'
    assert {o["email"] for o in world.objects.values()} == {"a@x.com", "b@x.com"}
    kept = rejects(tmp_path / "ledger.db")
    assert list(kept) == ["[9]"]
    code, field, message, record = kept["[9]"]
    assert (code, field) == ("unreadable", "name")
    assert message.startswith(f"column name {why}")
    assert CANARY not in message
    assert json.loads(record)["unreadable"].startswith('{"id": 9, "email": "z@x.com"')


@pytest.mark.parametrize(
    "value", [b'"\\ud800"', b"NaN", b"-Infinity", b'"\xff"', b"1e99999999999999999999", b"[" * 3_000 + b"]" * 3_000]
)
def test_what_is_not_mapped_may_be_odd(tmp_path: Path, value: bytes) -> None:
    world, path = World(), tmp_path / "ledger.db"
    line = of(b'"c"', b', "unmapped": ' + value)
    ending = run([*BEFORE, line, *AFTER], world, path, chunk=1 << 16)
    assert ending.stop is None
    assert rejects(path) == {}
    assert {"email": "z@x.com", "name": "c"} in world.objects.values()
    again = run([*BEFORE, line, *AFTER], world, path, chunk=1 << 16)
    assert again.counts["unchanged"] == 3
    assert again.requests == []


@pytest.mark.parametrize("key", [b"NaN", b'"\\ud800"', b'"\xe9"', b"1e99999999999999999999", b"9" * 5_000])
def test_a_key_that_cannot_be_represented_is_a_reject_of_its_own(tmp_path: Path, key: bytes) -> None:
    path = tmp_path / "ledger.db"
    line = line_of(b'{"id": ' + key + b', "email": "z@x.com", "name": "c"}')
    assert run([*BEFORE, line, *AFTER], World(), path).stop is None
    ((row_key, (code, field, _, _)),) = rejects(path).items()
    assert row_key.startswith("no-key:")
    assert (code, field) == ("unreadable", "id")


def test_an_older_version_does_not_outlive_an_odd_one(tmp_path: Path) -> None:
    """The odd version is the newest: it is the reject, and a good one after it takes its place."""
    path, world = tmp_path / "ledger.db", World()
    old, new = record_line(9, "z@x.com", "old"), record_line(9, "z@x.com", "new")
    run([schema_line(), old, of(b"NaN"), state_line(1)], world, path)
    assert list(rejects(path)) == ["[9]"]
    run([schema_line(), old, of(b"NaN"), new, state_line(2)], world, path)
    assert rejects(path) == {}
    assert [o["name"] for o in world.objects.values()] == ["new"]


def test_the_last_of_two_members_with_one_name_counts_in_key_and_values_alike(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "ledger.db"
    twice = b'{"id": 7, "id": 8, "email": "y@x.com", "email": "z@x.com", "name": "a", "name": %b}'
    assert run([schema_line(), line_of(twice % b'"b"'), line_of(twice % b"NaN")], world, path).stop is None
    assert list(world.objects.values()) == [{"email": "z@x.com", "name": "b"}]
    assert list(rejects(path)) == ["[8]"]


@pytest.mark.parametrize("end", [b"", b"\r", b" \t\r"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b"\r\n\n \n"])
def test_a_mark_of_the_byte_order_crlf_and_empty_lines_are_fine(tmp_path: Path, start: bytes, end: bytes) -> None:
    world = World()
    first, *rest = (line + end for line in [*BEFORE, *AFTER])
    ending = run([start + first, *rest], world, tmp_path / "ledger.db")
    assert ending.stop is None
    assert ending.states[-1] == b'{"position": 2}'
    assert len(world.objects) == 2


@pytest.mark.parametrize(
    "line",
    [
        b"\xef\xbb\xbf" + record_line(9, CANARY, CANARY),
        line_of(b'{"id": 9, "name": zanzibar}'),
        line_of(b'{"id": 9, "name": "zanzibar\t"}'),
        line_of(b'{"id": 9, "name": "\\q zanzibar"}'),
        line_of(b'{"id": 9, "name": NaN,}'),
        line_of(b'{"id": 9, "name": NaN}}'),
        line_of(b'{"id": NaN, "name": "zanzibar"'),
        line_of(b'{"id": NaN "name": "zanzibar"}'),
        line_of(b'{"id": 9, "name": NaN, zanzibar: 1}'),
        line_of(b'{"id": 9, "name": NaN, [1]: "zanzibar"}'),
        line_of(b'["zanzibar", NaN]'),
        b'{"type": "RECORD", "stream": "people", "zanzibar": NaN}',
        b'{"type": "RECORD", "stream": NaN, "record": {"zanzibar": NaN}}',
        b'{"type": "STATE", "value": {"zanzibar": NaN}}',
        b'{"zanzibar": ' + DEEP + b"}",
        b"[" * 100_000,
        b'{"a' * 100_000,
        b"\x00",
        b"NaN",
    ],
)
def test_a_line_that_is_no_message_is_named_by_its_number_alone(tmp_path: Path, line: bytes) -> None:
    world = World()
    ending = run([*BEFORE, line, *AFTER], world, tmp_path / "ledger.db", chunk=1 << 16)
    assert isinstance(ending.stop, MalformedInput)
    assert ending.stop.message.startswith("input line 4: ")
    assert CANARY not in f"{ending.stop} {ending.stop.__cause__}"
    assert ending.states == [b'{"position": 1}']
    assert [o["email"] for o in world.objects.values()] == ["a@x.com"]


WORDS = rb"""{"type" : "RECORD" "stream" "people" "record" { } [ ] , NaN "id" 1 1e999 "\ud800" "zanzibar" \ " true"""
PIECES = st.sampled_from([*WORDS.split(), b"\xe9", b"\xef\xbb\xbf", b"\r", b"\x00", b" "])
NOISE = st.binary(max_size=40) | st.lists(PIECES, max_size=20).map(b"".join)
RECORDS = st.builds(lambda a, b: line_of(b'{"id": 9, "email": %b, "name": %b}' % (a, b)), NOISE, NOISE)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given((NOISE | RECORDS).map(lambda line: line.replace(b"\n", b"")))
@example(b'{"type": "RECORD", "stream": "zanzibar", "record": {}}')
def test_any_line_is_taken_or_refused_by_its_number(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "ledger.db"
    path.unlink(missing_ok=True)
    world = World()
    ending = run([*BEFORE, line, *AFTER], world, path, chunk=1 << 16)
    position = b'{"position": 2}'
    if ending.stop is not None:
        assert isinstance(ending.stop, MalformedInput)
        assert ending.stop.message.startswith("input line 4: ")
        # The name of a stream is configuration; nothing else of a line may be told.
        assert CANARY not in ending.stop.message or b'"stream": "zanzibar"' in line
        position = b'{"position": 1}'
    assert ending.states[-1] == position
    assert all(CANARY not in message for _, _, message, _ in rejects(path).values())
    assert "a@x.com" in {o["email"] for o in world.objects.values()}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def written(value: object) -> str:
    """Write JSON as Python's taps do, Decimals with all their digits."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list):
        return f"[{' , '.join(map(written, value))}]"
    if isinstance(value, dict):
        return "{" + ",\t".join(f"{json.dumps(name)} : {written(part)}" for name, part in value.items()) + "}"
    return json.dumps(value)


@given(st.dictionaries(st.text(), JSON, max_size=5), st.booleans())
def test_the_second_reading_agrees_with_the_first(record: dict[str, object], raw: bool) -> None:
    """Plain JSON read by the way for odd lines gives what the fast parser gives, to the digit."""
    text = written(record).encode()
    odd = read_odd(text)
    plain = decode_record(text)
    assert type(plain) is dict
    assert dict(odd) == plain
    assert repr(dict(odd)) == repr(plain)
    assert set(members(text)) == set(record)


@pytest.mark.parametrize("depth", [100, 400, 900, 990, 1_000, 1_010, 1_100, 5_000])
def test_no_depth_of_nesting_is_a_defect(tmp_path: Path, depth: int) -> None:
    """A list has no place in a text column, so the row is a reject, kept as it was read."""
    path = tmp_path / "ledger.db"
    line = of(b'"a"', b', "unmapped": ' + b"[" * depth + b"]" * depth)
    bad = line_of(b'{"id": 8, "email": null, "name": "a", "u": ' + b'{"k":' * depth + b"1" + b"}" * depth + b"}")
    assert run([*BEFORE, line, bad, *AFTER], World(), path, chunk=1 << 16).stop is None
    assert list(rejects(path)) == ["[8]"]


def test_what_an_odd_record_keeps() -> None:
    text = b'{"a": NaN, "b": 1.10, "c": "\xe9"}'
    record = decode_record(text)
    assert isinstance(record, OddRecord)
    assert record.text == text
    assert record["b"] == Decimal("1.10")
    assert isinstance(record["a"], Unreadable)
    assert isinstance(record["c"], Unreadable)


def test_a_mark_of_removal_that_is_no_value_removes_nothing(tmp_path: Path) -> None:
    """Data frames write NaN where there is nothing: an object must not go for it."""
    path, world = tmp_path / "ledger.db", World()
    removal = line_of(b'{"id": 1, "email": "a@x.com", "name": "a", "_sdc_deleted_at": NaN}')
    mirror = replace(SYNC, strategy=replace(MODES["mirror"], removed=Action.DELETE))
    assert run([*BEFORE, removal, *AFTER], world, path, sync_for=lambda _: mirror).stop is None
    assert {key: why[:2] for key, why in rejects(path).items()} == {"[1]": ("unreadable", "_sdc_deleted_at")}
    assert len(world.objects) == 2


def test_what_a_stream_map_makes_is_looked_at_too() -> None:
    mapper = RecordMapper(SYNC, Memory(LIMITS).form(SYNC, None, (), no_ask), COLUMNS, ["id"])
    for odd in (float("nan"), float("inf"), "\ud800", Decimal("NaN"), {"a": [float("nan")]}):
        source = mapper.peek_record({"id": 1, "email": "a@x.com", "name": odd})
        assert source.key == "[1]"
        assert isinstance(source.record, OddRecord)
        with pytest.raises(InvalidRecord) as caught:
            mapper.map(source.record)
        assert (caught.value.code, caught.value.field, caught.value.row_key) == ("unreadable", "name", "[1]")
        assert isinstance(kept(source.record), bytes)
    assert mapper.peek_record({"id": float("nan")}).key is None
    plain = {"id": 1, "email": "a@x.com", "name": 1.5}
    assert mapper.peek_record(plain).record is plain


def test_an_odd_row_that_waits_is_not_merged_with_a_newer_one(tmp_path: Path) -> None:
    """Its text is what is kept of it, and a text cannot take over another's values."""
    with parts(tmp_path / "ledger.db") as core:
        odd, new = of(b'"old"', b', "more": NaN'), record_line(9, "z@x.com", "new")
        core.reader.feed(b"\n".join([schema_line(), odd, new, state_line(1), b""]))
        assert core.turns(5.0) == [b'{"position": 1}']
        assert [fields["name"] for _, fields in core.world.history] == ["old", "new"]
        assert core.counts.get("coalesced", 0) == 0
