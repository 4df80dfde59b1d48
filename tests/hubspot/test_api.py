"""HubSpot's wire: what a batch is written as, and what each answer means for each of its rows."""

from __future__ import annotations

import json

import pytest

from penstock.errors import BatchRefused, Fault, Misconfigured, NotAccepted, PenstockError, Throttled, Unavailable
from penstock.modes import Action
from penstock.records import Again, Delivered, Gauge, Outcome, Rejected, Unknown
from target_hubspot.api import HubSpot
from tests.hubspot.values import Body, answer, batch, hubspot, portal_ask, result, row, row_error, sent

DESTINATION, SYNC = hubspot()
BY_KEY, KEY_SYNC = hubspot("customer_key")
LEFT_OUT = Unknown("the answer does not mention the row", answered=True)


def upserted(status: int, body: object, *emails: str) -> list[Outcome]:
    rows = [row(SYNC, email) for email in emails or ("a@example.com", "b@example.com")]
    return DESTINATION.decode(answer(status, body), batch(SYNC, Action.UPSERT, rows))


def updated(body: object, *ids: str, former: str | None = None, led: int = 0, attempts: int = 1) -> list[Outcome]:
    rows = [row(SYNC, f"{record_id}@example.com", record_id, former) for record_id in ids]
    for each in rows:
        each.led, each.attempts = led, attempts
    return DESTINATION.decode(answer(200, body), batch(SYNC, Action.UPDATE, rows))


def refused(status: int, body: object, rows: int = 2) -> Exception:
    emails = [f"p{n}@example.com" for n in range(rows)]
    with pytest.raises(PenstockError) as caught:
        upserted(status, body, *emails)
    return caught.value


# -- requests ----------------------------------------------------------------------------------------------


def test_an_upsert_names_match_and_trace_id_on_every_input() -> None:
    rows = [row(SYNC, "a@example.com", firstname="Ana"), row(SYNC, "b@example.com")]
    request = DESTINATION.encode(batch(SYNC, Action.UPSERT, rows))
    assert (request.method, request.path) == ("POST", "/crm/objects/2026-03/contacts/batch/upsert")
    first = {"email": "a@example.com", "firstname": "Ana"}
    assert sent(request)["inputs"] == [
        {"id": "a@example.com", "idProperty": "email", "objectWriteTraceId": "0", "properties": first},
        {
            "id": "b@example.com",
            "idProperty": "email",
            "objectWriteTraceId": "1",
            "properties": {"email": "b@example.com"},
        },
    ]


def test_an_update_goes_by_record_id_and_names_no_id_property() -> None:
    request = DESTINATION.encode(batch(SYNC, Action.UPDATE, [row(SYNC, "new@example.com", "171500000001")]))
    assert request.path == "/crm/objects/2026-03/contacts/batch/update"
    assert sent(request)["inputs"] == [
        {"id": "171500000001", "objectWriteTraceId": "0", "properties": {"email": "new@example.com"}}
    ]


def test_a_look_up_asks_for_the_former_match_values() -> None:
    request = DESTINATION.encode(batch(SYNC, Action.FIND, [row(SYNC, "new@example.com", former="old@example.com")]))
    assert request.path == "/crm/objects/2026-03/contacts/batch/read"
    assert sent(request) == {
        "idProperty": "email",
        "properties": ["email", "hs_additional_emails"],
        "inputs": [{"id": "new@example.com"}, {"id": "old@example.com"}],
    }


def test_keys_never_travel_in_the_path() -> None:
    for action in (Action.UPSERT, Action.UPDATE, Action.FIND):
        request = DESTINATION.encode(batch(SYNC, action, [row(SYNC, "../x?y=1#z", "../1", "../old")]))
        assert request.path.startswith("/crm/objects/2026-03/contacts/batch/")
        assert ".." not in request.path


# -- answers to an upsert ----------------------------------------------------------------------------------


def test_results_are_matched_by_address_whatever_their_order_and_case() -> None:
    body = {"results": [result("2", "B@example.com", new=False), result("1", "a@example.com", new=True)]}
    assert upserted(200, body) == [Delivered("1", created=True), Delivered("2", created=False)]


def test_an_alias_finds_its_row() -> None:
    found = result("7", "main@example.com")
    found["properties"]["hs_additional_emails"] = "x@example.com;B@example.com"
    assert upserted(200, {"results": [found]}) == [LEFT_OUT, Delivered("7")]


