"""No secret and no value of a record comes out anywhere, whatever goes wrong: canaries in both, every byte searched.

What may hold values is the ledger, which must keep refused records; so it is searched for the secret alone.
"""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock_sandbox.handle import Sandbox
from penstock_sandbox.server import running
from tests.hubspot.process import CANARY, SCHEMA, as_bytes, command, environment, record, records, settings_for, state

SECRET = "sandbox-quagga-token-of-a-canary"
ECHO = {"status": "error", "category": "VALIDATION_ERROR", "message": f"{CANARY} is wrong, and so is {SECRET}"}
RATE = {"status": "error", "errorType": "RATE_LIMIT", "policyName": f"{CANARY}", "message": f"slow down {CANARY}"}

FAULTS: dict[str, dict[str, Any]] = {
    "no fault": {},
    "connections are reset": {"place": "on_connect", "kind": "reset", "every": 2, "times": 4},
    "requests are reset": {"place": "before_apply", "kind": "reset", "every": 2, "times": 4},
    "answers are reset": {"place": "after_apply", "kind": "reset", "every": 2, "times": 4},
    "answers are cut": {"place": "in_answer", "kind": "truncate", "every": 2, "times": 4},
    "answers are HTML": {"place": "in_answer", "kind": "html", "every": 2, "times": 4},
    "answers are empty": {"place": "in_answer", "kind": "empty", "every": 2, "times": 4},
    "rows are left out": {"place": "in_answer", "kind": "drop_rows", "times": 3},
    "every write is refused with an echo": {"place": "before_apply", "kind": "status", "status": 400, "body": ECHO},
    "conflicts with an echo": {"place": "before_apply", "kind": "status", "status": 409, "body": ECHO, "times": 5},
    "credentials are refused with an echo": {"place": "before_apply", "kind": "status", "status": 401, "body": ECHO},
    "forbidden with an echo": {"place": "before_apply", "kind": "status", "status": 403, "body": ECHO},
    "not found with an echo": {"place": "before_apply", "kind": "status", "status": 404, "body": ECHO},
    "moved elsewhere": {
        "place": "before_apply",
        "kind": "status",
        "status": 307,
        "headers": {"Location": f"http://127.0.0.1:9/{CANARY}?{SECRET}"},
    },
    "too many requests": {"place": "before_apply", "kind": "status", "status": 429, "body": RATE, "times": 1},
    "a server in trouble": {"place": "before_apply", "kind": "status", "status": 503, "body": ECHO, "times": 3},
}


def odd(rest: bytes) -> list[Any]:
    """A RECORD line of row 1, as it comes."""
    return [b'{"type":"RECORD","stream":"people","record":{"id":1,"mail":"%s"%s}}' % (CANARY.encode(), rest)]


