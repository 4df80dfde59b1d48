"""Where credentials may go, and that they never show."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from penstock.auth import Bearer, Redaction, Secret, redact_logs
from penstock.errors import Misconfigured
from penstock.links import checked_url

DOMAINS = ("hubapi.com",)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://api.hubapi.com", "https://api.hubapi.com"),
        ("https://api.hubapi.com/", "https://api.hubapi.com"),
        ("https://API.HubApi.com:443/x/", "https://API.HubApi.com:443/x"),
        ("https://hubapi.com", "https://hubapi.com"),
        ("http://127.0.0.1:8099/hubspot", "http://127.0.0.1:8099/hubspot"),
        ("http://localhost:8099/hubspot/", "http://localhost:8099/hubspot"),
        ("http://[::1]:8099", "http://[::1]:8099"),
        ("http://127.8.9.10", "http://127.8.9.10"),
    ],
)
def test_urls_that_may_receive_credentials(url: str, base: str) -> None:
    assert checked_url("api_url", url, DOMAINS) == base


REFUSED = [
    "http://api.hubapi.com",
    "http://10.0.0.1",
    "http://0.0.0.0:80",
    "http://127.0.0.1.example.com",
    "http://2130706433/",
    "https://127.0.0.1",
    "https://104.18.0.1",
    "https://[::1]",
    "https://hubapi.com.example.com",
    "https://evilhubapi.com",
    "https://example.com/api.hubapi.com",
    "https://example.com#.hubapi.com",
    "https://example.com?.hubapi.com",
    "https://example.com\\.hubapi.com",
    "https://example.com%2f.hubapi.com",
    "https://api.hubapi.com@example.com",
    "https://user:canary@api.hubapi.com",
    "https://@api.hubapi.com",
    "https://api.hubapi.com:8443",
    "https://api.hubapi.com:port",
    "https://api.hubapi.com.",
    "https://api.hubapi.com#",
    "https://api.hubapi.com?",
    "https://api.hub\tapi.com",
    "https://api.hubapi.com\n",
    " https://api.hubapi.com",
    "https://аpi.hubapi.com",  # noqa: RUF001 - a Cyrillic letter, on purpose
    "https://xn--hubpi-5ve.com",
    "https://hubapi。com",
    "ftp://api.hubapi.com",
    "//api.hubapi.com",
    "api.hubapi.com",
    "https://",
    "https://[::1",
    "",
]


@pytest.mark.parametrize("url", REFUSED)
def test_urls_that_may_not(url: str) -> None:
    with pytest.raises(Misconfigured, match="setting api_url") as caught:
        checked_url("api_url", url, DOMAINS)
    assert "canary" not in str(caught.value)


@given(st.text("htps:/\\@#?%.[]hubapicomevl\t\n-", max_size=20))
def test_whatever_is_let_through_is_where_the_http_library_goes(text: str) -> None:
    for url in (f"https://{text}.hubapi.com", f"https://{text}hubapi.com", f"https://hubapi.com{text}"):
        try:
            base = checked_url("api_url", url, DOMAINS)
        except Misconfigured:
            continue
        target = parse_url(f"{base}/crm/x")
        assert (target.host or "").endswith("hubapi.com")
        assert (target.path or "").endswith("/crm/x")


# -- secrets -----------------------------------------------------------------------------------------------


def test_a_secret_has_no_repr_and_signs_requests() -> None:
    secret = Secret("pat-na1-canary")
    assert "canary" not in repr([secret])
    assert "canary" not in f"{secret!r}"
    request = requests.Request("GET", "https://api.hubapi.com", auth=Bearer(secret)).prepare()
    assert request.headers["Authorization"] == "Bearer pat-na1-canary"


def cleaned(text: str, *secrets: str) -> str:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "%s", (text,), None)
    assert Redaction([Secret(s) for s in secrets]).filter(record)
    return logging.Formatter().format(record)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer canary",
        "{'Authorization': 'Bearer canary'}",
        '{"authorization": "Basic canary"}',
        "authorization=canary",
        "sent with bearer canary, twice",
        "grant_type=refresh&refresh_token=canary&x=1",
        '{"access_token": "canary"}',
    ],
)
def test_what_looks_like_a_credential_is_cut(text: str) -> None:
    assert "canary" not in cleaned(text)
    assert "•••" in cleaned(text)


def test_a_secret_that_begins_with_another_leaves_no_tail() -> None:
    assert cleaned("tokens: abcd and abcdefgh", "abcd", "abcdefgh") == "tokens: ••• and •••"


def test_short_words_are_no_secrets() -> None:
    assert cleaned("an apple", "a") == "an apple"


def test_the_text_of_an_exception_is_cleaned_too() -> None:
    try:
        raise ValueError("header was Bearer canary")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "failed", (), sys.exc_info())
    Redaction([]).filter(record)
    text = logging.Formatter().format(record)
    assert "ValueError: header was Bearer •••" in text


def test_a_log_call_that_does_not_fit_its_words_ends_nothing() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "two %s %s", ("canary",), None)
    assert Redaction([Secret("canary")]).filter(record)
    assert record.getMessage() == "two %s %s"


def test_a_trace_that_was_written_before_is_cleaned_too() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "failed", (), None)
    record.exc_text = record.stack_info = "Bearer canary"
    Redaction([]).filter(record)
    assert "canary" not in logging.Formatter().format(record)


@contextmanager
def root_handler() -> Iterator[list[str]]:
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    root, handler = logging.getLogger(), Keep()
    levels = {name: logging.getLogger(name).level for name in ("urllib3", "requests", "charset_normalizer")}
    before = {each: list(each.filters) for each in root.handlers}
    root.addHandler(handler)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        for each, filters in before.items():
            each.filters = filters
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def test_every_handler_of_the_root_logger_is_filtered() -> None:
    with root_handler() as lines:
        redact_logs([Secret("canary")])
        logging.getLogger("elsewhere").error("it was %s", "canary")
        assert logging.getLogger("urllib3").level == logging.WARNING
    assert lines == ["it was •••"]