def test_an_echoed_trace_id_is_believed_first() -> None:
    body = {"results": [result("7", "else@example.com", objectWriteTraceId="1", new=True)]}
    assert upserted(200, body) == [LEFT_OUT, Delivered("7", created=True)]


@pytest.mark.parametrize("trace", ["2", "-1", "²", "0" * 5000, "", None, ["0"]])
def test_a_trace_id_that_is_not_ours_finds_nothing(trace: object) -> None:
    body = {"results": [result("7", objectWriteTraceId=trace)], "errors": [row_error("INVALID_EMAIL", str(trace))]}
    assert upserted(207, body) == [LEFT_OUT, LEFT_OUT]


def test_a_named_row_is_rejected_and_the_rest_delivered() -> None:
    body = {"results": [result("1", "a@example.com")], "errors": [row_error("INVALID_OPTION", "1")], "numErrors": 1}
    said = Rejected("INVALID_OPTION", "the value is none of the property's options", "firstname")
    assert upserted(207, body) == [Delivered("1"), said]
    assert upserted(200, body) == [Delivered("1"), said]


def test_an_error_outweighs_a_result_of_the_same_row() -> None:
    body = {"results": [result("1", "a@example.com")], "errors": [row_error("INVALID_EMAIL", "0")]}
    assert isinstance(upserted(207, body, "a@example.com")[0], Rejected)


@pytest.mark.parametrize("context", [{}, None, [], {"objectWriteTraceId": "1"}, {"objectWriteTraceId": ["9"]}])
def test_rows_behind_an_error_without_trace_ids_are_unknown(context: object) -> None:
    body: Body = {"results": [result("1", "a@example.com")], "errors": [{"category": "VALIDATION_ERROR"}]}
    body["errors"][0]["context"] = context
    assert upserted(207, body) == [Delivered("1"), LEFT_OUT]


def test_an_error_may_name_rows_by_their_match_value() -> None:
    error = {"category": "VALIDATION_ERROR", "context": {"ids": ["b@example.com"]}}
    assert upserted(207, {"results": [result("1", "a@example.com")], "errors": [error]})[1] == Rejected(
        "VALIDATION_ERROR", "HubSpot refused the record with code VALIDATION_ERROR"
    )


@pytest.mark.parametrize("body", [{"results": []}, {"results": [], "errors": None}, {"errors": [{}], "numErrors": 2}])
def test_success_around_nothing_delivers_nothing(body: Body) -> None:
    assert upserted(200, body) == [LEFT_OUT, LEFT_OUT]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"results": [{"id": "1"',
        b"[]",
        b"null",
        b'"\xff"',
        b"[" * 100_000,
        b"{}",
        b'{"results": {}}',
        b'{"results": [], "errors": {"a": 1}}',
    ],
)
def test_a_success_that_cannot_be_read_says_nothing_about_any_row(body: bytes) -> None:
    assert isinstance(refused(200, body), NotAccepted)


@pytest.mark.parametrize("record_id", [None, "", True, 1.5, {"a": 1}, "abc", "²"])
def test_a_result_without_a_record_id_is_no_delivery(record_id: object) -> None:
    body = {"results": [result("1", "a@example.com") | {"id": record_id}]}
    assert upserted(200, body) == [LEFT_OUT, LEFT_OUT]


def test_a_conflict_that_names_the_rows_own_record_becomes_an_update_of_it() -> None:
    error = {"category": "CONFLICT", "message": "Contact already exists. Existing ID: 29"}
    there = Again("29", "the record exists under this id")
    assert upserted(207, {"results": [], "errors": [error | {"context": {"objectWriteTraceId": ["0"]}}]})[0] == there
    assert upserted(409, error, "a@example.com") == [there]
    other = {"category": "CONFLICT", "context": {"existingId": ["31"]}}
    assert upserted(409, other, "a@example.com") == [Again("31", "the record exists under this id")]


def test_a_conflict_over_an_address_that_is_not_the_match_takes_nobody_elses_record() -> None:
    error = {"category": "CONFLICT", "message": "Contact already exists. Existing ID: 29"}
    lone = batch(KEY_SYNC, Action.UPSERT, [row(KEY_SYNC, "C-1", email="taken@example.com")])
    said = [Rejected("CONFLICT", "another record exists with the same identity")]
    assert BY_KEY.decode(answer(409, error), lone) == said


def test_a_whole_batch_conflict_is_halved() -> None:
    assert isinstance(refused(409, {"category": "CONFLICT", "message": "Contact already exists"}), BatchRefused)


