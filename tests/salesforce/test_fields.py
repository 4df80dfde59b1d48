"""What describe makes of a sync, and what a value becomes in each type of field."""

from __future__ import annotations

from decimal import Decimal

import pytest

from penstock.errors import InvalidRecord, Misconfigured
from penstock.modes import MODES, NEVER, Action, FieldRule
from target_salesforce.api import Options
from target_salesforce.fields import Field, long_id, normaliser, passing
from target_salesforce.ingest import ABOVE
from tests.salesforce.values import PARTNER, QUEUE, USER, sync_of, told

LONG = "00Q000000000001AAA"


def convert(name: str, value: object, **options: bool) -> object:
    _, form = told(sync_of(["Key__c", name]), Options(**options))  # type: ignore[arg-type]
    return form.convert[name](value)


@pytest.mark.parametrize(
    ("name", "value", "becomes"),
    [
        ("LastName", "O'Brien", "O'Brien"),
        ("LastName", 7, "7"),
        ("LastName", "", None),
        ("LastName", " \t", None),
        ("LastName", " a ", " a "),
        ("Likes__c", [], None),
        ("Likes__c", ";", None),
        ("Likes__c", " ", None),
        ("Free__c", [], None),
        ("Free__c", [" ", None], None),
        ("Free__c", " ; ", None),
        ("Free__c", " ", None),
        ("Rating", " ", None),
        ("Email", " Ana@Example.COM ", "ana@example.com"),
        ("Email", "  ", None),
        ("Score__c", Decimal("12.5"), Decimal("12.5")),
        ("Score__c", "12.50", Decimal("12.50")),
        ("Score__c", 9999, 9999),
        ("Score__c", "", None),
        ("Size__c", "12", 12),
        ("Size__c", Decimal("3.0"), 3),
        ("Rating", "Hot", "Hot"),
        ("Rating", "", None),
        ("Likes__c", "Art;Travel", "Art;Travel"),
        ("Likes__c", ["Travel", "Art"], "Travel;Art"),
        ("Free__c", ["a", None, "b"], "a;b"),
        ("Trial__c", True, True),
        ("Trial__c", "false", False),
        ("Born__c", "2026-10-17", "2026-10-17"),
        ("Born__c", "2026-10-17T00:00:00Z", "2026-10-17"),
        ("Born__c", "", None),
        ("Seen__c", "2026-10-17T09:00:00Z", "2026-10-17T09:00:00.000Z"),
        ("Seen__c", "2026-10-17T09:00:00.125Z", "2026-10-17T09:00:00.125Z"),
        ("Seen__c", "2026-10-17 11:00:00+02:00", "2026-10-17T09:00:00.000Z"),
        ("Seen__c", "2026-10-17", "2026-10-17T00:00:00.000Z"),
        ("Seen__c", "", None),
        ("Wakes__c", "07:30", "07:30:00.000Z"),
        ("Wakes__c", "07:30:15.5", "07:30:15.500Z"),
        ("OwnerId", "kim@EXAMPLE.com", USER),
        ("OwnerId", "kim@acme.example", USER),
        ("OwnerId", "New_Leads", QUEUE),
        ("OwnerId", "005000000000001", USER),
        ("RecordTypeId", "Partner", PARTNER),
        ("RecordTypeId", "partner_lead", PARTNER),
        ("Account__c", "001000000000001AAA", "001000000000001AAA"),
        ("Account__c", "", None),
    ],
)
def test_values_that_a_field_takes(name: str, value: object, becomes: object) -> None:
    found = convert(name, value)
    assert (found, type(found)) == (becomes, type(becomes))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("LastName", "x" * 41, "longer than 40 characters (`truncate` cuts it)"),
        ("LastName", ["a"], "an object or a list"),
        ("Score__c", "twelve", "is not a number"),
        ("Score__c", 10000, "more than 4 digits"),
        ("Score__c", Decimal("-10000.5"), "more than 4 digits"),
        ("Score__c", Decimal("NaN"), "not a finite number"),
        ("Size__c", Decimal("1.5"), "not a whole number"),
        ("Size__c", True, "is not a number"),
        ("Rating", "Warm", "none of the field's options: Cold, Hot"),
        ("Rating", "Old", "none of the field's options: Cold, Hot"),
        ("Likes__c", "Art;Cooking", "none of the field's options: Art, Travel"),
        ("Free__c", ["a;b"], "semicolon"),
        ("Trial__c", "perhaps", "neither true nor false"),
        ("Born__c", "2026-10-17T09:00:00Z", "has a time of day"),
        ("Seen__c", "yesterday", "not a date-time"),
        ("Seen__c", "2026-02-30T09:00:00Z", "not a date-time"),
        ("Seen__c", "2026-02-03T24:00:00Z", "not a date-time"),
        ("Wakes__c", "25:00", "not a time of day"),
        ("OwnerId", "both@example.com", "several of Group or User"),
        ("OwnerId", "nobody@example.com", "neither an id nor the name or address"),
        ("RecordTypeId", "Vendor", "neither an id nor the name or address of RecordType: Partner, Partner_Lead"),
        ("Account__c", "Acme", "neither an id"),
    ],
)
def test_values_that_are_never_sent(name: str, value: object, words: str) -> None:
    with pytest.raises(InvalidRecord) as refused:
        convert(name, value)
    assert words in refused.value.message
    assert not isinstance(value, str) or value == "Old" or value not in refused.value.message


