"""What is sent for each kind of row, and what an answer leads to next."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from penstock.errors import BatchRefused, InvalidRecord, Misconfigured
from penstock.mapping import RecordMapper
from penstock.modes import Action, FieldRule, Link, Sync
from penstock.records import Again, Delivered, Rejected, Request, Response, Retry, Row, Unknown
from target_intercom import values
from target_intercom.api import Intercom, Options
from tests.intercom.values import (
    OF_CONTACT,
    ONE,
    TAGS,
    TWO,
    answer,
    ask,
    batch,
    contact,
    error,
    intercom,
    row,
    sent,
    sync,
)

PEOPLE = sync()
EXISTS = f"A contact matching those details already exists with id={ONE}"
GONE = error("not_found", "User Not Found")


def asked(action: Action, a_row: Row, **options: Any) -> Request:
    destination, _ = intercom(a_row.sync, **options)
    return destination.encode(batch(action, a_row))


def became(action: Action, a_row: Row, response: Response, **options: Any) -> object:
    destination, _ = intercom(a_row.sync, **options)
    [outcome] = destination.decode(response, batch(action, a_row))
    return outcome


def line(request: Request) -> str:
    return f"{request.method} {request.path}"


def test_a_creation_has_custom_attributes_apart_and_asks_for_a_version() -> None:
    request = asked(Action.UPSERT, row(PEOPLE, email=None, name=None, plan="gold"))
    assert line(request) == "POST /contacts"
    assert sent(request) == {"external_id": "u-1", "name": None, "custom_attributes": {"plan": "gold"}}
    assert request.headers == {"Intercom-Version": "2.14"}


@pytest.mark.parametrize(
    ("action", "contact_id", "expected"),
    [
        (Action.UPDATE, ONE, f"PUT /contacts/{ONE}"),
        (Action.UPDATE, f"moved:{ONE}", f"PUT /contacts/{ONE}"),
        (Action.UPDATE, f"archived:{ONE}", f"POST /contacts/{ONE}/unarchive"),
        (Action.UPDATE, f"taken:{ONE}", f"GET /contacts/{ONE}"),
        (Action.UPDATE, "nameless:", "GET /contacts/find_by_external_id/u-1"),
        (Action.READ, ONE, f"GET /contacts/{ONE}"),
        (Action.READ, f"archived:{ONE}", f"GET /contacts/{ONE}"),
        (Action.FIND, None, "GET /contacts/find_by_external_id/u-1"),
        (Action.ARCHIVE, ONE, f"POST /contacts/{ONE}/archive"),
        (Action.DELETE, ONE, f"POST /contacts/{ONE}/archive"),
    ],
)
def test_each_step_of_a_contact(action: Action, contact_id: str | None, expected: str) -> None:
    assert line(asked(action, row(PEOPLE, contact_id=contact_id))) == expected


def test_what_cannot_travel_in_a_path_is_searched_for() -> None:
    for odd in ("..", "a\nb"):
        request = asked(Action.FIND, row(PEOPLE, odd))
        assert line(request) == "POST /contacts/search"
        assert sent(request)["query"] == {"field": "external_id", "operator": "=", "value": odd}
    assert line(asked(Action.FIND, row(PEOPLE, "a/../b"))) == "GET /contacts/find_by_external_id/a%2F..%2Fb"
    former = sent(asked(Action.FIND, row(PEOPLE, "new", former="old")))
    assert former["query"] == {"field": "external_id", "operator": "IN", "value": ["old", "new"]}


def test_a_lead_is_not_made_one_again() -> None:
    leads = sync(match="email", fields={"email": FieldRule("m"), "role": FieldRule(None, "lead")})
    assert sent(asked(Action.UPSERT, row(leads, "a@b.c", role="lead"))) == {"email": "a@b.c", "role": "lead"}
    assert sent(asked(Action.UPDATE, row(leads, "a@b.c", ONE, role="lead"))) == {"email": "a@b.c"}


@pytest.mark.parametrize(
    ("match", "message", "expected"),
    [
        ("external_id", EXISTS, Again(f"taken:{ONE}", "it exists under this id")),
        ("email", EXISTS, Again(f"same:{ONE}", "it exists, and others may with the same e-mail")),
        ("external_id", "no id", Again("nameless:", "it exists, nobody says where")),
    ],
)
def test_a_conflict_leads_on_however_often_the_row_was_sent(match: str, message: str, expected: Again) -> None:
    a_row = row(sync(match=match))
    a_row.attempts = 7
    assert became(Action.UPSERT, a_row, answer(409, error("conflict", message))) == expected


def test_a_conflict_that_stays_is_a_reject() -> None:
    a_row = row(PEOPLE)
    a_row.led = 3
    outcome = became(Action.UPSERT, a_row, answer(409, error("conflict", EXISTS)))
    assert isinstance(outcome, Rejected)
    changed = became(Action.UPDATE, row(PEOPLE, contact_id=ONE), answer(409, error("conflict", EXISTS)))
    assert isinstance(changed, Rejected)


def test_a_creation_alone_looks_before_it_says_what_there_is() -> None:
    creating = sync(mode="create")
    fresh, looked = row(creating), row(creating)
    looked.absent = True
    taken = answer(409, error("conflict", EXISTS))
    assert isinstance(became(Action.CREATE, fresh, taken), Retry)
    assert isinstance(became(Action.CREATE, looked, taken), Rejected)


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [("u-1", Again(ONE, "the contact was found")), (None, Again(ONE, "the contact was found")), ("u-2", None)],
)
def test_who_is_in_the_way_is_looked_at(theirs: str | None, expected: Again | None) -> None:
    outcome = became(Action.UPDATE, row(PEOPLE, contact_id=f"taken:{ONE}"), answer(200, contact(external_id=theirs)))
    assert outcome == expected or (expected is None and isinstance(outcome, Rejected))


def test_a_contact_that_is_gone_is_forgotten_a_few_times() -> None:
    a_row = row(PEOPLE, contact_id=ONE)
    a_row.attempts = 7
    assert became(Action.UPDATE, a_row, answer(404, GONE)) == Again(None, "the contact is not there")
    a_row.led = 3
    assert isinstance(became(Action.UPDATE, a_row, answer(404, GONE)), Rejected)


def test_a_merge_is_followed_once_and_never_to_another_host() -> None:
    merged = error("contact_merged")
    link = f'</contacts/{TWO}>; rel="canonical"'
    first = became(Action.UPDATE, row(PEOPLE, contact_id=ONE), answer(410, merged, link=link))
    assert first == Again(f"moved:{TWO}", "it was merged into this one")
    again = became(Action.UPDATE, row(PEOPLE, contact_id=f"moved:{ONE}"), answer(410, merged, link=link))
    assert isinstance(again, Rejected)
    for away in (f'<https://evil.example/contacts/{TWO}>; rel="canonical"', "</contacts/../x>", ""):
        assert isinstance(became(Action.UPDATE, row(PEOPLE, contact_id=ONE), answer(410, merged, link=away)), Rejected)


def test_an_answer_about_another_contact_is_no_success() -> None:
    assert became(Action.UPDATE, row(PEOPLE, contact_id=ONE), answer(200, contact(ONE))) == Delivered(ONE, False)
    for action, a_row, body in (
        (Action.UPDATE, row(PEOPLE, contact_id=ONE), contact(TWO)),
        (Action.UPSERT, row(PEOPLE), contact(ONE, external_id="u-2")),
        (Action.ARCHIVE, row(PEOPLE, contact_id=ONE), contact(TWO)),
    ):
        assert not isinstance(became(action, a_row, answer(200, body)), Delivered)


def test_users_count_before_leads_and_the_newest_where_that_is_allowed() -> None:
    by_email = sync(match="email")
    lead = contact(TWO, role="lead", email="a@b.c", created_at=9)
    user = contact(ONE, email="A@b.c", created_at=1)
    found = answer(200, {"type": "list", "data": [lead, user]})
    assert became(Action.FIND, row(by_email, "a@b.c"), found) == Again(ONE, "the contact was found")
    several = answer(200, {"type": "list", "data": [user, {**lead, "role": "user"}]})
    assert isinstance(became(Action.FIND, row(by_email, "a@b.c"), several), Rejected)
    assert became(Action.FIND, row(by_email, "a@b.c"), several, newest=True) == Again(TWO, "the contact was found")


# -- companies and what ties them --------------------------------------------------------------------------


def test_a_company_is_upserted_by_its_key_and_changed_by_id_without_it() -> None:
    accounts = sync("companies", "company_id")
    made = asked(Action.UPSERT, row(accounts, "acme", tier="gold", monthly_spend=5))
    assert line(made) == "POST /companies"
    assert sent(made) == {"company_id": "acme", "monthly_spend": 5, "custom_attributes": {"tier": "gold"}}
    changed = asked(Action.UPDATE, row(accounts, "acme", ONE, name="Acme"))
    assert (line(changed), sent(changed)) == (f"PUT /companies/{ONE}", {"name": "Acme"})
    assert line(asked(Action.FIND, row(accounts, "a&b=c"))) == "GET /companies?company_id=a%26b%3Dc"
    assert line(asked(Action.DELETE, row(accounts, "acme", ONE), permanent_delete=True)) == f"DELETE /companies/{ONE}"


def test_a_company_id_never_changes() -> None:
    a_row = row(sync("companies", "company_id"), "new", ONE, former="old")
    assert line(asked(Action.UPDATE, a_row)) == f"GET /companies/{ONE}"
    stays = became(Action.UPDATE, a_row, answer(200, {"type": "company", "id": ONE, "company_id": "old"}))
    assert isinstance(stays, Rejected)
    assert (stays.code, stays.field) == ("unchangeable", "company_id")
    assert "never change" in stays.message
    right = became(Action.UPDATE, a_row, answer(200, {"type": "company", "id": ONE, "company_id": "new"}))
    assert right == Again(f"kept:{ONE}", "the company was found")


def tied(link: Link, other: str, whose: Sync = PEOPLE, contact_id: str = ONE) -> Row:
    made = row(replace(whose, links=(link,)), contact_id=contact_id)
    made.other = other
    return made


COMPANY = Link("companies", "c", match="company_id")
SUBSCRIBED = Link("subscriptions", "s", label="opt_in")


@pytest.mark.parametrize(
    ("action", "link", "other", "expected", "body"),
    [
        (Action.RESOLVE, COMPANY, "acme", "GET /companies?company_id=acme", {}),
        (Action.RESOLVE, replace(COMPANY, missing="create"), "acme", "POST /companies", {"company_id": "acme"}),
        (Action.LINK, COMPANY, TWO, f"POST /contacts/{ONE}/companies", {"id": TWO}),
        (Action.UNLINK, COMPANY, TWO, f"DELETE /contacts/{ONE}/companies/{TWO}", {}),
        (Action.LINK, SUBSCRIBED, "7", f"POST /contacts/{ONE}/subscriptions", {"id": "7", "consent_type": "opt_in"}),
        (Action.UNLINK, SUBSCRIBED, "7", f"DELETE /contacts/{ONE}/subscriptions/7", {}),
        (Action.LINK, TAGS, "vip", "POST /tags", {"name": "vip", "users": [{"id": ONE}]}),
        (Action.UNLINK, TAGS, "vip", "POST /tags", {"name": "vip", "users": [{"id": ONE, "untag": True}]}),
        (Action.SURVEY, COMPANY, TWO, f"GET /contacts/{ONE}/companies", {}),
        (Action.SURVEY, SUBSCRIBED, "7", f"GET /contacts/{ONE}/subscriptions", {}),
        (Action.SURVEY, TAGS, "vip", f"GET /contacts/{ONE}/tags", {}),
    ],
)
def test_each_step_of_a_link(action: Action, link: Link, other: str, expected: str, body: dict[str, Any]) -> None:
    request = asked(action, tied(link, other))
    assert (line(request), sent(request)) == (expected, body)


def test_one_request_tags_many_and_one_that_is_gone_is_found_by_halving() -> None:
    rows = [tied(TAGS, "vip"), tied(TAGS, "vip", contact_id=TWO)]
    destination, _ = intercom(rows[0].sync)
    request = destination.encode(batch(Action.LINK, *rows))
    assert sent(request)["users"] == [{"id": ONE}, {"id": TWO}]
    tag = {"type": "tag", "id": "105", "name": "VIP"}
    assert destination.decode(answer(200, tag), batch(Action.LINK, *rows)) == [Delivered(), Delivered()]
    with pytest.raises(BatchRefused):
        destination.decode(answer(404, GONE), batch(Action.LINK, *rows))
    assert became(Action.LINK, rows[0], answer(404, GONE)) == Again(None, "the record is not there")
    companies = tied(TAGS, "vip", sync("companies", "company_id"))
    assert sent(asked(Action.LINK, companies)) == {"name": "vip", "companies": [{"id": ONE}]}


def test_what_a_contact_has_is_read_of_a_list_alone() -> None:
    vip = tied(TAGS, "vip")
    tags = {"type": "list", "data": [{"type": "tag", "id": "80", "name": " VIP "}, {"type": "tag", "id": "81"}, 7]}
    seen = became(Action.SURVEY, vip, answer(200, tags))
    assert isinstance(seen, Again)
    assert (seen.destination_id, "vip" in seen.holds, "80" in seen.holds) == (ONE, True, False)
    attached = answer(200, {"type": "list", "data": [{"type": "company", "id": TWO}]})
    assert became(Action.SURVEY, tied(COMPANY, TWO), attached) == Again(ONE, "this is what is there", frozenset({TWO}))
    assert isinstance(became(Action.SURVEY, vip, answer(200, {"type": "list"})), Unknown)
    assert became(Action.SURVEY, vip, answer(404, GONE)) == Again(None, "the record is not there")


def test_a_company_that_is_not_there_is_no_contact_that_is_gone() -> None:
    gone = became(Action.LINK, tied(COMPANY, TWO), answer(404, error("company_not_found")))
    assert isinstance(gone, Rejected)
    assert became(Action.RESOLVE, tied(COMPANY, "x"), answer(404, error("company_not_found"))) == Again(
        None, "there is no such company"
    )
    assert became(Action.UNLINK, tied(COMPANY, TWO), answer(404, error("company_not_found"))) == Delivered()


# -- events, notes, custom objects -------------------------------------------------------------------------


def appended(kind: str, links: tuple[Link, ...] = (), **fields: Any) -> Row:
    a_sync = Sync(
        "more", kind, fields={n: FieldRule(n) for n in fields}, strategy=sync(mode="append").strategy, links=links
    )
    made = row(a_sync, "", **fields)
    if links:
        made.others = {(0, "u-1"): ONE}
    return made


def test_an_event_says_whose_it_is_when_and_what_more() -> None:
    event = asked(Action.APPEND, appended("event:paid", user_id="u-1", created_at=7, price=3, note=None))
    assert sent(event) == {"event_name": "paid", "user_id": "u-1", "created_at": 7, "metadata": {"price": 3}}
    linked = asked(Action.APPEND, appended("events", (OF_CONTACT,), event_name="paid", created_at=7))
    assert sent(linked) == {"event_name": "paid", "created_at": 7, "id": ONE}
    a_row = appended("event:paid", user_id="u-1", created_at=7)
    assert became(Action.APPEND, a_row, answer(202, b"")) == Delivered()
    assert isinstance(became(Action.APPEND, a_row, answer(404, GONE)), Retry)
    a_row.attempts = 3
    assert isinstance(became(Action.APPEND, a_row, answer(404, GONE)), Rejected)


def test_a_note_goes_to_the_contact_of_its_link() -> None:
    a_row = appended("notes", (OF_CONTACT,), body="<b>hi</b>", admin_id="9")
    request = asked(Action.APPEND, a_row)
    assert (line(request), sent(request)) == (f"POST /contacts/{ONE}/notes", {"body": "<b>hi</b>", "admin_id": "9"})
    assert became(Action.APPEND, a_row, answer(200, {"type": "note", "id": 31})) == Delivered("31", True)
    a_row.other = "u-1"
    assert line(asked(Action.RESOLVE, a_row)) == "GET /contacts/find_by_external_id/u-1"
    found = answer(200, contact(external_id="u-1"))
    assert became(Action.RESOLVE, a_row, found) == Again(ONE, "the contact was found")


def test_an_instance_is_upserted_and_a_type_that_is_not_there_ends_the_run() -> None:
    orders = sync("custom:Order", fields={n: FieldRule(n) for n in ("external_id", "total")})
    request = asked(Action.UPSERT, row(orders, "o-1", total=9.5))
    assert line(request) == "POST /custom_object_instances/Order"
    assert sent(request) == {"external_id": "o-1", "custom_attributes": {"total": 9.5}}
    made = answer(200, {"id": "22", "type": "Order", "external_id": "o-1"})
    assert became(Action.UPSERT, row(orders, "o-1"), made) == Delivered("22", None)
    with pytest.raises(Misconfigured, match="no custom object 'Order'"):
        became(Action.UPSERT, row(orders, "o-1"), answer(404, error("not_found", "Resource Not Found")))


# -- values and forms --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "given", "written"),
    [
        ("seats", "12", b"12"),
        ("share", 1.5, b"1.5"),
        ("paying", "true", b"true"),
        ("renews_at", "2025-10-20T23:06:40Z", b"1761001600"),
        ("renews_at", 1761001600, b"1761001600"),
        ("band", "silver", b'"silver"'),
        ("plan", 7, b'"7"'),
        ("plan", None, b"null"),
    ],
)
def test_values_become_what_their_attribute_takes(name: str, given: object, written: bytes) -> None:
    a_sync = sync(fields={"external_id": FieldRule("id"), name: FieldRule(name)})
    _, form = intercom(a_sync)
    mapper = RecordMapper(a_sync, form, {"id": {}, name: {}}, ["id"])
    _, _, _, body, *_ = mapper.map({"id": "u-1", name: given})
    assert json.loads(body) == {"external_id": "u-1", name: json.loads(written)}


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        (values.text, "x" * 256),
        (values.whole, 1.5),
        (values.seconds, 1761001600000),
        (values.seconds, "yesterday"),
        (values.spend, 10**10),
        (values.role, "admin"),
        (values.intercom_id, "a/b"),
        (values.key, ".."),
        (values.metadata, {"deep": {}}),
        (values.boolean, "yes"),
    ],
)
def test_values_that_intercom_would_refuse_or_change_are_not_sent(convert: Any, value: object) -> None:
    with pytest.raises(InvalidRecord) as caught:
        convert(value)
    assert str(value) not in str(caught.value) or value == ".."


def test_attributes_are_made_of_the_types_that_the_columns_have() -> None:
    made: list[dict[str, Any]] = []

    def asking(request: Request) -> Response:
        if request.method == "POST":
            made.append(sent(request))
            return answer(200, {"type": "data_attribute", "custom": True, **made[-1]})
        return ask(request)

    columns: dict[str, Any] = {
        "id": {"type": "string"},
        "a": {"type": ["integer", "null"]},
        "b": {"type": "number"},
        "c": {"type": "boolean"},
        "d": {"type": "string", "format": "date"},
        "e": {},
    }
    a_sync = sync(fields={"external_id": FieldRule("id"), **{name: FieldRule(name) for name in "abcde"}})
    destination = Intercom(Options(create_attributes=True))
    form = destination.form(a_sync, columns, ["id"], asking)
    assert {each["name"]: each["data_type"] for each in made} == {
        "a": "integer", "b": "float", "c": "boolean", "d": "date", "e": "string",
    }  # fmt: skip
    assert form.convert["d"]("1970-01-02") == 86400
    with pytest.raises(Misconfigured, match="has no attribute 'a'"):
        Intercom().form(a_sync, columns, ["id"], ask)


def test_the_gauge_reads_the_window() -> None:
    destination, _ = intercom(PEOPLE)
    gauge = destination.gauge(answer(200, {}, x_ratelimit_limit="1667", x_ratelimit_remaining="1204"))
    assert gauge is not None
    assert (gauge.requests, gauge.window, gauge.remaining) == (1667, 10.0, 1204)
    for odd in ("", "-1", "0", "9" * 12, "many"):
        assert destination.gauge(answer(200, {}, x_ratelimit_limit=odd, x_ratelimit_remaining="1")) is None
