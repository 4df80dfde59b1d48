"""What every target makes of a source value; the types that HubSpot has are in tests/hubspot/test_properties.py."""

from __future__ import annotations

import pytest

from penstock import values
from penstock.bodies import objects_in, within
from penstock.errors import InvalidRecord
from penstock.forms import instead, kind_of, match_of, named
from penstock.modes import FieldRule, Sync


def test_options_are_taken_by_value_and_label_and_named_once() -> None:
    convert = values.one_of({"Gold plus": "gold", "free": "free"})
    assert [convert(each) for each in ("gold", "Gold plus", "free", "")] == ["gold", "gold", "free", ""]
    with pytest.raises(InvalidRecord, match=r"none of the field's options: free, gold \(Gold plus\)$") as caught:
        convert("zanzibar")
    assert "zanzibar" not in str(caught.value)
    many = values.one_of({str(n): f"{n:02}" for n in range(30)})
    with pytest.raises(InvalidRecord, match=r"00 \(0\), .*19 and 10 more$"):
        many("zanzibar")


def test_a_label_that_two_values_share_means_none_of_them() -> None:
    assert values.labelled([("Open", "1"), ("Won", "2"), ("Open", "3")]) == {"1": "1", "Won": "2", "3": "3"}


def test_people_by_address() -> None:
    convert = values.by_address({"kim@example.com": "41"}, "the account's users")
    assert [convert(each) for each in (" KIM@example.com ", 12)] == ["41", "12"]
    with pytest.raises(InvalidRecord, match="the address of none of the account's users"):
        convert("zanzibar@example.com")


def test_text_has_a_length() -> None:
    convert = values.limited(3, why=", the most there is")
    assert convert("abc") == "abc"
    with pytest.raises(InvalidRecord, match="longer than 3 characters, the most there is"):
        convert("abcd")


def test_what_is_not_there_in_a_body_is_nothing() -> None:
    body = {"paging": {"next": {"after": "7"}}, "results": [{"id": 1}, "x"]}
    assert within(body, "paging", "next", "after") == "7"
    assert within(body, "results", "next") is within(body, "none", "next") is None
    assert objects_in(body["results"]) == [{"id": 1}]
    assert objects_in(body) == []


def test_what_a_form_begins_with() -> None:
    sync = Sync("people", "contacts", fields={"key": FieldRule("id"), "name": FieldRule("name")})
    assert match_of(sync, {}, ["id"], "email") == "key"
    assert match_of(sync, {}, ["id", "day"], "email") == "email"
    kinds = [kind_of(FieldRule(c), {"day": {"type": ["string", "null"], "format": "date"}}) for c in ("day", "other")]
    assert kinds == ["date", "string"]
    assert kind_of(FieldRule(None, True), {}) == "bool"
    assert instead("Primry", ["Primary", "Billing"]) == " (did you mean 'Primary'?); there are Billing, Primary"
    assert named([]) == "none"
