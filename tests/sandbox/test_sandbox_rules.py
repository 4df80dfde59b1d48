"""Batch rules over a store, without HTTP."""

import pytest

from penstock_sandbox.hubspot import rules
from penstock_sandbox.hubspot.errors import RefusalError
from penstock_sandbox.hubspot.portal import Portal, Visit
from penstock_sandbox.hubspot.properties import Option, Property
from penstock_sandbox.hubspot.rows import Row, Value
from penstock_sandbox.settings import HubSpotSettings, Settings
from penstock_sandbox.store import History


def visit(**switches: object) -> Visit:
    settings = Settings().patched({"hubspot": switches})
    portal = Portal(settings, History(full=True))
    return Visit(portal, portal.shelf("contacts"), 1_792_227_600.0, 1)


def by_email(email: str, trace: str | None = None, **properties: Value) -> Row:
    return Row(email, properties, "email", trace)


def by_key(key: str, trace: str | None = None, **properties: Value) -> Row:
    return Row(key, properties, "customer_key", trace)


def stored(at: Visit) -> list[dict[str, str]]:
    return [record.properties for record in at.table.listing()]


def test_upsert_creates_then_updates_the_same_contact() -> None:
    at = visit()
    first = rules.upsert(at, [by_email("Ana@Example.com", firstname="Ana")])
    second = rules.upsert(at, [by_email("ana@example.com", lastname="Rivera")])
    assert [first.results[0].new, second.results[0].new] == [True, False]
    assert first.results[0].id == second.results[0].id
    assert stored(at) == [{"email": "ana@example.com", "firstname": "Ana", "lastname": "Rivera"}]


def test_an_empty_value_clears_and_comes_back_as_null() -> None:
    at = visit()
    rules.upsert(at, [by_email("a@example.com", firstname="Ana")])
    done = rules.upsert(at, [by_email("a@example.com", firstname="")])
    assert done.results[0].properties["firstname"] is None
    assert stored(at) == [{"email": "a@example.com"}]


def test_one_bad_row_without_trace_ids_refuses_all() -> None:
    at = visit()
    with pytest.raises(RefusalError) as caught:
        rules.upsert(at, [by_email("a@example.com", firstname="Ana"), by_email("b@example.com", plan="gold")])
    assert caught.value.status == 400
    assert stored(at) == []
    assert len(at.history) == 0


def test_with_trace_ids_the_good_row_is_written() -> None:
    at = visit()
    done = rules.upsert(
        at, [by_email("a@example.com", "r1", plan="free"), by_email("b@example.com", "r2", plan="gold")]
    )
    assert [error.context for error in done.errors] == [{"objectWriteTraceId": ["r2"]}]
    assert [record["email"] for record in stored(at)] == ["a@example.com"]


def test_repeated_trace_ids_count_as_none() -> None:
    with pytest.raises(RefusalError):
        rules.upsert(visit(), [by_email("a@example.com", "r", plan="gold"), by_email("b@example.com", "r")])


def test_duplicates_are_judged_in_lower_case() -> None:
    with pytest.raises(RefusalError, match=r"Duplicate IDs found in batch input: \[a@example\.com\]"):
        rules.upsert(visit(), [by_email("a@example.com", "1"), by_email("A@EXAMPLE.com", "2")])


def test_more_than_a_hundred_inputs_are_refused() -> None:
    with pytest.raises(RefusalError):
        rules.upsert(visit(), [by_email(f"u{n}@example.com", str(n)) for n in range(101)])


@pytest.mark.parametrize("name", ["firstname", "hs_object_id", "nothing"])
def test_a_property_that_is_not_unique_identifies_nothing(name: str) -> None:
    with pytest.raises(RefusalError, match=f"non-unique 0-1 property {name} in portal ID"):
        rules.upsert(visit(), [Row("x", {}, name)])


def test_an_additional_address_finds_its_contact() -> None:
    at = visit()
    record = at.table.draft(at.now)
    at.table.insert(record)
    at.table.write(record, {"email": "a@example.com", "hs_additional_emails": "b@example.com;c@example.com"}, at.now)
    done = rules.upsert(at, [by_email("C@example.com", firstname="Ana")])
    assert (done.results[0].id, done.results[0].new) == (record.id, False)


def test_a_unique_value_of_another_contact_is_a_conflict() -> None:
    at = visit()
    rules.upsert(at, [by_email("a@example.com", customer_key="k1")])
    done = rules.upsert(at, [by_email("b@example.com", "r1", customer_key="k1")])
    assert "CONFLICTING_UNIQUE_VALUE" in done.errors[0].message


def test_two_new_rows_of_one_batch_cannot_share_a_unique_value() -> None:
    at = visit()
    rows = [by_email("a@example.com", "1", customer_key="k"), by_email("b@example.com", "2", customer_key="k")]
    done = rules.upsert(at, rows)
    assert [error.context for error in done.errors] == [{"objectWriteTraceId": ["2"]}]
    assert len(stored(at)) == 1


