"""Who logs in to Snowflake, and how: fakesnow lets everybody in, so the driver's arguments are looked at instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from tap_warehouse.errors import ConfigurationError, ReadFault
from tap_warehouse.snowflake_login import SECRETS, SETTINGS
from tap_warehouse.snowflake_session import arguments, opened

KEY = rsa.generate_private_key(65537, 2048)
PHRASE = "correct horse/ż"
BASE = {"account": "org-acct", "user": "ada", "query_tag": "penstock", "login_timeout": 1, "network_timeout": 1}


def pem(encryption: KeySerializationEncryption, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return KEY.private_bytes(Encoding.PEM, form, encryption)


def given(folder: Path = Path(), **settings: Any) -> dict[str, Any]:
    return arguments({**BASE, **settings}, lambda path: folder / path)


def problems(folder: Path = Path(), **settings: Any) -> str:
    with pytest.raises(ConfigurationError) as raised:
        given(folder, **settings)
    text = str(raised.value)
    for name in SECRETS:
        assert not settings.get(name) or str(settings[name]) not in text
    return text


def test_every_session_is_in_utc_labelled_silent_and_exact() -> None:
    made = given(password="p", statement_timeout=7, role="R", warehouse="W", database="D", schema="S")
    parameters = made["session_parameters"]
    assert (parameters["TIMEZONE"], parameters["QUERY_TAG"]) == ("UTC", "penstock")
    assert parameters["STATEMENT_TIMEOUT_IN_SECONDS"] == 7
    assert parameters["CLIENT_TELEMETRY_ENABLED"] is False
    assert parameters["CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED"] is False
    assert made["arrow_number_to_decimal"] is True
    assert [made[name] for name in ("role", "warehouse", "database", "schema")] == ["R", "W", "D", "S"]
    assert (made["login_timeout"], made["network_timeout"]) == (1, 1)
    assert "host" not in made


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("as_file", [False, True])
def test_a_key_is_a_file_or_text_encrypted_or_not(
    tmp_path: Path,
    encrypted: bool,
    form: PrivateFormat,
    as_file: bool,
) -> None:
    phrase = {"private_key_passphrase": PHRASE} if encrypted else {}
    text = pem(BestAvailableEncryption(PHRASE.encode()) if encrypted else NoEncryption(), form)
    (tmp_path / "key.p8").write_bytes(text)
    how = {"private_key_path": "key.p8"} if as_file else {"private_key": text.decode()}
    made = given(tmp_path, **how, **phrase)
    assert made["authenticator"] == "SNOWFLAKE_JWT"
    assert load_der_private_key(made["private_key"], None).private_numbers() == KEY.private_numbers()  # type: ignore[union-attr] # an RSA key
    assert not {"private_key_path", "private_key_passphrase"} & set(made)


def test_line_ends_of_a_key_may_be_escaped_and_the_curve_may_be_elliptic() -> None:
    text = pem(NoEncryption()).decode().replace("\n", "\\n")
    assert given(private_key=text)["private_key"]
    curve = ec.generate_private_key(ec.SECP256R1())
    assert given(private_key=curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def test_keys_that_cannot_be_read(tmp_path: Path) -> None:
    locked, open_ = pem(BestAvailableEncryption(PHRASE.encode())).decode(), pem(NoEncryption()).decode()
    assert "'private_key_passphrase' is missing" in problems(private_key=locked)
    assert "or the passphrase is wrong" in problems(private_key=locked, private_key_passphrase="other")
    assert "is not encrypted; leave it out" in problems(private_key=open_, private_key_passphrase=PHRASE)
    assert "private_key: this is no PEM private key." in problems(private_key="hunter2-very-secret")
    assert "cannot be read (No such file" in problems(tmp_path, private_key_path="gone.p8")
    assert "give one of the two" in problems(private_key=open_, private_key_path="key.p8")


@pytest.mark.parametrize(
    ("settings", "authenticator"),
    [
        ({"password": "p"}, "SNOWFLAKE"),
        ({"password": "p", "authenticator": "username_password_mfa"}, "USERNAME_PASSWORD_MFA"),
        ({"password": "p", "passcode": "123456", "authenticator": "Snowflake"}, "SNOWFLAKE"),
        ({"authenticator": "externalbrowser"}, "EXTERNALBROWSER"),
        ({"token": "t", "authenticator": "oauth", "user": None}, "OAUTH"),
        ({"token": "t", "authenticator": "programmatic_access_token"}, "PROGRAMMATIC_ACCESS_TOKEN"),
        (
            {
                "authenticator": "oauth_client_credentials",
                "oauth_client_id": "i",
                "oauth_client_secret": "s",
                "oauth_token_request_url": "https://idp.example/token",
            },
            "OAUTH_CLIENT_CREDENTIALS",
        ),
        ({"authenticator": "workload_identity", "workload_identity_provider": "aws"}, "WORKLOAD_IDENTITY"),
        ({"authenticator": "https://Corp.okta.com/", "password": "p"}, "https://Corp.okta.com/"),
    ],
)
def test_other_ways_to_log_in(settings: dict[str, Any], authenticator: str) -> None:
    made = given(**settings)
    assert made["authenticator"] == authenticator
    for name, value in settings.items():
        if value is not None and name not in {"authenticator", "workload_identity_provider"}:
            assert made[name] == value
    assert made["client_request_mfa_token"] is (authenticator == "USERNAME_PASSWORD_MFA")
    assert made["client_store_temporary_credential"] is (authenticator == "EXTERNALBROWSER")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "nothing to log in with"),
        ({"token": "t0ps3cret"}, "authenticator: say what the token is"),
        ({"authenticator": "kerberos"}, "authenticator: must be one of snowflake_jwt"),
        ({"authenticator": "snowflake"}, "setting 'password' is missing: authenticator 'snowflake' needs it"),
        ({"authenticator": "oauth"}, "setting 'token' is missing"),
        ({"authenticator": "oauth_client_credentials"}, "'oauth_token_request_url' is missing"),
        ({"authenticator": "https://corp.okta.com", "user": None}, "setting 'user' is missing"),
        ({"password": "hunter2-very-secret", "protocol": "http"}, "would send the secret as plain text"),
        ({"password": "hunter2-very-secret", "protocol": "http", "host": "snow.example"}, "as plain text"),
    ],
)
def test_what_is_missing_is_named(settings: dict[str, Any], expected: str) -> None:
    assert expected in problems(**settings)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_http_is_for_this_machine(host: str) -> None:
    assert given(password="p", host=host, protocol="http", port=1)["host"] == host


def test_secrets_are_marked() -> None:
    assert {name for name, schema in SETTINGS.items() if schema.get("secret")} == set(SECRETS)


def test_a_server_that_is_not_there_is_no_mistake_of_the_settings() -> None:
    settings = {**BASE, "password": "hunter2-very-secret", "host": "127.0.0.1", "port": 9, "protocol": "http"}
    with pytest.raises(ReadFault, match="cannot be reached") as raised:
        opened(settings, Path)
    assert "hunter2" not in str(raised.value)
