"""Who logs in to BigQuery, and what must be granted to whom. No emulator: it knows neither."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.api_core.exceptions import Forbidden, NotFound
from google.auth import impersonated_credentials
from google.cloud.bigquery import Dataset

from tap_warehouse.bigquery import TapBigQuery, connected
from tap_warehouse.bigquery_grants import StateDataset, denied, member_of, readable, refused_table
from tap_warehouse.bigquery_login import SETTINGS, clients
from tap_warehouse.bigquery_session import Options, Session
from tap_warehouse.errors import ConfigurationError

EMAIL = "penstock@p.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def key() -> str:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "p-of-key",
            "private_key_id": "1",
            "private_key": private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            "client_email": EMAIL,
            "token_uri": "https://oauth2.googleapis.com/token",
        }
    )


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No application default credentials, and no asking around for them."""
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)


def problems(**config: Any) -> str:
    with pytest.raises(ConfigurationError) as raised:
        clients(config, Path)
    return "\n".join(raised.value.problems)


def test_a_key_as_text_or_file(key: str, tmp_path: Path) -> None:
    made = clients({"credentials_json": key}, Path)
    assert (made.client.project, made.member) == ("p-of-key", EMAIL)
    assert made.reader is not None
    (tmp_path / "key.json").write_text(key)
    made = clients({"credentials_path": "key.json", "project": "payer"}, lambda path: tmp_path / path)
    assert (made.client.project, made.member) == ("payer", EMAIL)


def test_impersonation(key: str) -> None:
    made = clients({"credentials_json": key, "impersonate_service_account": "other@p.iam.gserviceaccount.com"}, Path)
    assert isinstance(made.client._credentials, impersonated_credentials.Credentials)
    assert made.member == "other@p.iam.gserviceaccount.com"


def test_application_default_credentials(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "adc.json").write_text(key)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "adc.json"))
    assert clients({}, Path).member == EMAIL


def test_federation_names_no_project(tmp_path: Path) -> None:
    info = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": str(tmp_path / "token")},
    }
    assert clients({"credentials_json": json.dumps(info), "project": "p"}, Path).client.project == "p"


def test_endpoints(key: str) -> None:
    config = {"credentials_json": key, "api_endpoint": "https://bigquery-x.p.googleapis.com", "storage_api": False}
    made = clients(config, Path)
    assert made.client._connection.API_BASE_URL == "https://bigquery-x.p.googleapis.com"
    assert made.reader is None
    assert clients({"api_endpoint": "http://127.0.0.1:1", "project": "p"}, Path).reader is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "nothing to log in with"),
        ({"credentials_json": "hunter2"}, "credentials_json: this is neither the key of a service account nor"),
        ({"credentials_json": "{}"}, "credentials_json: this is neither"),
        ({"credentials_json": '{"type": "service_account", "private_key": "hunter2"}'}, "credentials_json: this is"),
        ({"credentials_json": '{"type": "hunter2"}'}, "credentials_json: this is neither"),
        ({"credentials_path": "nosuch.json"}, "credentials_path 'nosuch.json': cannot be read"),
        ({"credentials_path": "x", "credentials_json": "y"}, "give one of the two"),
        ({"api_endpoint": "http://bigquery.example"}, "would send tokens and rows as plain text"),
        ({"api_endpoint": "ftp://x"}, "must begin with https://"),
        ({"api_endpoint": "http://127.0.0.1:1", "credentials_json": "x", "project": "p"}, "leave the credentials out"),
    ],
)
def test_mistakes_are_named_without_a_secret(settings: dict[str, Any], expected: str) -> None:
    assert expected in problems(**settings)
    assert "hunter2" not in problems(**settings)


def test_secrets_are_marked() -> None:
    assert {name for name, schema in SETTINGS.items() if schema.get("secret")} == {"credentials_json"}


def test_settings_reach_the_session() -> None:
    tap = TapBigQuery(
        config={
            "project": "p",
            "api_endpoint": "http://127.0.0.1:1",
            "location": "EU",
            "maximum_bytes_billed": 7,
            "job_labels": {"team": "crm"},
            "statement_timeout": 60,
        }
    )
    warehouse = connected(tap.config, logging.getLogger("test"))
    assert warehouse._session.options == Options("", "EU", 7, {"team": "crm"}, 60)
    with pytest.raises(ConfigurationError, match="job_labels"):
        TapBigQuery(config={"job_labels": {"Team": "crm"}})


# Grants


def refusal(text: str = "Access Denied") -> Forbidden:
    return Forbidden("x", errors=[{"reason": "accessDenied", "message": text}])