def test_an_address_of_another_contact_refuses_the_whole_upsert_by_default() -> None:
    at = visit()
    rules.upsert(at, [by_email("a@example.com")])
    with pytest.raises(RefusalError, match=r"Contact already exists\. Existing ID: 171500000001") as caught:
        rules.upsert(at, [by_key("k1", "1"), by_key("k2", "2", email="a@example.com")])
    assert caught.value.status == 409
    assert len(stored(at)) == 1


def test_or_that_row_alone_by_switch() -> None:
    at = visit(upsert_conflict="row")
    rules.upsert(at, [by_email("a@example.com")])
    done = rules.upsert(at, [by_key("k1", "1"), by_key("k2", "2", email="a@example.com")])
    assert done.errors[0].context == {"objectWriteTraceId": ["2"], "existingId": ["171500000001"]}
    assert len(stored(at)) == 2


def test_create_conflicts_name_the_existing_contact() -> None:
    at = visit()
    rules.create(at, [Row(properties={"email": "a@example.com"})])
    done = rules.create(at, [Row(properties={"email": "A@example.com"}, object_write_trace_id="r1")])
    assert done.errors[0].context == {"objectWriteTraceId": ["r1"], "existingId": ["171500000001"]}
    with pytest.raises(RefusalError, match=r"^Contact already exists$") as caught:
        rules.create(at, [Row(properties={"email": "a@example.com"})])
    assert caught.value.status == 409


def test_update_of_an_unknown_id_is_listed_and_the_rest_is_written() -> None:
    at = visit()
    known = rules.upsert(at, [by_email("a@example.com")]).results[0].id
    done = rules.update(at, [Row(known, {"city": "Lima"}), Row("404", {"city": "Lima"})])
    assert [error.context for error in done.errors] == [{"ids": ["404"]}]
    assert stored(at)[0]["city"] == "Lima"


def test_update_leaves_merged_ids_and_addresses_out_silently() -> None:
    at = visit()
    results = rules.upsert(at, [by_email("a@example.com"), by_email("b@example.com")]).results
    survivor, other = (at.table.records[result.id] for result in results)
    at.table.merge(survivor, other, at.now)
    done = rules.update(at, [Row(other.id, {"city": "Lima"}), Row("a@example.com", {"city": "Lima"})])
    assert (done.results, done.errors) == ([], [])
    assert rules.read(at, [other.id], None, []).results[0].id == survivor.id
    assert rules.read(at, ["b@example.com"], "email", []).results[0].id == survivor.id


def test_update_by_email_is_refused_unless_switched_on() -> None:
    with pytest.raises(RefusalError, match="non-unique 0-1 property email"):
        rules.update(visit(), [by_email("a@example.com", city="Lima")])
    at = visit(update_by_email=True)
    rules.upsert(at, [by_email("a@example.com")])
    assert rules.update(at, [by_email("a@example.com", city="Lima")]).errors == []


def test_the_key_of_an_archived_contact_makes_a_new_one() -> None:
    at = visit()
    old = rules.upsert(at, [by_email("a@example.com")]).results[0].id
    rules.archive(at, [old, "404"])
    new = rules.upsert(at, [by_email("a@example.com")]).results[0]
    assert new.new is True
    assert new.id != old
    assert [write.action for write in at.history.after(0)] == ["create", "archive", "create"]


def test_a_partial_upsert_by_email_can_be_refused() -> None:
    at = visit(partial_upsert_by_email=False)
    with pytest.raises(RefusalError, match="Partial upserts"):
        rules.upsert(at, [by_email("a@example.com", city="Lima")])
    assert rules.upsert(at, [Row("a@example.com", {"email": "a@example.com"}, "email")]).errors == []


def test_null_is_refused_unless_it_clears_by_switch() -> None:
    with pytest.raises(RefusalError):
        rules.upsert(visit(), [by_email("a@example.com", city=None)])
    assert rules.upsert(visit(null_values="clear"), [by_email("a@example.com", city=None)]).errors == []


def test_unique_text_is_compared_exactly_unless_folded_by_switch() -> None:
    for switch, count in (("exact", 2), ("fold", 1)):
        at = visit(unique_text=switch)
        rules.upsert(at, [by_key("K1")])
        rules.upsert(at, [by_key("k1")])
        assert len(stored(at)) == count


def test_a_leading_semicolon_appends_to_a_multiple_choice() -> None:
    at = visit()
    options = [Option("A", "a"), Option("B", "b")]
    at.shelf.add_property(
        Property(
            name="tags",
            label="Tags",
            type="enumeration",
            field_type="checkbox",
            group_name="customer_360",
            options=options,
        )
    )
    rules.upsert(at, [by_email("a@example.com", tags="a")])
    rules.upsert(at, [by_email("a@example.com", tags=";b")])
    assert stored(at)[0]["tags"] == "a;b"


def test_the_defaults_are_the_stricter_reading() -> None:
    assert HubSpotSettings().null_values == "refuse"
    assert HubSpotSettings().upsert_conflict == "whole"
