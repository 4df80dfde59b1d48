"""Links between objects as requests and answers: plain values in, plain values out."""

from __future__ import annotations

from penstock.modes import Action, Link, Sync
from penstock.records import Again, Batch, Delivered, Outcome, Rejected, Row, Unknown
from target_hubspot.associations import Association
from target_hubspot.objects import Objects
from tests.hubspot.test_any_answer import recorded
from tests.hubspot.values import Body, answer, batch, row, row_error, sent

LINKS = (
    Link("companies", "account", match="crm_key"),
    Link("companies", "main", match="crm_key", label="Primary"),
    Link("companies", "partner", match="crm_key", label="Partner"),
    Link("deals", "deal", match="deal_key"),
)
SYNC = Sync("people", "contacts", "email", links=LINKS)
KINDS = (None, ("HUBSPOT_DEFINED", 1), ("USER_DEFINED", 36), ("", 0))
LINKED = Association("/a/contacts/companies", KINDS, "/o/companies", "crm_key", creates=False)
MAKING = Association("/a/contacts/companies", KINDS, "/o/companies", "crm_key", creates=True)


def linked(own: str, other: str, link: int = 0, **values: str) -> Row:
    """A row with an id, at the step of one link; `values` are what its links name: account="29".

    The labels of its pair were read; there are none.
    """
    made = row(SYNC, f"p{own}@example.com", own)
    made.link, made.other, made.holds = link, other, frozenset({other})
    names = [each.column for each in LINKS]
    made.links = tuple((values[name],) if name in values else () for name in names)
    made.others = {(names.index(name), value): value for name, value in values.items()}
    return made


def rows_of(*rows: Row, action: Action) -> Batch:
    return batch(SYNC, action, rows)


def types(*pairs: tuple[str, int]) -> list[Body]:
    return [{"associationCategory": category, "associationTypeId": type_id} for category, type_id in pairs]


def test_a_plain_link_is_the_default_one() -> None:
    request = LINKED.encode(rows_of(linked("1", "29", account="29"), action=Action.LINK))
    assert request.path == "/a/contacts/companies/batch/associate/default"
    assert sent(request) == {"inputs": [{"from": {"id": "1"}, "to": {"id": "29"}}]}


def test_a_label_is_written_with_the_others_that_the_row_wants_for_the_pair() -> None:
    both = linked("1", "29", 1, account="29", main="29", partner="29", deal="29")
    one = linked("2", "29", 1, account="30", main="29", partner="30")
    request = LINKED.encode(rows_of(both, one, action=Action.LINK))
    assert request.path.endswith("/batch/create")
    assert [each["types"] for each in sent(request)["inputs"]] == [
        types(("HUBSPOT_DEFINED", 1), ("USER_DEFINED", 36)),
        types(("HUBSPOT_DEFINED", 1)),
    ]


def test_unlinking_takes_the_label_alone_and_the_default_only_where_no_label_is_wanted() -> None:
    request = LINKED.encode(rows_of(linked("1", "29", 2, main="29"), action=Action.UNLINK))
    assert request.path.endswith("/batch/labels/archive")
    assert sent(request)["inputs"][0]["types"] == types(("USER_DEFINED", 36))
    plain, wanted = linked("1", "29", 0), linked("2", "29", 0, main="29")
    request = LINKED.encode(rows_of(plain, wanted, action=Action.UNLINK))
    assert request.path.endswith("/batch/archive")
    assert sent(request) == {"inputs": [{"from": {"id": "1"}, "to": [{"id": "29"}]}]}
    assert LINKED.encode(rows_of(wanted, action=Action.UNLINK)).path.endswith("/batch/associate/default")
    assert LINKED.decode(answer(204, b""), rows_of(plain, wanted, action=Action.UNLINK)) == [Delivered(), Delivered()]


def kind(category: str, type_id: int, label: str | None) -> Body:
    return {"category": category, "typeId": type_id, "label": label}


def test_labels_are_read_before_others_are_written_or_their_pair_is_taken_away() -> None:
    unread = [linked("1", "29", 1, main="29"), linked("2", "29", 1, main="29"), linked("3", "29", 1, main="29")]
    for each in unread:
        each.holds = frozenset()
    asked = rows_of(*unread, action=Action.LINK)
    request = LINKED.encode(asked)
    assert request.path.endswith("/batch/read")
    assert sent(request) == {"inputs": [{"id": "1"}, {"id": "2"}, {"id": "3"}]}
    own = [kind("HUBSPOT_DEFINED", 279, None), kind("USER_DEFINED", 40, "By hand")]
    to = [{"toObjectId": 29, "associationTypes": own}, {"toObjectId": 30, "associationTypes": own}]
    gone = {"category": "OBJECT_NOT_FOUND", "context": {"fromObjectId": ["2"]}}
    outcomes = LINKED.decode(answer(207, {"results": [{"from": {"id": "1"}, "to": to}], "errors": [gone]}), asked)
    assert isinstance(outcomes[2], Unknown)
    for each, outcome in zip(unread, outcomes[:2], strict=False):
        assert isinstance(outcome, Again)
        assert outcome.destination_id == each.destination_id
        each.holds = outcome.holds
    inputs = sent(LINKED.encode(rows_of(*unread[:2], action=Action.LINK)))["inputs"]
    assert [each["types"] for each in inputs] == [
        types(("HUBSPOT_DEFINED", 1), ("USER_DEFINED", 40)),
        types(("HUBSPOT_DEFINED", 1)),
    ]
    plain = linked("1", "29")
    plain.holds = unread[0].holds
    assert LINKED.encode(rows_of(plain, action=Action.UNLINK)).path.endswith("/batch/associate/default")
    plain.holds = frozenset()
    assert LINKED.encode(rows_of(plain, action=Action.UNLINK)).path.endswith("/batch/read")


