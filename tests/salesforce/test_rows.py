"""Rows by requests: the body of each mode, and one outcome per row of each answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import pytest

from penstock.errors import BatchRefused, Fault, Misconfigured, NotAccepted, Refusal, Stop, Throttled, Unavailable
from penstock.modes import MODES, Action, Sync
from penstock.records import Again, Delivered, Outcome, Rejected, Retry, Unknown
from target_salesforce.api import Options, Salesforce
from target_salesforce.rows import TRIES
from tests.salesforce.values import answer, batch, done, failed, lead, row, sent, sync_of, told

SYNC = sync_of(["Key__c", "LastName"])
DESTINATION, _ = told(SYNC)
PARENTS = sync_of(["Key__c", "Account__r.Key__c"])
WITH_PARENTS, _ = told(PARENTS)
BY_ADDRESS = sync_of(["Email", "LastName"], match="Email")
LOOKING, _ = told(BY_ADDRESS)
PERSON = sync_of(["Email", "LastName"], "Lead|Contact", "Email")
PEOPLE, _ = told(PERSON)
BASE = "/services/data/v66.0/composite/sobjects"
CONTACT = "003000000000001AAA"


def decoded(results: object, action: Action = Action.UPSERT, status: int = 200, **more: object) -> list[Outcome]:
    sync = more.get("sync", SYNC)
    destination = more.get("destination", DESTINATION)
    assert isinstance(sync, Sync)
    assert isinstance(destination, Salesforce)
    ids = action not in (Action.UPSERT, Action.CREATE, Action.FIND)
    counted = {name: int(str(more.get(name, least))) for name, least in (("attempts", 1), ("led", 0), ("crowd", 0))}
    rows = [
        row(sync, f"l-{n}", lead(n) if ids else None, **counted) for n in range(1, int(str(more.get("rows", 2))) + 1)
    ]
    return destination.decode(answer(status, results), batch(sync, action, rows))


def test_an_upsert_finds_by_the_key_in_the_body() -> None:
    request = DESTINATION.encode(batch(SYNC, Action.UPSERT, [row(SYNC, "L/1?", LastName="O'Brien")]))
    assert (request.method, request.path) == ("PATCH", f"{BASE}/Lead/Key__c")
    record = {"attributes": {"type": "Lead"}, "Key__c": "L/1?", "LastName": "O'Brien"}
    assert sent(request) == {"allOrNone": False, "records": [record]}
    assert request.headers["Sforce-Auto-Assign"] == "FALSE"
    assert request.headers["Sforce-Call-Options"] == "client=Penstock"
    assert "Sforce-Duplicate-Rule-Header" not in request.headers


def test_headers_say_what_the_settings_do() -> None:
    destination, _ = told(SYNC, Options(assignment="TRUE", duplicates_pass=True, all_or_none=True, version="62.0"))
    request = destination.encode(batch(SYNC, Action.UPSERT, [row(SYNC, "L-1")]))
    assert request.headers["Sforce-Auto-Assign"] == "TRUE"
    assert request.headers["Sforce-Duplicate-Rule-Header"] == "allowSave=true"
    assert request.path.startswith("/services/data/v62.0/")
    assert sent(request)["allOrNone"] is True


def test_an_update_names_the_record_by_its_id() -> None:
    request = DESTINATION.encode(batch(SYNC, Action.UPDATE, [row(SYNC, "L-1", lead(1), LastName=None)]))
    assert (request.method, request.path) == ("PATCH", BASE)
    assert sent(request)["records"] == [
        {"attributes": {"type": "Lead"}, "Id": lead(1), "Key__c": "L-1", "LastName": None}
    ]


def test_a_creation_after_a_look_and_a_removal() -> None:
    request = LOOKING.encode(batch(BY_ADDRESS, Action.UPSERT, [row(BY_ADDRESS, "a@example.com")]))
    assert (request.method, request.path) == ("POST", BASE)
    gone = DESTINATION.encode(batch(SYNC, Action.ARCHIVE, [row(SYNC, "L-1", lead(1)), row(SYNC, "L-2", lead(2))]))
    assert (gone.method, gone.path) == ("DELETE", f"{BASE}?ids={lead(1)},{lead(2)}&allOrNone=false")


def test_a_parent_is_an_object_of_its_own_and_none_is_null_in_its_field() -> None:
    one: Any = {"Account__r.Key__c": "A-9"}
    none: Any = {"Account__r.Key__c": None}
    rows = [row(PARENTS, "L-1", **one), row(PARENTS, "L-2", **none)]
    first, second = sent(WITH_PARENTS.encode(batch(PARENTS, Action.UPSERT, rows)))["records"]
    assert first == {"attributes": {"type": "Lead"}, "Key__c": "L-1", "Account__r": {"Key__c": "A-9"}}
    assert second == {"attributes": {"type": "Lead"}, "Key__c": "L-2", "Account__c": None}


def test_a_parent_that_may_be_of_several_objects_names_its_own() -> None:
    sync = sync_of(["Key__c", "Contact:Who.Key__c"], "Task")
    destination, _ = told(sync)
    who: Any = {"Contact:Who.Key__c": "C-1"}
    request = destination.encode(batch(sync, Action.UPSERT, [row(sync, "T-1", **who)]))
    [record] = sent(request)["records"]
    assert record["Who"] == {"attributes": {"type": "Contact"}, "Key__c": "C-1"}


def test_a_look_asks_with_literals_of_the_fields_type() -> None:
    rows = [row(BY_ADDRESS, "o'brien\\@example.com"), row(BY_ADDRESS, "b@example.com")]
    request = LOOKING.encode(batch(BY_ADDRESS, Action.FIND, rows))
    query = unquote(request.path.partition("?q=")[2])
    assert query == (r"SELECT Id,Email FROM Lead WHERE Email IN ('b@example.com','o\'brien\\@example.com')")
    numbers = sync_of(["Number__c"], match="Number__c", strategy=MODES["update"])
    destination, _ = told(numbers)
    request = destination.encode(batch(numbers, Action.FIND, [row(numbers, "912260031"), row(numbers, "1 OR 1=1")]))
    assert unquote(request.path).endswith("Number__c IN ('1 OR 1=1',912260031)")


def test_each_row_gets_the_outcome_at_its_place() -> None:
    found = decoded(
        [done(lead(1), created=True), failed("STRING_TOO_LONG", "LastName: data value too large: zanzibar", "LastName")]
    )
    assert found == [
        Delivered(lead(1), True),
        Rejected("STRING_TOO_LONG", "the value is longer than the field", "LastName"),
    ]
    assert decoded([done(lead(1), created=False), done(lead(2))], Action.UPSERT)[0] == Delivered(lead(1), False)
    assert decoded([done(lead(1)), done(lead(2))], Action.UPDATE) == [Delivered(lead(1)), Delivered(lead(2))]
    assert decoded([done(lead(1)), done(lead(2))], Action.CREATE) == [
        Delivered(lead(1), True),
        Delivered(lead(2), True),
    ]


def test_an_answer_of_another_length_says_nothing_that_no_id_shows() -> None:
    assert all(isinstance(each, Unknown) for each in decoded([done(lead(1), created=True)]))
    first, second = decoded([done(lead(2))], Action.UPDATE)
    assert isinstance(first, Unknown)
    assert second == Delivered(lead(2))
    shuffled = decoded([done(lead(2)), done(lead(1))], Action.UPDATE)
    assert all(isinstance(each, Unknown) for each in shuffled)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("UNABLE_TO_LOCK_ROW", Retry("UNABLE_TO_LOCK_ROW", crowded=True)),
        ("ALL_OR_NONE_OPERATION_ROLLED_BACK", Retry("ALL_OR_NONE_OPERATION_ROLLED_BACK")),
        ("PROCESSING_HALTED", Retry("PROCESSING_HALTED")),
        (
            "A_CODE_THAT_NOBODY_KNOWS",
            Rejected("A_CODE_THAT_NOBODY_KNOWS", "Salesforce refused the record with code A_CODE_THAT_NOBODY_KNOWS"),
        ),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", Retry("CANNOT_EXECUTE_FLOW_TRIGGER", crowded=True)),
    ],
)
def test_a_code_says_what_becomes_of_the_row(code: str, outcome: Outcome) -> None:
    assert decoded([failed(code), done(lead(2), created=True)])[0] == outcome


def test_a_lock_is_not_waited_for_without_end() -> None:
    [found, _] = decoded([failed("UNABLE_TO_LOCK_ROW"), done(lead(2), created=True)], crowd=TRIES - 1)
    assert isinstance(found, Rejected)


def test_only_answers_that_say_locked_count_against_a_lock() -> None:
    [found, _] = decoded([failed("UNABLE_TO_LOCK_ROW"), done(lead(2), created=True)], attempts=TRIES + 1, crowd=1)
    assert found == Retry("UNABLE_TO_LOCK_ROW", crowded=True)


@pytest.mark.parametrize(
    ("text", "again"),
    [("UNABLE_TO_LOCK_ROW, zanzibar", True), ("Apex CPU time limit exceeded", True), ("zanzibar", False)],
)
def test_a_trigger_that_failed_for_want_of_time_or_locks_gets_another_try(text: str, again: bool) -> None:
    [found, _] = decoded([failed("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", text), done(lead(2), created=True)])
    assert isinstance(found, Retry if again else Rejected)


def test_a_record_that_is_gone_is_looked_for_again_or_was_to_go() -> None:
    gone = [failed("ENTITY_IS_DELETED", "entity is deleted"), done(lead(2))]
    assert isinstance(decoded(gone, Action.UPDATE)[0], Again)
    assert isinstance(decoded(gone, Action.DELETE)[0], Delivered)
    assert isinstance(decoded(gone, Action.UPDATE, led=3)[0], Rejected)
    assert isinstance(decoded(gone, Action.UPDATE, attempts=5)[0], Again)
    parent = [failed("INVALID_CROSS_REFERENCE_KEY", "zanzibar", "Account__c"), done(lead(2))]
    assert isinstance(decoded(parent, Action.UPDATE)[0], Rejected)


def test_two_keys_that_only_salesforce_takes_for_the_same_part_by_and_by() -> None:
    same = [failed("DUPLICATE_VALUE", "Duplicate external id specified: zanzibar"), done(lead(2))]
    assert isinstance(decoded(same, attempts=5)[0], Retry)
    assert isinstance(decoded(same, crowd=3)[0], Rejected)


def test_a_parent_that_is_not_there_is_the_rows_own_fault_and_named_by_its_column() -> None:
    text = "Foreign key external ID: zanzibar not found for field Key__c in entity Account"
    for end in decoded([failed("INVALID_FIELD", text)] * 2, sync=PARENTS, destination=WITH_PARENTS):
        assert isinstance(end, Rejected)
        assert (end.code, end.field) == ("INVALID_FIELD", "Account__r.Key__c")
        assert "zanzibar" not in end.message
    with pytest.raises(Misconfigured, match="refuses every row"):
        decoded([failed("INVALID_FIELD", "zanzibar")] * 2, sync=PARENTS, destination=WITH_PARENTS)


def test_a_field_goes_to_the_object_that_has_it() -> None:
    sync = sync_of(["Email", "LastName", "Rating", "AccountId"], "Lead|Contact", "Email")
    people, _ = told(sync)
    values: Any = {"LastName": "x", "Rating": "Hot", "AccountId": None}
    rows = [row(sync, "a@example.com", CONTACT, **values), row(sync, "b@example.com", lead(1), **values)]
    updated = {each["Id"]: each for each in sent(people.encode(batch(sync, Action.UPDATE, rows)))["records"]}
    named = {"Email": "a@example.com", "LastName": "x"}
    assert updated[CONTACT] == {"attributes": {"type": "Contact"}, "Id": CONTACT, **named, "AccountId": None}
    named["Email"] = "b@example.com"
    assert updated[lead(1)] == {"attributes": {"type": "Lead"}, "Id": lead(1), **named, "Rating": "Hot"}
    [made] = sent(people.encode(batch(sync, Action.UPSERT, [row(sync, "b@example.com", **values)])))["records"]
    assert made == {"attributes": {"type": "Lead"}, **named, "Rating": "Hot"}


def test_decimals_keep_their_digits_beside_a_parent() -> None:
    one = row(PARENTS, "L-1")
    one.body = b'{"Key__c":"L-1","Score__c":1234567890123456.78,"Account__r.Key__c":"A-9"}'
    assert b'"Score__c":1234567890123456.78' in (WITH_PARENTS.encode(batch(PARENTS, Action.UPSERT, [one])).body or b"")


def test_a_permission_that_is_missing_in_mid_run_names_sync_and_object() -> None:
    with pytest.raises(Misconfigured, match=r"sync leads \(Lead\) was refused \(status 403, INSUFFICIENT_ACCESS\)"):
        decoded([{"errorCode": "INSUFFICIENT_ACCESS", "message": "zanzibar"}], status=403)


def test_a_creation_that_finds_its_key_taken_has_found_its_record() -> None:
    text = f"duplicate value found: Key__c duplicates value on record with id: {lead(7)[:15]}"
    assert decoded([failed("DUPLICATE_VALUE", text), done(lead(2))], Action.CREATE)[0] == Again(
        lead(7), "the record is there already"
    )
    other = text.replace("Key__c", "Other__c")
    assert isinstance(decoded([failed("DUPLICATE_VALUE", other), done(lead(2))], Action.CREATE)[0], Rejected)


def test_what_no_row_can_pass_stops_the_run() -> None:
    with pytest.raises(Fault, match="STORAGE_LIMIT_EXCEEDED"):
        decoded([failed("STORAGE_LIMIT_EXCEEDED"), done(lead(2))])
    with pytest.raises(Misconfigured, match="field LastName"):
        decoded([failed("INVALID_FIELD_FOR_INSERT_UPDATE", "zanzibar", "LastName")] * 2)
    one = decoded([failed("INVALID_FIELD_FOR_INSERT_UPDATE", "zanzibar", "LastName"), done(lead(2), created=True)])
    assert isinstance(one[0], Rejected)


def test_looks() -> None:
    def find(records: Sequence[Mapping[str, object]], rows: int = 1, **page: object) -> list[Outcome]:
        body: dict[str, object] = {"totalSize": len(records), "done": True, "records": records, **page}
        return decoded(body, Action.FIND, sync=BY_ADDRESS, destination=LOOKING, rows=rows)

    assert find([{"Id": lead(1), "Email": "L-1"}]) == [Again(lead(1), "the record was found")]
    assert find([]) == [Again(None, "no record was found")]
    [twice] = find([{"Id": lead(1), "Email": "l-1"}, {"Id": lead(2), "Email": "l-1"}])
    assert isinstance(twice, Rejected)
    assert lead(1) in twice.message
    assert lead(2) in twice.message
    with pytest.raises(BatchRefused):
        find([], rows=2, done=False)


def test_whoever_holds_the_address_is_meant() -> None:
    looks = PEOPLE.encode(batch(PERSON, Action.FIND, [row(PERSON, "a@example.com")]))
    queries = [unquote(each["url"]) for each in sent(looks)["compositeRequest"]]
    assert "SELECT Id,Email,IsConverted,ConvertedContactId FROM Lead" in queries[0]
    assert "SELECT Id,Email FROM Contact" in queries[1]

    def find(leads: Sequence[Mapping[str, object]], contacts: Sequence[Mapping[str, object]]) -> Outcome:
        pages = [{"done": True, "records": each} for each in (leads, contacts)]
        parts = [{"httpStatusCode": 200, "body": page, "referenceId": f"q{n}"} for n, page in enumerate(pages)]
        [found] = decoded({"compositeResponse": parts}, Action.FIND, sync=PERSON, destination=PEOPLE, rows=1)
        return found

    own = {"Id": lead(1), "Email": "l-1", "IsConverted": False, "ConvertedContactId": None}
    converted = {**own, "IsConverted": True, "ConvertedContactId": CONTACT}
    contact = {"Id": CONTACT, "Email": "l-1"}
    assert find([own], []) == Again(lead(1), "the record was found")
    assert find([], [contact]) == Again(CONTACT, "the record was found")
    assert find([own], [contact]) == Again(CONTACT, "the record was found")
    assert find([converted], []) == Again(CONTACT, "the record was found")
    assert find([converted], [contact]) == Again(CONTACT, "the record was found")
    assert isinstance(find([own, {**own, "Id": lead(2)}], []), Rejected)
    assert isinstance(find([], [contact, {**contact, "Id": "003000000000002AAA"}]), Rejected)


def test_objects_travel_apart_and_their_answers_find_back() -> None:
    rows = [row(PERSON, "a", lead(1)), row(PERSON, "b", CONTACT), row(PERSON, "c", lead(2))]
    asked = batch(PERSON, Action.UPDATE, rows)
    types = [record["attributes"]["type"] for record in sent(PEOPLE.encode(asked))["records"]]
    assert types == ["Contact", "Lead", "Lead"]
    results = [failed("ENTITY_IS_LOCKED"), done(lead(1)), failed("CANNOT_UPDATE_CONVERTED_LEAD")]
    first, second, third = PEOPLE.decode(answer(200, results), asked)
    assert first == Delivered(lead(1))
    assert isinstance(second, Rejected)
    assert isinstance(third, Again)


def refused(code: str, message: str = "zanzibar", status: int = 400) -> Exception:
    with pytest.raises((Refusal, Stop)) as caught:
        decoded([{"errorCode": code, "message": message}], status=status)
    assert "zanzibar" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (401, "INVALID_SESSION_ID", "Session expired or invalid", Misconfigured),
        (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", Fault),
        (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.", Throttled),
        (403, "API_DISABLED_FOR_ORG", "zanzibar", Fault),
        (403, "INSUFFICIENT_ACCESS", "zanzibar", Misconfigured),
        (429, "TOO_MANY_REQUESTS", "zanzibar", Throttled),
        (500, "UNKNOWN_EXCEPTION", "zanzibar", Unavailable),
        (503, "SERVER_UNAVAILABLE", "zanzibar", Unavailable),
        (400, "QUERY_TIMEOUT", "zanzibar", Unavailable),
        (400, "JSON_PARSER_ERROR", "zanzibar", BatchRefused),
        (400, "A_CODE_THAT_NOBODY_KNOWS", "zanzibar", BatchRefused),
        (414, "URI_TOO_LONG", "zanzibar", BatchRefused),
        (404, "NOT_FOUND", "zanzibar", Misconfigured),
        (410, "GONE", "zanzibar", Misconfigured),
        (300, "ZANZIBAR", "zanzibar", Misconfigured),
        (302, "ZANZIBAR", "zanzibar", Misconfigured),
    ],
)
def test_what_a_refused_request_means(status: int, code: str, message: str, kind: type[Exception]) -> None:
    assert type(refused(code, message, status)) is kind


def test_a_missing_column_is_named() -> None:
    assert "field Foo__c" in str(refused("INVALID_FIELD", "No such column 'Foo__c' on sobject of type Lead"))


@pytest.mark.parametrize("body", [b"<html>busy</html>", b"", b"{}", b'{"a": 1}', b"[1]", b"null"])
def test_a_success_that_is_none(body: bytes) -> None:
    with pytest.raises(NotAccepted):
        decoded(body)


@pytest.mark.parametrize(
    ("header", "left", "limit"),
    [
        ("api-usage=18/15000", 14982, 15000),
        ("api-usage=18/15000; per-app-api-usage=17/250(appName=my-app)", 233, 250),
        ("api-usage=15001/15000", 0, 15000),
    ],
)
def test_the_quota_is_read_off_any_answer(header: str, left: int, limit: int) -> None:
    found = DESTINATION.gauge(answer(200, [], sforce_limit_info=header))
    assert found is not None
    assert (found.daily_remaining, found.daily_limit) == (left, limit)
    assert DESTINATION.gauge(answer(200, [], sforce_limit_info="nonsense")) is None