class Refusing(Session):
    """Answers nothing but refusals to some of what is asked."""

    project = "p"

    def __init__(self, *refuses: str, location: str | None = "EU") -> None:
        self.refuses = refuses
        self.place = location
        self.asked: list[str] = []
        self.options = Options("d")
        self.member = EMAIL
        self.client = self

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if any(each in what for each in self.refuses):
            raise refusal()

    def tried(self, statement: str, location: str | None = None) -> Any:
        self._ask(statement)

        class Answer:
            result = ((EMAIL,),)

        return Answer()

    def checked(self, statement: str) -> Any:
        self._ask(statement)
        return (), 0, self.place

    def table(self, parts: Any) -> Any:
        self._ask(f"table {'.'.join(parts)}")

    def dataset(self, name: str) -> Dataset:
        self._ask(f"dataset {name}")
        if self.place is None:
            raise NotFound("x")
        dataset = Dataset(name)
        dataset.location = self.place
        return dataset

    def create_dataset(self, dataset: Dataset, **_: Any) -> Dataset:
        self._ask(f"create dataset in {dataset.location}")
        return dataset


VIEWER = f'GRANT `roles/bigquery.dataViewer` ON SCHEMA `p`.`marts` TO "serviceAccount:{EMAIL}";'
EDITOR = f'GRANT `roles/bigquery.dataEditor` ON SCHEMA `p`.`penstock` TO "serviceAccount:{EMAIL}";'


def test_an_account_that_may_run_no_job() -> None:
    member, grants = member_of(Refusing("session_user"))
    assert member == f"serviceAccount:{EMAIL}"
    assert grants == [
        f"gcloud projects add-iam-policy-binding p --member='serviceAccount:{EMAIL}' --role='roles/bigquery.jobUser'"
    ]
    assert member_of(Refusing())[1] == []


def test_people_and_federated_accounts() -> None:
    session = Refusing("session_user")
    session.member = "ada@example.com"
    assert member_of(session)[0] == "user:ada@example.com"
    session.member = "principal://iam.googleapis.com/x"
    assert member_of(session)[0] == "principal://iam.googleapis.com/x"


@pytest.mark.parametrize(("refuses", "expected"), [("table", [VIEWER]), ("select", [VIEWER]), ("nothing", [])])
def test_what_is_missing_to_read(refuses: str, expected: list[str]) -> None:
    member = f"serviceAccount:{EMAIL}"
    assert refused_table(Refusing(refuses), ("p", "marts", "t"), member) == expected


def test_what_is_missing_for_a_query_stands_in_its_refusal() -> None:
    text = "Access Denied: Table p:marts.t: User does not have permission to query table p:marts.t, or perhaps it"
    assert denied(refusal(text), f"serviceAccount:{EMAIL}") == [VIEWER]
    old = "Access Denied: Dataset example.com:p:marts: Permission bigquery.datasets.get denied"
    assert denied(refusal(old), "user:a") == [readable("user:a", "example.com:p", "marts")]
    assert denied(refusal("Access Denied: something new"), "user:a") == []


@pytest.mark.parametrize(
    ("refuses", "there", "expected"),
    [
        ("create table", True, [EDITOR]),
        ("dataset p.penstock", True, [EDITOR]),
        ("create dataset", False, ["CREATE SCHEMA `p`.`penstock` OPTIONS (location = 'EU');", EDITOR]),
        ("nothing", True, []),
        ("nothing", False, []),
    ],
)
def test_what_is_missing_to_remember(refuses: str, there: bool, expected: list[str]) -> None:
    session = Refusing(refuses, location="EU" if there else None)
    assert StateDataset(session, "", "penstock").missing(f"serviceAccount:{EMAIL}", "EU") == expected
    if refuses == "nothing":
        assert ("drop schema `p`.`penstock`" in session.asked) is not there


def test_the_dataset_is_made_where_the_models_are() -> None:
    session = Refusing(location=None)
    assert StateDataset(session, "q", "state").made({"a": None, "b": "EU"}) == "`q`.`state`"
    assert session.asked[-1] == "create dataset in EU"
    with pytest.raises(ConfigurationError, match="is not there and cannot be made: Access Denied"):
        StateDataset(Refusing("create dataset", location=None), "", "penstock").made({})


def test_models_of_another_location_are_a_mistake() -> None:
    state = StateDataset(Refusing(location="EU"), "", "penstock")
    assert state.made({"a": "eu"})
    with pytest.raises(ConfigurationError, match="is in EU, but 'b' in US"):
        state.made({"a": "EU", "b": "US"})
