"""From a source record to key, match value and payload."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from penstock.errors import InvalidRecord
from penstock.mapping import RecordMapper, json_types, reject_key
from penstock.modes import FieldRule, Json, Sync
from penstock.records import Form

COLUMNS: dict[str, Json] = {
    "id": {"type": "integer"},
    "region": {"type": "string"},
    "mail": {"type": ["null", "string"]},
    "name": {"type": "string"},
    "phone": {"type": ["string", "null"]},
}


def refuse_seven(value: object) -> object:
    if value == "seven":
        raise InvalidRecord("value", "is not welcome here")
    return value


def mapper(keys: tuple[str, ...] = ("id",), nulls: str = "clear", **rules: FieldRule) -> RecordMapper:
    fields = {"email": FieldRule("mail"), **rules}
    convert = dict.fromkeys(fields, refuse_seven)
    form = Form("email", fields, convert, str.lower, clear="")
    return RecordMapper(Sync("people", "contacts", "email", fields=fields, nulls=nulls), form, COLUMNS, keys)


def payload(mapping: RecordMapper, **values: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(mapping.map({"id": 1, "mail": "Ana@example.com", **values})[3])
    return found


def refusal(mapping: RecordMapper, **values: object) -> InvalidRecord:
    with pytest.raises(InvalidRecord) as caught:
        mapping.map({"id": 1, "mail": "Ana@example.com", **values})
    return caught.value


def test_a_record_becomes_key_match_payload_and_fingerprint() -> None:
    key, match, values, body, mark, links = mapper(name=FieldRule("name")).map(
        {"id": 7, "mail": "Ana@X.com", "name": "Ana"}
    )
    assert (key, match) == ("[7]", "ana@x.com")
    assert values == json.loads(body) == {"email": "Ana@X.com", "name": "Ana"}
    assert len(mark) == 16
    assert links == ()


@pytest.mark.parametrize(
    ("keys", "values", "key"),
    [
        (("id",), {"id": 1}, "[1]"),
        (("id",), {"id": "1"}, '["1"]'),
        (("id",), {"id": Decimal("1.10")}, "[1.10]"),
        (("region", "id"), {"id": 1, "region": 'a"],['}, '["a\\"],[",1]'),
        (("id", "region"), {"id": 1, "region": ""}, '[1,""]'),
        (("id",), {"id": False}, "[false]"),
    ],
)
def test_keys_are_told_apart_by_type_and_column(keys: tuple[str, ...], values: dict[str, object], key: str) -> None:
    assert mapper(keys).map({"mail": "a@x.com", **values})[0] == key


def test_a_key_with_a_null_in_it_is_no_key() -> None:
    for values in ({"region": None}, {}):
        why = refusal(mapper(("id", "region")), **values)
        assert (why.code, why.field, why.row_key) == ("null_key", "region", None)


@pytest.mark.parametrize(("reason", "told"), [("repeated_key", "other rows with"), (7, "the tap says")])
def test_a_row_that_the_tap_marks_is_refused(reason: object, told: str) -> None:
    with pytest.raises(InvalidRecord, match=told) as refused:
        mapper().map({"id": 1, "mail": "a@b.c", "_penstock_refused": reason})
    assert (refused.value.code, refused.value.row_key) == ("refused_at_source", "[1]")
    mapper().map({"id": 1, "mail": "a@b.c", "_penstock_refused": None})


def test_records_without_a_key_are_kept_apart_by_their_content() -> None:
    assert reject_key({"a": 1}) == reject_key({"a": 1})
    assert reject_key({"a": 1}) != reject_key({"a": 2})


def test_nulls_clear_or_are_left_out_and_a_field_may_differ_from_its_sync() -> None:
    assert payload(mapper(phone=FieldRule("phone")), phone=None)["phone"] == ""
    assert "phone" not in payload(mapper(nulls="skip", phone=FieldRule("phone")), phone=None)
    assert payload(mapper(nulls="skip", phone=FieldRule("phone", nulls="clear")), phone=None)["phone"] == ""
    assert "phone" not in payload(mapper(phone=FieldRule("phone", nulls="skip")), phone=None)


def test_a_missing_column_is_no_null() -> None:
    assert "phone" not in payload(mapper(phone=FieldRule("phone")))


def test_constants_are_in_every_payload_and_one_column_may_serve_two_fields() -> None:
    found = payload(mapper(plan=FieldRule(None, "gold"), a=FieldRule("name"), b=FieldRule("name")), name="x")
    assert found == {"email": "Ana@example.com", "plan": "gold", "a": "x", "b": "x"}


def test_a_refusal_names_key_field_and_rule() -> None:
    why = refusal(mapper(name=FieldRule("name")), name="seven")
    assert (why.row_key, why.field, why.code) == ("[1]", "name", "value")
    assert "seven" not in str(why)


def test_a_value_of_another_type_than_the_schema_says_is_refused() -> None:
    why = refusal(mapper(name=FieldRule("name")), name=7)
    assert (why.code, why.field) == ("schema", "name")
    assert refusal(mapper(name=FieldRule("name")), name=True).code == "schema"


@pytest.mark.parametrize("mail", [None, ""])
def test_a_row_that_cannot_be_matched_is_refused(mail: object) -> None:
    assert refusal(mapper(), mail=mail).code == "null_match"


def test_equal_payloads_have_equal_fingerprints_whatever_else_the_record_holds() -> None:
    mapping = mapper(name=FieldRule("name"))
    first = mapping.map({"id": 1, "mail": "a@x.com", "name": "n", "phone": "1"})
    second = mapping.map({"phone": "2", "name": "n", "mail": "a@x.com", "id": 2})
    assert first[3:] == second[3:]
    assert first[4] != mapping.map({"id": 1, "mail": "a@x.com", "name": "m"})[4]


@pytest.mark.parametrize(
    ("schema", "types"),
    [
        ({"type": "string"}, {str}),
        ({"type": ["null", "integer"]}, {int}),
        ({"type": "number"}, {int, Decimal, float}),
        ({"type": ["boolean", "object", "array"]}, {bool, dict, list}),
        ({"anyOf": [{"type": "string"}]}, None),
        ({"type": []}, None),
        ({}, None),
        (True, None),
    ],
)
def test_types_of_a_column(schema: Json, types: set[type] | None) -> None:
    assert json_types(schema) == (None if types is None else frozenset(types))