# -- answers to an update and to a look-up -----------------------------------------------------------------


def test_an_update_whose_id_is_gone_goes_on_by_its_match_value() -> None:
    gone = {"category": "OBJECT_NOT_FOUND", "message": "Could not get some", "context": {"ids": ["2"]}}
    outcomes = updated({"results": [result("1")], "errors": [gone]}, "1", "2")
    assert outcomes == [
        Delivered("1"),
        Again(None, "the record is not there"),
    ]


def test_an_id_that_was_merged_away_in_silence_goes_on_by_its_match_value() -> None:
    outcomes = updated({"results": [result("1")]}, "1", "2")
    assert outcomes[0] == Delivered("1")
    assert isinstance(outcomes[1], Again)
    assert outcomes[1].destination_id is None


def test_a_row_whose_match_value_changed_is_looked_for_under_the_former_one_first() -> None:
    """An upsert by the new address would make a second contact beside the survivor of the merge."""
    [outcome] = updated({"results": []}, "2", former="old@example.com")
    assert isinstance(outcome, Again)
    assert outcome.destination_id is None


def test_an_update_left_out_three_times_is_not_acknowledged() -> None:
    assert updated({"results": []}, "2", led=3) == [LEFT_OUT]


def test_requests_that_failed_are_no_answers_that_left_a_record_out() -> None:
    [outcome] = updated({"results": []}, "2", attempts=5)
    assert isinstance(outcome, Again)


def looked_up(body: Body, attempts: int = 1) -> Outcome:
    asked = row(SYNC, "new@example.com", former="old@example.com")
    asked.attempts = attempts
    [outcome] = DESTINATION.decode(answer(207, body), batch(SYNC, Action.FIND, [asked]))
    return outcome


def test_a_record_found_under_the_former_value_is_updated() -> None:
    found = looked_up({"results": [result("5", "OLD@example.com")]})
    assert found == Again("5", "the record was found")


def test_only_a_value_named_as_missing_is_taken_as_missing() -> None:
    gone = {"category": "OBJECT_NOT_FOUND", "context": {"ids": ["old@example.com", "new@example.com"]}}
    upsert = Again(None, "no record was found")
    assert looked_up({"results": [], "errors": [gone]}) == upsert
    assert isinstance(looked_up({"results": []}), Unknown)
    assert looked_up({"results": []}, attempts=3) == upsert


# -- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 423, 500, 502, 503, 504, 521, 522, 523, 524, 525, 526, 599])
def test_trouble_on_their_side_is_tried_again(status: int) -> None:
    refusal = refused(status, b"<html>")
    assert isinstance(refusal, Unavailable)
    assert refusal.after == (2.0 if status == 423 else None)


@pytest.mark.parametrize(
    ("body", "wait"),
    [
        ({"policyName": "TEN_SECONDLY_ROLLING"}, 10.0),
        ({"policyName": "SECONDLY"}, 1.0),
        ({"category": "RATE_LIMITS"}, 10.0),
        ({"policyName": {"odd": 1}}, 10.0),
        ({}, 10.0),
    ],
)
def test_429_waits_by_its_policy(body: Body, wait: float) -> None:
    refusal = refused(429, body)
    assert isinstance(refusal, Throttled)
    assert refusal.after == wait


def test_the_daily_limit_and_a_moving_account_end_the_run_as_faults() -> None:
    daily = refused(429, {"policyName": "DAILY", "message": "You have reached your daily limit."})
    assert isinstance(daily, Fault)
    assert "midnight in the portal's time zone" in daily.advice
    assert isinstance(refused(477, {}), Fault)


@pytest.mark.parametrize("category", ["EXPIRED_AUTHENTICATION", "INVALID_AUTHENTICATION", {"odd": 1}])
def test_a_refused_token_is_configuration(category: object) -> None:
    refusal = refused(401, {"category": category})
    assert isinstance(refusal, Misconfigured)
    assert "setting token" in refusal.message


@pytest.mark.parametrize("place", ["top", "nested"])
def test_missing_scopes_are_named(place: str) -> None:
    context = {"context": {"requiredGranularScopes": ["crm.objects.contacts.write"]}}
    body = {"category": "MISSING_SCOPES", **(context if place == "top" else {"errors": [context]})}
    refusal = refused(403, body)
    assert isinstance(refusal, Misconfigured)
    assert "crm.objects.contacts.write" in refusal.message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirected_write_is_no_write(status: int) -> None:
    refusal = refused(status, b"")
    assert isinstance(refusal, Misconfigured)
    assert "redirected" in refusal.message


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, ""),
        (400, "Unable to perform update/upsert by non-unique 0-1 property firstname"),
        (400, "Unable to infer object type from: butterflies"),
    ],
)
def test_what_no_row_is_to_blame_for_is_configuration(status: int, message: str) -> None:
    assert isinstance(refused(status, {"message": message}), Misconfigured)


