"""What a source value becomes on its way into a HubSpot property, and which values never get there."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import InvalidRecord
from penstock.mapping import RecordMapper
from penstock.modes import Action, FieldRule, Json, Sync
from target_hubspot.properties import Property, make_form
from target_hubspot.values import converter
from tests.hubspot.values import PROPERTIES, batch, definition, hubspot, row, sent

CANARY = "zanzibar"


def written(name: str, value: object) -> object:
    return converter(PROPERTIES[name])(value)


def refusal(name: str, value: object) -> str:
    with pytest.raises(InvalidRecord) as caught:
        written(name, value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("firstname", "Ana", "Ana"),
        ("firstname", " Ana\x00\u202e 🙂\r", " Ana\x00\u202e 🙂\r"),
        ("firstname", "", ""),
        ("firstname", True, "true"),
        ("firstname", False, "false"),
        ("firstname", 12, "12"),
        ("firstname", Decimal("1.50"), "1.50"),
        ("firstname", "x" * 65_536, "x" * 65_536),
        ("lead_score", 72, "72"),
        ("lead_score", -(10**30), "-1" + "0" * 30),
        ("lead_score", Decimal("0.10"), "0.10"),
        ("lead_score", Decimal("1.5E+3"), "1500"),
        ("lead_score", Decimal("1E-7"), "0.0000001"),
        ("lead_score", 0.1, "0.1"),
        ("lead_score", 1e22, "10000000000000000000000"),
        ("lead_score", "-3.5", "-3.5"),
        ("is_customer", True, "true"),
        ("is_customer", "false", "false"),
        ("email", "  Ana.Rivera@Example.COM ", "ana.rivera@example.com"),
        ("hubspot_owner_id", 41, "41"),
        ("plan", "gold", "gold"),
        ("plan", "Gold plus", "gold"),
        ("plan", "", ""),
        ("interests", "art;travel", "art;travel"),
        ("interests", ["Far travel", "art"], "travel;art"),
        ("interests", [], ""),
        ("interests", ";art", ";art"),
        ("interests", ";;Far travel;art", ";travel;art"),
        ("interests", "art;", "art"),
        ("interests", ["", "art", ""], "art"),
        ("signup_date", "2026-10-17", "2026-10-17"),
        ("signup_date", "2026-10-17T00:00:00", "2026-10-17"),
        ("signup_date", "2026-10-17T00:00:00.000000+00:00", "2026-10-17"),
        ("signup_date", "2026-10-17T02:00:00+02:00", "2026-10-17"),
        ("last_seen_at", "2026-10-17T09:30:00.123456Z", "2026-10-17T09:30:00.123Z"),
        ("last_seen_at", "2026-10-17 09:30", "2026-10-17T09:30:00.000Z"),
        ("last_seen_at", "2026-10-17", "2026-10-17T00:00:00.000Z"),
        ("last_seen_at", "2026-01-02T03:04:05.1+00:00", "2026-01-02T03:04:05.100Z"),
        ("last_seen_at", "2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123Z"),
        ("last_seen_at", "2026-01-02t03:04:05z", "2026-01-02T03:04:05.000Z"),
        ("last_seen_at", "2026-01-02 03:04:05.5 +0530", "2026-01-01T21:34:05.500Z"),
        ("last_seen_at", "2026-01-02T03:04:05-08", "2026-01-02T11:04:05.000Z"),
        ("last_seen_at", "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999Z"),
    ],
)
def test_values_are_written_as_hubspot_takes_them(name: str, value: object, text: str) -> None:
    assert written(name, value) == text


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("firstname", {"a": CANARY}, "is an object or a list"),
        ("firstname", [CANARY], "is an object or a list"),
        ("firstname", CANARY + "x" * 65_536, "is longer than 65536 characters"),
        ("email", [CANARY], "is an object or a list"),
        ("lead_score", CANARY, "is not a number"),
        ("lead_score", "NaN", "is not a number"),
        ("lead_score", "1e5", "is not a number"),
        ("lead_score", "٣٤", "is not a number"),
        ("lead_score", "12\n", "is not a number"),
        ("lead_score", "", "is not a number"),
        ("lead_score", True, "is not a number"),
        ("lead_score", Decimal("NaN"), "is not a finite number"),
        ("lead_score", float("inf"), "is not a finite number"),
        ("lead_score", Decimal("1E+400"), "is too large or too small"),
        ("lead_score", Decimal("1E-400"), "is too large or too small"),
        ("is_customer", CANARY, "is neither true nor false"),
        ("is_customer", 1, "is neither true nor false"),
        ("plan", CANARY, "is none of the field's options: free (Free), gold (Gold plus)"),
        ("plan", "GOLD", "is none of the field's options: free (Free), gold (Gold plus)"),
        ("interests", ";", "adds no option"),
        ("interests", f"art;{CANARY}", "is none of the field's options: art (Art), travel (Far travel)"),
        ("interests", ["art", None], "is an object or a list"),
        ("signup_date", CANARY, "is not a date"),
        ("signup_date", "2026-02-30", "is not a date"),
        ("signup_date", "2026-W01-1", "is not a date"),
        ("signup_date", 20260102, "is not a date"),
        ("signup_date", "2026-10-17T09:30:00", "has a time of day"),
        ("signup_date", "2026-10-17T00:00:00+02:00", "has a time of day"),
        ("signup_date", "2026-10-17T00:00:00.0000001Z", "has a time of day"),
        ("last_seen_at", CANARY, "is not a date-time"),
        ("last_seen_at", 1760700000000, "is not a date-time"),
        ("last_seen_at", "20260102T030405Z", "is not a date-time"),
        ("last_seen_at", "2026-W01-1T03:04:05Z", "is not a date-time"),
        ("last_seen_at", "2026-01-02T24:00:00Z", "is not a date-time"),
        ("last_seen_at", "2026-01-02T03:04:05+25:00", "is not a date-time"),
        ("last_seen_at", "2026-01-02T03:04:05+01:60", "is not a date-time"),
        ("last_seen_at", "2026-01-02T03:04:05Z\n", "is not a date-time"),
        ("last_seen_at", "٢٠٢٦-01-02T03:04:05Z", "is not a date-time"),
        ("last_seen_at", "0001-01-01T00:00:00+05:00", "is not a date-time"),
        ("last_seen_at", "9999-12-31T23:59:59-05:00", "is not a date-time"),
    ],
)
def test_a_refusal_names_the_rule_and_never_the_value(name: str, value: object, rule: str) -> None:
    said = refusal(name, value)
    assert rule in said
    assert CANARY not in said


def test_a_type_nobody_told_us_of_is_text() -> None:
    assert converter(Property.of(definition("phone", "phone_number", "phonenumber")))("+1 555") == "+1 555"


def mapper(*names: str, **more: str) -> RecordMapper:
    fields = {"email": FieldRule("mail"), **{name: FieldRule(name) for name in names}}
    columns: dict[str, Json] = {"id": {}, "mail": {}, **{name: {} for name in names}}
    sync = Sync("people", "contacts", "email", fields=fields, **more)  # type: ignore[arg-type]
    return RecordMapper(sync, make_form(sync, columns, ["id"], PROPERTIES), columns, ["id"])


DESTINATION = hubspot()
MAPPERS = {name: mapper(name) for name in ("firstname", "lead_score", "signup_date", "last_seen_at")}


def arrived(name: str, value: object) -> object:
    """Send one value through mapper and encode, and read it back out of the request's body."""
    destination, sync = DESTINATION
    _, match, _, body, _, _ = MAPPERS[name].map({"id": 1, "mail": "a@example.com", name: value})
    ready = msgspec.structs.replace(row(sync, match), body=body)
    inputs = sent(destination.encode(batch(sync, Action.UPSERT, [ready])))["inputs"]
    assert len(inputs) == 1
    return inputs[0]["properties"][name]


