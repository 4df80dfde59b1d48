"""The simulated Intercom: companies by company_id, who is attached, what lists show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.intercom import refused

if TYPE_CHECKING:
    from tests.sandbox.intercom import Inbox

ACME = {"company_id": "acme-1", "name": "Acme", "plan": "Enterprise", "size": 85, "monthly_spend": 9999.9}
NO_COMPANY = (404, "company_not_found", "Company Not Found")


def test_an_upsert_by_company_id(inbox: Inbox) -> None:
    inbox.sandbox.intercom.attributes("company", tier="string")
    made = inbox.call("POST", "/companies", ACME | {"custom_attributes": {"tier": "gold"}}).json()
    assert (made["type"], made["company_id"], made["monthly_spend"], made["user_count"]) == (
        "company", "acme-1", 9999, 0,
    )  # fmt: skip
    assert made["plan"] == {"type": "plan", "id": "12", "name": "Enterprise"}
    change = {"company_id": "acme-1", "website": "https://acme.example", "size": None, "monthly_spend": 1e12}
    changed = inbox.call("POST", "/companies", change).json()
    assert (changed["id"], changed["name"], changed["website"]) == (made["id"], "Acme", "https://acme.example")
    assert (changed["monthly_spend"], "size" in changed, changed["custom_attributes"]) == (
        2_147_483_647, False, {"tier": "gold"},
    )  # fmt: skip
    assert inbox.call("POST", "/companies", {"company_id": "acme-1", "plan": None}).json()["plan"] == {}
    assert [(each.action, each.key) for each in inbox.sandbox.history()] == [
        ("create", "acme-1"), ("update", "acme-1"), ("update", "acme-1"),
    ]  # fmt: skip


def test_reading_and_updating_by_either_id(inbox: Inbox) -> None:
    company = inbox.company("acme 1/ü", name="Acme")
    for path in (f"/companies/{company}", "/companies?company_id=acme%201%2F%C3%BC", "/companies?name=Acme"):
        assert inbox.call("GET", path).json()["id"] == company
    changed = inbox.call("PUT", f"/companies/{company}", {"industry": "Manufacturing"}).json()
    assert changed["industry"] == "Manufacturing"
    for method, path in (("GET", "/companies/x"), ("PUT", "/companies/x"), ("GET", "/companies?name=x")):
        assert refused(inbox.call(method, path)) == NO_COMPANY


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"test": "invalid"}, "bad_request", "bad 'test' parameter"),
        ({"name": "x"}, "parameter_missing", "company_id is required"),
        ({"company_id": "x", "size": "many"}, "parameter_invalid", "size is not a valid integer"),
        (
            {"company_id": "x", "custom_attributes": {"y": 1}},
            "parameter_invalid",
            "Custom attribute 'y' does not exist",
        ),
    ],
)
def test_bodies_that_are_refused(inbox: Inbox, body: object, code: str, message: str) -> None:
    inbox.sandbox.intercom.attributes("contact", y="integer")
    assert refused(inbox.call("POST", "/companies", body)) == (400, code, message)


def test_company_id_never_changes(inbox: Inbox) -> None:
    company = inbox.company("acme-1")
    answer = inbox.call("PUT", f"/companies/{company}", {"company_id": "acme-2"})
    assert refused(answer) == (400, "bad_request", "bad 'company_id' parameter")


def test_attach_and_detach(inbox: Inbox) -> None:
    contact, company = inbox.contact(external_id="u-1"), inbox.company("acme-1")
    path = f"/contacts/{contact}/companies"
    for _ in range(2):
        assert inbox.call("POST", path, {"id": company}).json()["user_count"] == 1
    shown = inbox.call("GET", f"/contacts/{contact}").json()["companies"]
    assert shown["data"] == [{"id": company, "type": "company", "url": f"/companies/{company}"}]
    assert [each["id"] for each in inbox.call("GET", path).json()["data"]] == [company]
    assert [each["id"] for each in inbox.call("GET", f"/companies/{company}/contacts").json()["data"]] == [contact]
    assert inbox.sandbox.intercom.objects()[0].properties["companies"] == "acme-1"
    assert inbox.call("DELETE", f"{path}/{company}").json()["user_count"] == 0
    assert refused(inbox.call("DELETE", f"{path}/{company}")) == NO_COMPANY
    writes = inbox.sandbox.history()[2:]
    assert [(each.action, each.key, each.to) for each in writes] == [
        ("associate", "u-1", company), ("dissociate", "u-1", company),
    ]  # fmt: skip


def test_attaching_wants_intercoms_id(inbox: Inbox) -> None:
    contact, company = inbox.contact(external_id="u-1"), inbox.company("acme-1")
    path = f"/contacts/{contact}/companies"
    assert refused(inbox.call("POST", path, {"id": "acme-1"})) == NO_COMPANY
    assert refused(inbox.call("POST", path, {})) == (400, "parameter_not_found", "company not specified")
    assert refused(inbox.call("POST", "/contacts/x/companies", {"id": company}))[2] == "User Not Found"


def test_a_contact_has_1000_companies(inbox: Inbox) -> None:
    names = [f"c-{n}" for n in range(1000)]
    seeded = inbox.sandbox.intercom.seed(
        [{"external_id": "u-1", "companies": names}], companies=[{"company_id": name} for name in names]
    )
    answer = inbox.call("POST", f"/contacts/{seeded.ids[0]}/companies", {"id": inbox.company("one-more")})
    assert refused(answer)[:2] == (400, "contact_company_limit_exceeded")
    assert inbox.call("POST", f"/contacts/{seeded.ids[0]}/companies", {"id": seeded.companies[7]}).ok
    shown = inbox.call("GET", f"/contacts/{seeded.ids[0]}").json()["companies"]
    assert (len(shown["data"]), shown["total_count"], shown["has_more"]) == (10, 1000, True)


def test_lists_show_companies_with_contacts_only(inbox: Inbox) -> None:
    inbox.company("alone")
    names = [f"c-{n}" for n in range(4)]
    seeded = inbox.sandbox.intercom.seed([{"companies": names}], companies=[{"company_id": name} for name in names])
    first = inbox.call("POST", "/companies/list", {"per_page": 3}).json()
    second = inbox.call("POST", "/companies/list?per_page=3&page=2").json()
    assert [each["id"] for each in first["data"] + second["data"]] == seeded.companies[::-1]
    assert (first["total_count"], first["pages"]["next"], second["pages"]["next"]) == (4, {"page": 2}, None)
    assert len(inbox.call("GET", "/companies").json()["data"]) == 4
    assert inbox.call("GET", "/companies?segment_id=x").json()["data"] == []
    assert refused(inbox.call("POST", "/companies/list", {"page": 9999}))[:2] == (400, "parameter_invalid")
    assert len(inbox.sandbox.intercom.objects("companies")) == 5


def test_scrolling(inbox: Inbox) -> None:
    inbox.sandbox.hold_clock()
    names = [f"c-{n}" for n in range(150)]
    inbox.sandbox.intercom.seed([{"companies": names}], companies=[{"company_id": name} for name in names])
    first = inbox.call("GET", "/companies/scroll").json()
    assert len(first["data"]) == 100
    assert refused(inbox.call("GET", "/companies/scroll"))[:2] == (400, "scroll_exists")
    path = "/companies/scroll?scroll_param=" + first["scroll_param"]
    assert [len(inbox.call("GET", path).json()["data"]) for _ in range(2)] == [50, 0]
    assert inbox.call("GET", path).status_code == 404
    again = inbox.call("GET", "/companies/scroll").json()
    inbox.sandbox.advance(60)
    assert inbox.call("GET", "/companies/scroll?scroll_param=" + again["scroll_param"]).status_code == 404
    assert inbox.call("GET", "/companies/scroll").ok


def test_deleting_detaches(inbox: Inbox) -> None:
    contact, company = inbox.contact(external_id="u-1"), inbox.company("acme-1")
    inbox.call("POST", f"/contacts/{contact}/companies", {"id": company})
    done = inbox.call("DELETE", f"/companies/{company}").json()
    assert done == {"id": company, "object": "company", "deleted": True}
    assert inbox.call("GET", f"/contacts/{contact}").json()["companies"]["total_count"] == 0
    assert refused(inbox.call("GET", f"/companies/{company}")) == NO_COMPANY
    assert inbox.company("acme-1") != company


def test_a_contact_that_goes_leaves_its_companies(inbox: Inbox) -> None:
    user, company = inbox.contact(external_id="u-1"), inbox.company("acme-1")
    lead = inbox.contact(role="lead", email="a@example.com")
    inbox.call("POST", f"/contacts/{lead}/companies", {"id": company})
    inbox.sandbox.intercom.merge(user, lead)
    assert inbox.call("GET", f"/contacts/{user}").json()["companies"]["total_count"] == 1
    inbox.call("DELETE", f"/contacts/{user}")
    assert inbox.call("GET", f"/companies/{company}").json()["user_count"] == 0