ODD: list[tuple[str, list[Any]]] = [
    ("a value breaks its schema", [record(500, {"x": CANARY})]),
    ("a value breaks the property", [record(501, score=f"{CANARY}")]),
    ("an address that is none", [{**record(502), "record": {"id": 502, "mail": f"{CANARY}@@", "first": CANARY}}]),
    ("a key is null", [{**record(503), "record": {"id": None, "mail": f"{CANARY}@x.com", "first": CANARY}}]),
    ("a surrogate", odd(b',"first":"\\ud800"')),
    ("a number that is none", odd(b',"first":NaN')),
    ("bad UTF-8", odd(b',"first":"\xff"')),
    ("no Singer", [f"{CANARY} {SECRET}".encode()]),
    ("a cut line", [f'{{"type":"RECORD","stream":"people","record":{{"id":1,"mail":"{CANARY}'.encode()]),
    ("an unknown type", [{"type": f"{CANARY}", "stream": "people"}]),
    ("no SCHEMA before it", [{"type": "RECORD", "stream": "others", "record": {"id": 1, "mail": CANARY}}]),
    (
        "a BATCH of nothing",
        [
            {
                "type": "BATCH",
                "stream": "people",
                "encoding": {"format": "jsonl"},
                "manifest": [f"s3://{CANARY}/{SECRET}"],
            }
        ],
    ),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


def run_and_search(folder: Path, sandbox: Sandbox, lines: list[Any], **settings: Any) -> int:
    """Run the target under umask 000, search all that came out of it, and return its exit code."""
    arguments = command(folder, settings_for(sandbox, token=SECRET, ledger_path="book/ledger.db", **settings))
    done = subprocess.run(
        arguments,
        input=as_bytes(lines),
        capture_output=True,
        cwd=folder,
        env=environment(),
        timeout=120,
        check=False,
        umask=0,
    )
    for name, text in {"stdout": done.stdout, "stderr": done.stderr}.items():
        assert CANARY.encode() not in text, f"{name} holds a value of a record: {text.decode(errors='replace')}"
        assert SECRET.encode() not in text, f"{name} holds the secret"
    assert b"Traceback" not in done.stderr
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "config.json":
            assert path.is_relative_to(folder / "book"), f"{path.name} was written into the working folder"
            assert SECRET.encode() not in path.read_bytes(), f"{path.name} holds the secret"
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    if (folder / "book").exists():
        assert stat.S_IMODE((folder / "book").stat().st_mode) == 0o700
    return done.returncode


@pytest.mark.parametrize("name", FAULTS)
def test_faults_bring_nothing_to_light(tmp_path: Path, server: Sandbox, name: str) -> None:
    server.reset()
    server.grant(SECRET)
    if FAULTS[name]:
        server.fault(**FAULTS[name])
    # A refusal that goes on is a request for each row, and more: no more of them than one window lets through.
    rows = 250 if "times" in FAULTS[name] or not FAULTS[name] else 50
    lines = [SCHEMA, *records(rows), state(1), *records(rows, "b"), state(2)]
    code = run_and_search(tmp_path, server, lines)
    if FAULTS[name]:
        assert server.stats().faults_struck > 0, "the fault never struck, so this has shown nothing"
    assert code in (0, 1, 2, 3)
    server.clear_faults()
    run_and_search(tmp_path, server, lines)
    mails = [c.properties["email"] for c in server.objects()]
    assert len(set(mails)) == len(mails) == rows, "every row arrived in the end, once"


@pytest.mark.parametrize(("name", "lines"), ODD, ids=[name for name, _ in ODD])
def test_odd_input_brings_nothing_to_light(tmp_path: Path, server: Sandbox, name: str, lines: list[Any]) -> None:
    server.reset()
    server.grant(SECRET)
    run_and_search(tmp_path, server, [SCHEMA, *records(3), state(1), *lines, *records(2, start=10), state(2)])
    assert len(server.objects()) >= 3


@pytest.mark.parametrize(
    "settings",
    [
        {"token": f"{SECRET} "},
        {"token": f"{SECRET}\n{SECRET}"},
        {"api_url": f"https://{SECRET}:{CANARY}@api.hubapi.com"},
        {"ledger_url": f"postgresql://{CANARY}:{SECRET}@127.0.0.1:9/x", "ledger_path": None},
        {"syncs": {"people": {"object": CANARY}}},
        {"request_timeout": SECRET},
        {"stream_maps": {"people": {"first": f"1/0 + {SECRET!r}"}}},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_wrong_settings_bring_no_secret_to_light(tmp_path: Path, server: Sandbox, settings: dict[str, Any]) -> None:
    server.reset()
    server.grant(SECRET)
    arguments = command(tmp_path, settings_for(server, **{"token": SECRET, "ledger_path": "book/l.db", **settings}))
    done = subprocess.run(
        arguments,
        input=as_bytes([SCHEMA, *records(3), state(1)]),
        capture_output=True,
        cwd=tmp_path,
        env=environment(),
        timeout=120,
        check=False,
    )
    assert SECRET.encode() not in done.stdout + done.stderr
    assert json.dumps(SECRET).encode() not in done.stdout + done.stderr
