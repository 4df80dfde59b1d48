"""Many records at once come out as each does by itself, or are left to be looked at by themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from penstock.columns import ColumnMapper, peek_all
from penstock.errors import InvalidRecord, Misconfigured
from penstock.mapping import RecordMapper, decode_record
from penstock.modes import FieldRule, Json, Link, Sync
from penstock.records import Form

COLUMNS: dict[str, Json] = {
    "id": {"type": ["integer", "string", "null"]},
    "mail": {"type": ["null", "string"]},
    "name": {"type": ["string", "null"]},
    "score": {"type": ["number", "null"]},
    "any": {},
}
FIELDS = {
    "email": FieldRule("mail"),
    "a.name": FieldRule("name"),
    "score": FieldRule("score"),
    "skipped": FieldRule("name", nulls="skip"),
    "any": FieldRule("any"),
    "constant": FieldRule(None, constant="x"),
}


def tidy(value: object) -> object:
    if value == "seven":
        raise InvalidRecord("value", "is not welcome here")
    return value.strip() if isinstance(value, str) else value


def is_tidy(values: Sequence[Any], kinds: set[type]) -> bool:
    return kinds == {str} and all(value == value.strip() and value != "seven" for value in values)


def mapper(*, clear: object = None, required: frozenset[str] = frozenset(), **more: Any) -> RecordMapper:
    sync = Sync("people", "contacts", "email", fields=FIELDS, **more)
    passes = dict.fromkeys(("email", "a.name", "skipped"), is_tidy)
    form = Form("email", FIELDS, dict.fromkeys(FIELDS, tidy), str.lower, clear, required=required, passes=passes)
    return RecordMapper(sync, form, COLUMNS, ["id"])


texts = st.one_of(st.none(), st.text(max_size=5), st.sampled_from(["seven", "Ana", " Ana", "a\0b", "x" * 300]))
records = st.fixed_dictionaries(
    {"id": st.one_of(st.none(), st.integers(0, 5), texts), "mail": texts},
    optional={
        "name": texts,
        "score": st.one_of(st.none(), st.integers(), st.sampled_from([1.0, 0.1, "1", True])),
        "any": st.one_of(st.none(), st.lists(st.integers(), max_size=2), texts),
        "_penstock_refused": st.sampled_from([None, "repeated_key"]),
        "_sdc_deleted_at": st.sampled_from([None, "", "2026-01-01"]),
        "other": st.just({"a": [1]}),
    },
)


def written(record: Mapping[str, object]) -> bytes:
    return json.dumps(record).encode()


odd = st.sampled_from(
    [b'{"id":1,"mail":"\\ud800"}', b'{"id":1,"mail":"a","any":NaN}', b'{"id":2,"mail":"\xff"}', b"{}"]
)


@given(
    st.lists(st.one_of(records.map(written), odd), min_size=1, max_size=8),
    st.sampled_from([None, ""]),
    st.sampled_from([frozenset(), frozenset({"a.name"}), frozenset({"lacking"})]),
)
def test_many_come_out_as_one_by_one(lines: list[bytes], clear: object, required: frozenset[str]) -> None:
    one = mapper(clear=clear, required=required)
    sources = peek_all(one, lines)
    assert sources == [one.peek(line) for line in lines]
    plain = [source for source in sources if source.key is not None]
    if not plain:
        return
    rows, left = ColumnMapper(one).map(plain)
    taken = [source for n, source in enumerate(plain) if n not in left]
    assert len(rows) == len(taken)
    for n, source in enumerate(taken):
        assert isinstance(source.record, bytes)
        found = one.map(decode_record(source.record), source.key)
        assert (rows.keys[n], rows.matches[n], rows.bodies[n]) == (found[0], found[1], found[3])
        assert (rows.fingerprints[n], rows.marks[n], rows.texts[n]) == (found[4], source.mark, source.record)
        payload = {name: values[n] for name, values in rows.payload.items() if values[n] is not UNSET}
        assert payload == found[2]


def test_plain_records_are_all_taken() -> None:
    lines = [written({"id": n, "mail": f"Ana{n}@x.com", "name": None, "score": n, "any": "y"}) for n in range(50)]
    rows, left = ColumnMapper(mapper()).map(peek_all(mapper(), lines))
    assert (len(rows), left) == (50, [])
    assert rows.matches[7] == "ana7@x.com"
    assert rows.bodies[7] == b'{"constant":"x","a.name":null,"any":"y","email":"Ana7@x.com","score":7}'


def test_numbers_keep_their_digits() -> None:
    line = b'{"id":1,"mail":"a","score":12345678901234567890.10}'
    rows, _ = ColumnMapper(mapper()).map(peek_all(mapper(), [line]))
    assert list(rows.payload["score"]) == [Decimal("12345678901234567890.10")]


@pytest.mark.parametrize("more", [{"links": (Link("companies", "name"),)}])
def test_syncs_with_links_are_none_for_it(more: dict[str, Any]) -> None:
    assert ColumnMapper(mapper()).fits
    assert not ColumnMapper(mapper(**more)).fits


@pytest.mark.parametrize("column", ['na"me', "na\\me", "na\tme", "_penstock_refused"])
def test_columns_that_the_fast_parser_cannot_name_are_left_to_the_other(column: str) -> None:
    fields = {"email": FieldRule("mail"), "name": FieldRule(column)}
    form = Form("email", fields, dict.fromkeys(fields, tidy), str.lower, None)
    columns = {**COLUMNS, column: {}}
    assert not ColumnMapper(
        RecordMapper(Sync("people", "contacts", "email", fields=fields), form, columns, ["id"])
    ).fits


def test_a_key_column_that_the_fast_parser_cannot_name_is_a_mistake() -> None:
    fields = {"email": FieldRule("mail")}
    form = Form("email", fields, dict.fromkeys(fields, tidy), str.lower, None)
    with pytest.raises(Misconfigured, match=r"stream people: key column .* has a quote, a backslash or a control"):
        RecordMapper(Sync("people", "contacts", "email", fields=fields), form, {**COLUMNS, 'i"d': {}}, ['i"d'])