@pytest.mark.parametrize("value", ["idProperty", "Unable to infer object type", "by non-unique property"])
def test_a_value_inside_a_message_cannot_end_the_run(value: str) -> None:
    embedded = json.dumps([{"message": f"{value} was not valid", "error": "INVALID_OPTION", "name": "plan"}])
    refusal = refused(400, {"message": f"Property values were not valid: {embedded}"})
    assert isinstance(refusal, BatchRefused)
    assert (refusal.code, refusal.field) == ("INVALID_OPTION", "plan")


@pytest.mark.parametrize("status", [400, 409, 413, 414, 418])
def test_other_refusals_are_of_some_row(status: int) -> None:
    refusal = refused(status, {"category": "VALIDATION_ERROR", "message": "Duplicate IDs found in batch input"})
    assert isinstance(refusal, BatchRefused)


@pytest.mark.parametrize("status", [100, 202, 204, 206])
def test_an_unexpected_status_is_no_success(status: int) -> None:
    assert isinstance(refused(status, b""), NotAccepted)


# -- headers and start -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("most", "window", "left", "gauge"),
    [
        ("190", "10000", "143", Gauge(190, 10.0, 143)),
        ("190", "999999999999", "143", None),
        ("0", "10000", "0", None),
        ("-5", "10000", "0", None),
        ("²", "10000", "0", None),
        ("190", "0", "0", None),
        ("1" * 400, "1" * 400, "0", None),
    ],
)
def test_the_gauge_is_read_off_the_headers_unless_it_is_nonsense(
    most: str, window: str, left: str, gauge: Gauge | None
) -> None:
    headers = {
        "x_hubspot_ratelimit_max": most,
        "x_hubspot_ratelimit_interval_milliseconds": window,
        "x_hubspot_ratelimit_remaining": left,
    }
    assert DESTINATION.gauge(answer(200, {}, **headers)) == gauge
    assert DESTINATION.gauge(answer(200, {})) is None


@pytest.mark.parametrize(
    ("day", "left", "gauge"),
    [
        ("625000", "624857", Gauge(190, 10.0, 143, 624857, 625000)),
        ("-1", "²", Gauge(190, 10.0, 143)),
        ("9" * 400, "0", Gauge(190, 10.0, 143, 0)),
    ],
)
def test_the_daily_quota_is_read_off_the_headers(day: str, left: str, gauge: Gauge) -> None:
    headers = {
        "x_hubspot_ratelimit_max": "190",
        "x_hubspot_ratelimit_interval_milliseconds": "10000",
        "x_hubspot_ratelimit_remaining": "143",
        "x_hubspot_ratelimit_daily": day,
        "x_hubspot_ratelimit_daily_remaining": left,
    }
    assert DESTINATION.gauge(answer(200, {}, **headers)) == gauge


def test_the_account_is_the_portal() -> None:
    assert HubSpot().account(portal_ask) == "hubspot:12345678"


@pytest.mark.parametrize("body", [b"<html>", b"", {}, {"portalId": None}, {"portalId": True}, [1]])
def test_an_account_that_is_not_hubspots_is_named_and_never_remembered(body: object) -> None:
    with pytest.raises(Fault, match="not HubSpot's"):
        HubSpot().account(lambda request: answer(200, body))


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404])
def test_a_start_that_is_refused_is_configuration(status: int) -> None:
    with pytest.raises(Misconfigured):
        HubSpot().account(lambda request: answer(status, b"no"))


@pytest.mark.parametrize(("of_all", "of_links"), [(100, 100), (110, 100), (190, 150), (250, 200)])
def test_the_limit_of_associations_follows_the_tier(of_all: int, of_links: int) -> None:
    target = HubSpot()
    headers = {"x_hubspot_ratelimit_max": str(of_all), "x_hubspot_ratelimit_remaining": "9"}
    target.account(lambda _: answer(200, {"portalId": 1}, **headers))
    budget = target.limits.budget(("people", Action.LINK))
    assert budget is not None
    assert budget.requests == of_links
    assert target.limits.budget(("people", Action.FIND)) is None
