"""Logging in: four flows, what is asked of the settings, what never leaves this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from penstock_sandbox.handle import Sandbox
from tests.salesforce.process import SCHEMA, ran, records, settings_for, stored

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC = (
    KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)


def flows(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    org = sandbox.salesforce
    none = {"refresh_token": None, "client_secret": None}
    user = {"username": org.username}
    return {
        "jwt": {**none, **user, "private_key": PEM},
        "jwt from an environment": {**none, **user, "private_key": PEM.replace("\n", "\\n")},
        "client credentials": {"refresh_token": None},
        "password": {
            "refresh_token": None,
            **user,
            "password": org.password,
            "security_token": org.security_token,
        },
    }


@pytest.mark.parametrize("flow", ["jwt", "jwt from an environment", "client credentials", "password"])
def test_each_flow_leads_to_the_org(tmp_path: Path, sandbox: Sandbox, flow: str) -> None:
    sandbox.salesforce.app(public_key=PUBLIC)
    settings = settings_for(sandbox, **flows(sandbox)[flow])
    run = ran(tmp_path, settings, [SCHEMA, *records(3)])
    assert run.code == 0, run.stderr
    assert len(stored(sandbox)) == 3
    assert ("about to retire" in run.stderr) == (flow == "password")
    secrets = [settings.get(name) for name in ("password", "client_secret", "security_token")]
    assert not [secret for secret in secrets if secret and secret in run.stderr]


def refused(tmp_path: Path, sandbox: Sandbox, **more: Any) -> str:
    run = ran(tmp_path, settings_for(sandbox, **more), [SCHEMA, *records(1)])
    assert run.code == 2, run.stderr
    assert sandbox.stats().applied_writes == 0
    return run.last_line


def test_settings_that_lead_nowhere(tmp_path: Path, sandbox: Sandbox) -> None:
    assert "setting client_id: is required" in refused(tmp_path, sandbox, client_id=None)
    assert "setting client_secret: is required beside client_id" in refused(tmp_path, sandbox, client_secret=None)
    assert "setting username" in refused(tmp_path, sandbox, private_key=PEM)
    wrong = {"private_key": "no key", "username": "kim@example.com"}
    assert "no private RSA key" in refused(tmp_path, sandbox, **wrong)
    assert "private_key_file: cannot read" in refused(tmp_path, sandbox, private_key_file="absent.pem")
    assert "batch_size: expected 1 to 200" in refused(tmp_path, sandbox, batch_size=201)
    assert "api_version" in refused(tmp_path, sandbox, api_version="newest")
    shared = {"login_url": "https://login.salesforce.com", "refresh_token": None}
    assert "at the org's own host only" in refused(tmp_path, sandbox, **shared)
    assert "the host must be" in refused(tmp_path, sandbox, login_url="https://login.salesforce.com.example.com")


def test_no_real_credential_goes_to_what_listens_here(tmp_path: Path, sandbox: Sandbox) -> None:
    said = refused(tmp_path, sandbox, refresh_token="5Aep-real-token")
    assert "is no sandbox refresh_token" in said
    assert "5Aep" not in said
    assert sandbox.stats().requests == 0


def test_a_refusal_is_not_repeated(tmp_path: Path, sandbox: Sandbox) -> None:
    assert "invalid_grant" in refused(tmp_path, sandbox, refresh_token="sandbox-of-nobody")
    assert sandbox.stats().requests == 1
