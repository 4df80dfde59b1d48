"""A sync held against the portal before anything is sent: every mistake is named, with the nearest right name."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from penstock.errors import Fault, InvalidRecord, Misconfigured
from penstock.mapping import RecordMapper
from penstock.modes import FieldRule, Json, Sync
from penstock.records import Form, Request, Response
from target_hubspot.api import HubSpot
from target_hubspot.properties import make_form
from target_hubspot.target import TargetHubSpot
from tests.hubspot.values import PROPERTIES, answer, portal_ask

COLUMNS: dict[str, Json] = {"id": {"type": "integer"}, "mail": {"type": "string"}, "first": {"type": "string"}}
MAIL = {"email": FieldRule("mail")}


def form(fields: Mapping[str, FieldRule] | None, match: str | None = "email", keys: tuple[str, ...] = ("id",)) -> Form:
    return make_form(Sync("people", "contacts", match, fields=fields), COLUMNS, keys, PROPERTIES)


def mistakes(fields: Mapping[str, FieldRule] | None, match: str | None = "email") -> list[str]:
    with pytest.raises(Misconfigured) as caught:
        form(fields, match)
    return caught.value.mistakes


@pytest.mark.parametrize(
    ("fields", "match", "said"),
    [
        (
            {**MAIL, "first_name": FieldRule("first")},
            "email",
            "no property 'first_name' (did you mean 'firstname'?)",
        ),
        ({**MAIL, "qqqq": FieldRule("first")}, "email", "contacts have no property 'qqqq'"),
        ({**MAIL, "createdate": FieldRule("first")}, "email", "'createdate' is read-only in HubSpot"),
        ({**MAIL, "score_band": FieldRule("first")}, "email", "'score_band' is read-only in HubSpot"),
        ({"firstname": FieldRule("first")}, "firstname", "not unique in HubSpot; unique are customer_key, email"),
        ({"firstname": FieldRule("first")}, "email", "'email' is not among the fields; add `email: <source column>`"),
        (MAIL, "e_mail", "match: contacts have no property 'e_mail' (did you mean 'email'?)"),
        ({"email": FieldRule(None, "a@example.com")}, "email", "is a constant, so all rows would be one object"),
        (
            {**MAIL, "lead_score": FieldRule(None, "many")},
            "email",
            "the constant for 'lead_score': the value is not a number",
        ),
        (
            {**MAIL, "plan": FieldRule(None, "silver")},
            "email",
            "'plan': the value is none of the field's options: free (Free), gold (Gold plus)",
        ),
    ],
)
def test_one_mistake_is_named(fields: dict[str, FieldRule], match: str, said: str) -> None:
    [mistake] = mistakes(fields, match)
    assert mistake.startswith("sync people: ")
    assert said in mistake


def test_a_record_id_is_no_match() -> None:
    found = mistakes({"hs_object_id": FieldRule("id")}, "hs_object_id")
    assert any("not unique in HubSpot; unique are customer_key, email" in mistake for mistake in found)


def test_all_mistakes_are_named_at_once() -> None:
    fields = {
        "frstname": FieldRule("first"),
        "createdate": FieldRule("first"),
        "lead_score": FieldRule(None, "many"),
        "is_customer": FieldRule(None, "perhaps"),
    }
    said = " | ".join(mistakes(fields))
    for word in ("frstname", "createdate", "lead_score", "is_customer", "match: 'email'"):
        assert word in said


@pytest.mark.parametrize(
    ("name", "constant", "text"),
    [("lead_score", 1.5, "1.5"), ("lead_score", 7, "7"), ("is_customer", True, "true"), ("plan", "Gold plus", "gold")],
)
def test_a_good_constant_is_in_every_payload(name: str, constant: Json, text: str) -> None:
    fields = {**MAIL, name: FieldRule(None, constant)}
    sync = Sync("people", "contacts", "email", fields=fields)
    _, _, payload, *_ = RecordMapper(sync, form(fields), COLUMNS, ["id"]).map({"id": 1, "mail": "a@example.com"})
    assert payload == {"email": "a@example.com", name: text}


def test_without_fields_columns_go_by_name() -> None:
    columns: dict[str, Json] = {"email": {}, "firstname": {}}
    made = make_form(Sync("contacts", "contacts", "email"), columns, ["email"], PROPERTIES)
    assert set(made.fields) == {"email", "firstname"}
    with pytest.raises(Misconfigured, match="no property 'mail'"):
        form(None)


def test_without_a_match_the_stream_key_says_it() -> None:
    fields = {**MAIL, "customer_key": FieldRule("id")}
    assert form(fields, None).match == "customer_key"
    assert form(fields, None, ("id", "mail")).match == "email"
    checked_early = make_form(
        Sync("people", "contacts", fields={"customer_key": FieldRule("id")}), None, (), PROPERTIES
    )
    assert set(checked_early.fields) == {"customer_key"}


def test_an_object_that_is_not_there_is_named() -> None:
    with pytest.raises(Misconfigured, match=r"no object 'deels' in this portal \(did you mean 'deals'\?\)"):
        HubSpot().form(Sync("people", "deels", "email", fields=MAIL), None, (), portal_ask)


@pytest.mark.parametrize("body", [{}, {"results": []}, {"results": "none"}, b"<html>"])
def test_an_empty_property_list_is_no_reason_to_send(body: object) -> None:
    with pytest.raises(Fault, match=r"property list came empty|not HubSpot's"):
        HubSpot().form(Sync("people", "contacts", "email", fields=MAIL), None, (), lambda _: answer(200, body))


def test_a_stream_without_a_key_and_columns_that_are_not_there() -> None:
    fields = {**MAIL, "firstname": FieldRule("frst")}
    sync = Sync("people", "contacts", "email", fields=fields)
    with pytest.raises(Misconfigured, match="SCHEMA names no key_properties"):
        RecordMapper(sync, form(fields), COLUMNS, [])
    with pytest.raises(Misconfigured) as caught:
        RecordMapper(sync, form(fields), COLUMNS, ["Id"])
    assert caught.value.mistakes == [
        "stream people: key column 'Id' is not in its SCHEMA (did you mean 'id'?)",
        "sync people: field firstname is taken from column 'frst', which the stream does not have"
        " (did you mean 'first'?)",
    ]


def test_custom_objects_that_the_token_may_not_see_go_by_their_ids_alone() -> None:
    def ask(request: Request) -> Response:
        scopes = {"context": {"requiredGranularScopes": ["custom-object-read"]}}
        return answer(403, scopes) if "schemas" in request.path else portal_ask(request)

    fields = {"customer_key": FieldRule("id")}
    for name in ("2-123", "p1_car"):
        assert HubSpot().form(Sync("cars", name, "customer_key", fields=fields), None, (), ask).object == name
    with pytest.raises(
        Misconfigured, match=r"no object 'car' .*cannot be seen: the token lacks scopes: custom-object-read"
    ):
        HubSpot().form(Sync("cars", "car", "customer_key", fields=fields), None, (), ask)


def test_more_than_one_page_of_owners_is_read() -> None:
    def ask(request: Request) -> Response:
        if "/owners" not in request.path:
            return portal_ask(request)
        if "after=" in request.path:
            return answer(200, {"results": [{"id": "42", "email": "Sam@example.com"}]})
        first = {"results": [{"id": "41", "email": "kim@example.com"}], "paging": {"next": {"after": "1"}}}
        return answer(200, first)

    fields = {**MAIL, "hubspot_owner_id": FieldRule("owner")}
    made = HubSpot().form(Sync("people", "contacts", "email", fields=fields), None, (), ask)
    convert = made.convert["hubspot_owner_id"]
    assert [convert(value) for value in ("KIM@example.com", "sam@example.com", 7)] == ["41", "42", "7"]
    with pytest.raises(InvalidRecord, match="none of the portal's owners"):
        convert("zanzibar@example.com")


def test_a_null_api_url_is_hubspots_own() -> None:
    target = TargetHubSpot(config={"token": "pat-x", "api_url": None})
    assert target.base_url() == "https://api.hubapi.com"
