"""The simulated Salesforce through the client that most Python programs use, unmodified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock_sandbox.handle import Sandbox

simple_salesforce = pytest.importorskip("simple_salesforce")


class Loopback(HTTPAdapter):
    """Sends what is meant for Salesforce's hosts to the sandbox."""

    def __init__(self, url: str) -> None:
        self.place = urlsplit(url)
        super().__init__()

    def send(self, request: requests.PreparedRequest, *more: Any, **options: Any) -> requests.Response:
        asked = urlsplit(str(request.url))
        path = asked.path.removeprefix(self.place.path)
        request.url = urlunsplit(("http", self.place.netloc, self.place.path + path, asked.query, ""))
        return super().send(request, *more, **options)


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[requests.Session]:
    session = requests.Session()
    session.mount("https://", Loopback(sandbox.salesforce.url))
    yield session
    session.close()


@pytest.fixture
def client(sandbox: Sandbox, http: requests.Session) -> Any:
    sandbox.salesforce.fields("Lead", {"name": "Ext__c", "externalId": True, "unique": True})
    host = "acme.my.salesforce.com"
    return simple_salesforce.Salesforce(
        instance_url=f"https://{host}", session_id=sandbox.salesforce.session, session=http, version="62.0"
    )


def lead(key: str, **more: object) -> dict[str, object]:
    return {"Ext__c": key, "LastName": "Rivera", "Company": "Acme", **more}


def test_logins(sandbox: Sandbox, http: requests.Session) -> None:
    handle = sandbox.salesforce
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    handle.app(public_key=public.decode())
    ways: list[dict[str, object]] = [
        {"consumer_key": handle.client_id, "consumer_secret": handle.client_secret, "domain": "acme.my"},
        {"username": handle.username, "consumer_key": handle.client_id, "privatekey": private.decode()},
        {"username": handle.username, "password": handle.password, "security_token": handle.security_token},
    ]
    for way in ways:
        client = simple_salesforce.Salesforce(**way, session=http, version="62.0")
        assert client.limits()["DailyApiRequests"]["Max"] == 100_000
        assert client.api_usage["api-usage"].total == 100_000
    with pytest.raises(simple_salesforce.SalesforceAuthenticationFailed):
        simple_salesforce.Salesforce(**{**ways[2], "password": "wrong"}, session=http)


def test_rows_and_errors(client: Any, sandbox: Sandbox) -> None:
    made = client.Lead.create(lead("L-1"))
    assert client.Lead.get(made["id"])["Ext__c"] == "L-1"
    assert client.Lead.upsert("Ext__c/L-1", {"City": "Bonn"}) == 200
    assert client.Lead.get_by_custom_id("Ext__c", "L-1")["City"] == "Bonn"
    assert client.Lead.update(made["id"], {"City": "Ulm"}) == 204
    assert client.Lead.describe()["keyPrefix"] == "00Q"
    assert "Lead" in {each["name"] for each in client.describe()["sobjects"]}
    rows = [{"attributes": {"type": "Lead"}, **lead("L-2")}]
    found = client.restful("composite/sobjects/Lead/Ext__c", method="PATCH", json={"records": rows})
    assert found[0]["created"] is True
    assert client.Lead.delete(made["id"]) == 204
    with pytest.raises(simple_salesforce.SalesforceResourceNotFound):
        client.Lead.get(made["id"])
    with pytest.raises(simple_salesforce.SalesforceMalformedRequest):
        client.Lead.create({"LastName": "x"})
    sandbox.salesforce.seed("Lead", [{"LastName": each, "Email": "a@example.com"} for each in "ab"])
    with pytest.raises(simple_salesforce.SalesforceMoreThanOneRecord):
        client.Lead.upsert("Email/a@example.com", {"City": "x"})
    sandbox.configure(salesforce={"daily": 0})
    with pytest.raises(simple_salesforce.SalesforceRefusedRequest):
        client.limits()
    sandbox.configure(salesforce={"daily": 100})
    sandbox.salesforce.end_sessions()
    with pytest.raises(simple_salesforce.SalesforceExpiredSession):
        client.limits()


def test_queries(client: Any, sandbox: Sandbox) -> None:
    sandbox.salesforce.seed("Lead", [{"LastName": f"n{number}"} for number in range(2100)])
    first = client.query("SELECT Id, LastName FROM Lead")
    second = client.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    assert (first["done"], len(first["records"]), second["done"], len(second["records"])) == (False, 2000, True, 100)
    assert len(client.query_all("SELECT Id FROM Lead")["records"]) == 2100
    assert sum(1 for _ in client.query_all_iter("SELECT Id FROM Lead")) == 2100
    assert client.query("SELECT count() FROM Lead")["totalSize"] == 2100
    quoted = simple_salesforce.format_soql("SELECT Id FROM Lead WHERE LastName IN {}", ["n1", "n'2"])
    assert client.query(quoted)["totalSize"] == 1


def test_bulk_v1(client: Any) -> None:
    rows = [lead(str(number)) for number in range(3)] + [{"Ext__c": "3", "Company": "x"}]
    found = client.bulk.Lead.upsert(rows, "Ext__c", use_serial=True, batch_size=2)
    assert [row["success"] for row in found] == [True, True, True, False]
    assert found[3]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    updates = [{"Id": row["id"], "City": "Bonn"} for row in found[:3]]
    assert [row["created"] for row in client.bulk.Lead.update(updates)] == [False] * 3
    detailed = client.bulk.Lead.delete([{"Id": found[0]["id"]}], include_detailed_results=True)
    assert (detailed[0]["success"], detailed[0]["Id"]) == (True, found[0]["id"])
    assert client.query("SELECT count() FROM Lead WHERE City = 'Bonn'")["totalSize"] == 2


def test_bulk_v2(client: Any) -> None:
    rows = [lead(str(number), City='a, "b"\nc') for number in range(5)] + [lead("5", LastName="")]
    [told] = client.bulk2.Lead.upsert(records=rows, external_id_field="Ext__c", wait=0.01)
    assert (told["numberRecordsProcessed"], told["numberRecordsFailed"]) == (6, 1)
    good = client.bulk2.Lead.get_successful_records(told["job_id"])
    assert sorted(line.split(",")[0] for line in good.splitlines()) != []
    assert "REQUIRED_FIELD_MISSING" in client.bulk2.Lead.get_failed_records(told["job_id"])
    assert client.bulk2.Lead.get_unprocessed_records(told["job_id"]).count("\n") == 1
    ids = [row["Id"] for row in client.query("SELECT Id FROM Lead")["records"]]
    [told] = client.bulk2.Lead.delete(records=[{"Id": each} for each in ids], wait=0.01)
    assert told["numberRecordsProcessed"] == 5