def test_text_is_cut_only_when_asked_for() -> None:
    assert convert("LastName", "x" * 50, truncate=True) == "x" * 40
    _, form = told(sync_of(["Key__c"]), Options(truncate=True))
    with pytest.raises(InvalidRecord):  # a key that is cut is another one's
        form.convert["Key__c"]("x" * 50)


def test_ids_get_the_suffix_that_is_documented() -> None:
    assert long_id("001000000000001") == "001000000000001AAA"
    assert long_id("a0B5g00000XyZaB") == "a0B5g00000XyZaBEAV"
    assert long_id(LONG) == LONG


@pytest.mark.parametrize(
    ("found", "one", "other"),
    [
        (Field("F", "string", unique=True, external=True), "l-1", " L-1 "),
        (Field("F", "email"), "ana@example.com", "Ana@Example.com"),
        (Field("F", "double", external=True), "912260031", "9.12260031E8"),
        (Field("F", "double", external=True), "5", "5.0"),
        (Field("F", "reference"), "001000000000001", "001000000000001AAA"),
    ],
)
def test_keys_that_salesforce_takes_for_the_same_are_the_same(found: Field, one: str, other: str) -> None:
    assert normaliser(found)(one) == normaliser(found)(other)


@pytest.mark.parametrize(
    "found",
    [
        Field("F", unique=True, case_sensitive=True, external=True),
        Field("F", external=True),
    ],
)
def test_keys_that_salesforce_tells_apart_by_case_are_two(found: Field) -> None:
    assert normaliser(found)("l-1") != normaliser(found)("L-1")


def mistakes(sync_fields: list[str], **more: object) -> str:
    with pytest.raises(Misconfigured) as wrong:
        told(sync_of(sync_fields, **more))  # type: ignore[arg-type]
    return "\n".join(wrong.value.mistakes)


def test_every_mistake_is_named_at_once() -> None:
    found = mistakes(["Key__c", "LastNam", "Total__c", "Made__c", "Address", "Owner.Email", "Account__r.Nme"])
    assert "Lead has no field 'LastNam' that the user may see (did you mean 'LastName'?)" in found
    assert "'Total__c' cannot be written by the user" in found
    assert (
        "'Made__c' can only be set when a record is created; write `Made__c: {from: Made__c, when: created}`" in found
    )
    assert "'Address' cannot be written" in found
    assert "'Owner.Email' may be of several objects; say which: Group:Owner.Email, User:Owner.Email" in found
    assert "'Account__r.Nme': 'Nme' is no external id of Account; these are: Key__c" in found


@pytest.mark.parametrize(
    ("fields", "more", "words"),
    [
        (["LastName"], {}, "match: 'Key__c' is not among the fields"),
        (
            ["Trial__c"],
            {"match": "Trial__c"},
            "not found by a field of type boolean; external ids: Key__c, Loose__c, Number__c",
        ),
        (
            ["Key__c"],
            {"object_name": "Leed"},
            "Salesforce has no object 'Leed' that the user may see (did you mean 'Lead'?)",
        ),
        (["Email"], {"object_name": "Lead|Account", "match": "Email"}, "Account has no field 'Email'"),
        (["Id", "LastName"], {"object_name": "Lead|Contact", "match": "Id"}, "found by a field that both have"),
        (["Id", "LastName"], {"match": "Id"}, "does not know how to upsert"),
        (["Page__c"], {"object_name": "Seen__e", "match": "Key__c"}, "an event is found by nothing"),
        (["Phone", "Email"], {"object_name": "Lead|Contact", "match": "Email"}, "Contact has no field 'Phone'"),
        (
            ["Key__c", "Lead:Who.Key__c", "Contact:Who.Key__c"],
            {"object_name": "Task"},
            "'Lead:Who.Key__c' and 'Contact:Who.Key__c' fill the same look-up, WhoId",
        ),
        (
            ["Key__c", "Account__c", "Account__r.Key__c"],
            {},
            "'Account__c' and 'Account__r.Key__c' fill the same look-up, Account__c",
        ),
        (["Contact:Who.Key__c", "Key__c"], {"object_name": "Lead"}, "Lead has no relationship 'Who'"),
        (["Account:Account__r.Key__c", "Key__c"], {}, "can only be of Account; write 'Account__r.Key__c'"),
    ],
)
def test_a_sync_that_does_not_fit_is_refused(fields: list[str], more: dict[str, object], words: str) -> None:
    assert words in mistakes(fields, **more)


