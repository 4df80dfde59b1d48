"""From a line of input to the body of a request: exact, or a reject that names its field."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.checkpoint import Checkpoint
from penstock.delivery import Answer, Delivery
from penstock.ledger import Ledger
from penstock.mapping import RecordMapper
from penstock.modes import FieldRule, Sync
from penstock.reading import Reader
from penstock.records import Request
from target_hubspot.api import HubSpot
from tests.hubspot.values import portal_ask

FIELDS = {name: FieldRule(name) for name in ("email", "firstname", "lead_score")}
SYNC = Sync("people", "contacts", "email", fields=FIELDS, max_rejected_share=1)
SCHEMA = {
    "type": "SCHEMA",
    "stream": "people",
    "key_properties": ["id"],
    "schema": {
        "properties": {
            "id": {"type": ["string", "integer"]},
            "email": {"type": "string"},
            "firstname": {"type": ["string", "null"]},
            "lead_score": {"type": ["number", "null"]},
        }
    },
}


@dataclass
class Catch:
    """A sender that keeps requests and answers none."""

    requests: list[Request] = field(default_factory=list)

    def submit(self, ticket: int, request: Request) -> None:
        self.requests.append(request)

    def take(self) -> list[tuple[int, Answer]]:
        return []


@dataclass
class Sent:
    """What left for HubSpot, by address; what did not, by row key; the row keys of what left."""

    properties: dict[str, dict[str, object]]
    rejects: dict[str, tuple[str, str | None]]
    keys: list[object]


@contextmanager
def ledger_in(folder: Path) -> Iterator[Ledger]:
    ledger = Ledger(folder / "ledger.db")
    try:
        yield ledger
    finally:
        ledger.close()


def sent(lines: Sequence[bytes], schema: Mapping[str, object] = SCHEMA) -> Sent:
    """Read lines, map them, write the request of at most a hundred rows, and read it back as JSON."""
    destination, checkpoint, sender = HubSpot(), Checkpoint(), Catch()
    with tempfile.TemporaryDirectory() as name:
        with ledger_in(Path(name)) as ledger:
            ledger.begin_run()
            delivery = Delivery(destination, ledger, sender, checkpoint)
            reader = Reader(
                delivery,
                checkpoint,
                lambda stream, keys: SYNC,
                lambda sync, columns, keys: RecordMapper(
                    sync, destination.form(sync, columns, keys, portal_ask), columns, keys
                ),
                lambda stream, schema, keys: None,
                lambda: 0.0,
            )
            reader.feed(b"".join(line + b"\n" for line in [json.dumps(schema).encode(), *lines]))
            reader.end()
            delivery.turn(0.0, flush=True)
        db = sqlite3.connect(Path(name) / "ledger.db")
        rejects = {key: (code, f) for key, code, f in db.execute("select row_key, code, field from rejects")}
        keys = [json.loads(key)[0] for (text,) in db.execute("select keys from intents") for key in json.loads(text)]
        db.close()
    inputs = [row for request in sender.requests for row in json.loads(request.body or b"{}")["inputs"]]
    return Sent({row["id"]: row["properties"] for row in inputs}, rejects, keys)


def line(number: int, key: str | None = None, first: str = '"a"', score: str = "1") -> bytes:
    """A record line of JSON texts, as they are."""
    record = f'{{"id": {key or number}, "email": "p{number}@x.com", "firstname": {first}, "lead_score": {score}}}'
    return f'{{"type": "RECORD", "stream": "people", "record": {record}}}'.encode("utf-8", "surrogatepass")


ANY = st.characters(exclude_categories=()) | st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF)
TEXTS = st.text(ANY, max_size=30) | st.sampled_from(
    [
        "#N/A",
        "=1+1",
        "@SUM(A1)",
        "\r",
        "a\rb",
        '","',
        '"',
        "'",
        "\0",
        "\u202edcba",
        "👩‍👩‍👧",
        "\ufeff",
        "\\ud800",
        "null",
        "NaN",
    ]
)


def is_text(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(TEXTS, st.booleans()), min_size=1, max_size=40))
@example([("\ud83d\ude00", True), ("\ud83d\ude00", False), ("\ude00\ud83d", True)])
def test_any_text_of_a_line_arrives_exactly_or_is_a_reject_by_name(texts: list[tuple[str, bool]]) -> None:
    """Written with escapes or as bytes. Two halves that make a pair when written as escapes are that character."""
    found = sent([line(n, first=json.dumps(text, ensure_ascii=escaped)) for n, (text, escaped) in enumerate(texts)])
    for n, (text, escaped) in enumerate(texts):
        meant = json.loads(json.dumps(text)) if escaped else text
        if is_text(meant):
            assert found.properties[f"p{n}@x.com"]["firstname"] == meant
        else:
            assert found.rejects[f"[{n}]"] == ("unreadable", "firstname")
            assert f"p{n}@x.com" not in found.properties


@settings(max_examples=50, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=40, unique=True))
def test_any_text_may_be_a_key(keys: list[str]) -> None:
    found = sent([line(n, key=json.dumps(key, ensure_ascii=False)) for n, key in enumerate(keys)])
    assert sorted(map(repr, found.keys)) == sorted(repr(key) for key in keys if is_text(key))
    assert len(found.rejects) == sum(not is_text(key) for key in keys)
    assert set(found.rejects.values()) <= {("unreadable", "id")}


NUMBERS = (
    st.integers().map(str)
    | st.from_regex(r"-?(0|[1-9][0-9]{0,40})\.[0-9]{1,60}", fullmatch=True)
    | st.from_regex(r"-?[1-9](\.[0-9]{1,20})?[eE][+-]?[0-9]{1,3}", fullmatch=True)
    | st.sampled_from(
        ["-0", "-0.0", "0.10", "1e399", "1e400", "1e-400", "1e9999999999999999999", "9" * 4_300, "9" * 4_301]
    )
)


@settings(max_examples=100, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=40))
def test_any_number_of_a_line_keeps_its_digits_or_is_a_reject_by_name(numbers: list[str]) -> None:
    found = sent([line(n, score=number) for n, number in enumerate(numbers)])
    for n, number in enumerate(numbers):
        if f"[{n}]" in found.rejects:
            assert found.rejects[f"[{n}]"][1] == "lead_score"
            assert len(number) > 4_300 or "e" in number.lower()
            assert len(number) > 4_300 or "99999" in number or not -400 < Decimal(number).adjusted() < 400
        else:
            arrived = found.properties[f"p{n}@x.com"]["lead_score"]
            assert isinstance(arrived, str)
            assert Decimal(arrived) == Decimal(number)
            assert Decimal(arrived).is_signed() == Decimal(number).is_signed() or number == "-0"


@pytest.mark.parametrize(
    ("text", "arrives"),
    [
        ("1.0", "1"),
        ("-0.0", "0"),
        ("12345678901234567890.000", "12345678901234567890"),
        ("1e3", "1000"),
        ("1.5", None),
        ("1e400", None),
        ("1e999999999", None),
        ("true", None),
        ('"1"', None),
        ("null", ""),
    ],
)
def test_a_whole_number_is_an_integer_however_it_is_written(text: str, arrives: str | None) -> None:
    """JSON schema says that 1.0 is an integer; what is none is refused by its field."""
    columns = {**SCHEMA["schema"]["properties"], "lead_score": {"type": ["integer", "null"]}}  # type: ignore[index]
    found = sent([line(1, score=text)], {**SCHEMA, "schema": {"properties": columns}})
    if arrives is None:
        assert found.rejects == {"[1]": ("schema", "lead_score")}
    else:
        assert found.properties["p1@x.com"]["lead_score"] == arrives


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_no_number_is_a_reject_and_clears_nothing(number: str) -> None:
    found = sent([line(1, score=number), line(2)])
    assert found.rejects == {"[1]": ("unreadable", "lead_score")}
    assert list(found.properties) == ["p2@x.com"]