@given(st.text(max_size=200))
def test_any_text_arrives_exactly(text: str) -> None:
    assert arrived("firstname", text) == text


@given(st.decimals(allow_nan=False, allow_infinity=False).filter(lambda d: -400 < d.adjusted() < 400))
def test_any_decimal_arrives_exactly(number: Decimal) -> None:
    text = arrived("lead_score", number)
    assert isinstance(text, str)
    assert Decimal(text) == number
    assert "E" not in text


@given(st.integers())
def test_any_integer_arrives_exactly(number: int) -> None:
    assert arrived("lead_score", number) == str(number)


OFFSETS = st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59)).map(
    lambda d: timezone(timedelta(minutes=d // timedelta(minutes=1)))
)


@given(st.datetimes(timezones=OFFSETS).filter(lambda moment: 1 < moment.year < 9999))
def test_any_moment_arrives_as_the_same_instant_to_the_millisecond(moment: datetime) -> None:
    text = arrived("last_seen_at", moment.isoformat())
    assert isinstance(text, str)
    assert text.endswith("Z")
    exact = moment.astimezone(timezone.utc)
    cut = exact.replace(microsecond=exact.microsecond // 1000 * 1000)
    assert datetime.fromisoformat(text[:-1] + "+00:00") == cut


@given(st.dates())
def test_any_day_arrives_as_that_day(day: date) -> None:
    assert arrived("signup_date", day.isoformat()) == day.isoformat()


@given(st.text(max_size=40) | st.from_regex(r"[0-9TZ:.+ -]{8,32}", fullmatch=True))
def test_no_text_breaks_the_date_converters(text: str) -> None:
    for name in ("signup_date", "last_seen_at"):
        with suppress(InvalidRecord):
            assert len(str(written(name, text))) in (10, 24)


def test_a_null_clears_or_leaves_and_a_missing_column_is_no_null() -> None:
    record = {"id": 1, "mail": "a@example.com", "firstname": None}
    for nulls, expected in (("clear", ""), ("skip", None)):
        body = json.loads(mapper("firstname", "plan", nulls=nulls).map(record)[3])
        assert body.get("firstname") == expected
        assert "plan" not in body


def test_a_row_without_an_address_is_refused_by_name() -> None:
    for mail in (None, "", "  "):
        with pytest.raises(InvalidRecord, match="null_match") as caught:
            mapper("firstname").map({"id": 1, "mail": mail, "firstname": CANARY})
        assert caught.value.field == "email"


def test_a_key_is_written_as_it_will_be_looked_for() -> None:
    sync = Sync("people", "contacts", "customer_key", fields={"customer_key": FieldRule("id")})
    columns: dict[str, Json] = {"id": {}}
    mapping = RecordMapper(sync, make_form(sync, columns, ["id"], PROPERTIES), columns, ["id"])
    _, match, payload, *_ = mapping.map({"id": " C-17 "})
    assert match == payload["customer_key"] == "C-17"
    with pytest.raises(InvalidRecord, match="null_match"):
        mapping.map({"id": "   "})