def test_a_constant_is_converted_at_start() -> None:
    sync = sync_of(["Key__c"])
    rules = {**(sync.fields or {}), "Rating": FieldRule(None, "Warm")}
    with pytest.raises(Misconfigured, match=r"constant for 'Rating'.*Cold, Hot"):
        told(type(sync)("leads", "Lead", "Key__c", fields=rules))


def test_what_can_be_done_depends_on_what_finds_the_record() -> None:
    _, native = told(sync_of(["Key__c"]))
    _, loose = told(sync_of(["Loose__c"], match="Loose__c"))
    _, looked = told(sync_of(["Email", "LastName"], match="Email"))
    _, by_id = told(sync_of(["Id", "LastName"], match="Id", strategy=MODES["update"]))
    _, event = told(sync_of(["Page__c"], "Seen__e", None, strategy=MODES["append"]))
    assert native.abilities
    assert loose.abilities
    assert looked.abilities
    assert by_id.abilities
    assert event.abilities
    assert native.abilities.by_match == {Action.UPSERT, Action.CREATE, Action.FIND}
    assert loose.abilities.by_match == {Action.UPSERT, Action.FIND}
    assert looked.abilities.by_match == {Action.FIND}
    assert looked.abilities.after_look == {Action.UPSERT, Action.CREATE}
    assert Action.UPSERT not in looked.abilities.keyed
    assert Action.UPDATE in by_id.abilities.by_match
    assert event.abilities.actions == {Action.APPEND}
    assert [f.bulk_above for f in (native, looked, by_id, event)] == [ABOVE, None, ABOVE, None]
    assert "looked up" in looked.note
    assert "required and not among the fields: LastName" in native.note


def test_a_boolean_is_not_cleared_and_everything_else_is() -> None:
    _, form = told(sync_of(["Key__c", "Trial__c", "LastName"]))
    assert form.fields["Trial__c"].nulls == "skip"
    assert form.fields["LastName"].nulls is None
    assert form.clear is None


def test_a_field_that_only_one_of_two_objects_has_is_told_of() -> None:
    _, form = told(sync_of(["Email", "LastName", "Rating", "AccountId"], "Lead|Contact", "Email"))
    assert set(form.fields) == {"Email", "LastName", "Rating", "AccountId"}
    assert "Contact has no Rating: left out where the row's record is one" in form.note
    assert "Lead has no AccountId: left out" in form.note
    assert "looked up" in form.note
    assert "match: Contact has no field 'Rating'" in mistakes(["Rating"], object_name="Lead|Contact", match="Rating")


def test_rows_are_kept_apart_by_their_parent() -> None:
    assert told(sync_of(["Key__c", "OwnerId"]))[1].group is None
    assert told(sync_of(["Key__c", "Account__c"]))[1].group == "Account__c"
    assert told(sync_of(["Key__c", "Account__r.Key__c"]))[1].group == "Account__r.Key__c"


def test_deleting_for_good_is_only_for_rows_that_name_the_record() -> None:
    options = Options(hard_delete=True)
    _, form = told(sync_of(["Id"], match="Id", strategy=MODES["delete"]), options)
    assert form.bulk_above == 0
    for wrong in (
        sync_of(["Key__c"], strategy=MODES["delete"]),
        sync_of(["Id"], match="Id", strategy=MODES["delete"], bulk_above=NEVER),
    ):
        with pytest.raises(Misconfigured, match="hard_delete"):
            told(wrong, options)


def test_numbers_that_no_field_holds_are_looked_at_one_by_one() -> None:
    passes = passing(Field("Score__c", "double", precision=18, scale=2))
    assert passes is not None
    assert passes([Decimal("0.5"), 7], {Decimal, int})
    assert not passes([Decimal("0.5"), 10**400], {Decimal, int})
    assert not passes([Decimal("NaN"), 7], {Decimal, int})