def test_an_object_just_created_has_no_labels_to_read() -> None:
    fresh = linked("1", "29", 1, main="29")
    fresh.holds, fresh.created = frozenset(), True
    assert LINKED.encode(rows_of(fresh, action=Action.LINK)).path.endswith("/batch/create")


def test_a_pair_that_comes_under_another_id_was_merged() -> None:
    row = linked("1", "29")
    assert links_of({"results": [pair(7, 29)]}, row) == [_anew()]
    row.looked = True  # it is its id in this run: HubSpot made the link with what it was merged into
    assert links_of({"results": [pair(7, 29)]}, row) == [Delivered()]
    assert links_of({"results": [pair(1, 70)]}, row) == [Delivered()]


def test_an_object_that_is_gone_is_found_anew_once() -> None:
    gone = {"category": "OBJECT_NOT_FOUND", "message": "No contact with ID 1", "context": {"id": ["1"]}}
    row = linked("1", "29")
    assert links_of({"results": [], "errors": [gone]}, row) == [_anew()]
    row.holds |= _anew().holds
    [outcome] = links_of({"results": [], "errors": [gone]}, row)
    assert isinstance(outcome, Rejected)


def _anew() -> Again:
    return Again(None, "the record is not there under its id", frozenset({"found anew"}))


def pair(one: int, other: int) -> Body:
    return {"fromObjectTypeId": "0-1", "fromObjectId": one, "toObjectId": other, "labels": []}


def links_of(body: Body, *rows: Row) -> list[Outcome]:
    return LINKED.decode(answer(207, body), rows_of(*rows, action=Action.LINK))


def test_a_link_is_made_where_the_answer_shows_the_pair() -> None:
    big = 2**53 + 1
    ends = {"from": {"id": "2"}, "to": {"id": "30"}}
    rows = [linked("1", str(big)), linked("2", "30"), linked("3", "31")]
    outcomes = links_of({"results": [pair(1, big), ends]}, *rows)
    assert outcomes[:2] == [Delivered(), Delivered()]
    assert isinstance(outcomes[2], Unknown)


def test_errors_of_links_name_an_id_or_nothing_at_all() -> None:
    gone = {"category": "OBJECT_NOT_FOUND", "message": "No company with ID 31", "context": {"id": ["31"]}}
    itself = {"category": "VALIDATION_ERROR", "message": "Object 2 cannot be associated to itself (2)"}
    body = {"results": [pair(1, 29)], "errors": [itself, gone], "numErrors": 2}
    outcomes = links_of(body, linked("1", "29"), linked("2", "2"), linked("3", "31"))
    assert [type(each) for each in outcomes] == [Delivered, Rejected, Rejected]
    unclear = links_of({"results": [], "errors": [itself]}, linked("1", "29"), linked("2", "30"))
    assert [type(each) for each in unclear] == [Unknown, Unknown]


def test_recorded_links() -> None:
    sample = recorded("recorded.json", "contact-to-company-resp")
    rows = [linked("211762804612", other) for other in ("18417469260", "29013756946")]
    outcomes = LINKED.decode(answer(sample["status"], sample["body"]), rows_of(*rows, action=Action.LINK))
    assert outcomes == [Delivered(), Delivered()]


def test_recorded_conflict_of_a_creation() -> None:
    sample = recorded("recorded.json", "create/contacts/err-partial-success")
    rows = [row(SYNC, "there@example.com"), row(SYNC, "siena.dyer@example.com")]
    outcomes = Objects("/o/contacts", "email").decode(
        answer(sample["status"], sample["body"]), batch(SYNC, Action.CREATE, rows)
    )
    assert outcomes == [Again("171591000198", "the record exists under this id"), Delivered("171596044870", True)]


def test_a_value_that_several_rows_name_is_asked_for_once() -> None:
    rows = [linked("1", "A"), linked("2", "B"), linked("3", "A")]
    request = LINKED.encode(rows_of(*rows, action=Action.RESOLVE))
    assert request.path == "/o/companies/batch/read"
    assert sent(request) == {"idProperty": "crm_key", "properties": ["crm_key"], "inputs": [{"id": "A"}, {"id": "B"}]}
    found = {"id": "29", "properties": {"crm_key": "A"}}
    gone = {"category": "OBJECT_NOT_FOUND", "context": {"ids": ["B"]}}
    outcomes = LINKED.decode(answer(207, {"results": [found], "errors": [gone]}), rows_of(*rows, action=Action.RESOLVE))
    there = Again("29", "the other object was found")
    assert outcomes == [there, Again(None, "there is no such object"), there]


def test_another_object_is_made_by_its_key_alone() -> None:
    rows = [linked("1", "B"), linked("2", "A")]
    request = MAKING.encode(rows_of(*rows, action=Action.RESOLVE))
    assert request.path == "/o/companies/batch/upsert"
    assert [each["properties"] for each in sent(request)["inputs"]] == [{"crm_key": "A"}, {"crm_key": "B"}]
    made = {"id": "29", "properties": {"crm_key": "A"}}
    refused = row_error("MISSING_REQUIRED_PROPERTY", "1")
    outcomes = MAKING.decode(
        answer(207, {"results": [made], "errors": [refused]}), rows_of(*rows, action=Action.RESOLVE)
    )
    assert isinstance(outcomes[0], Rejected)
    assert outcomes[1] == Again("29", "the other object was found")
