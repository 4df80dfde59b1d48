"""The real process with wrong settings and wrong input: which exit code, what it says, and that nothing is lost."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from penstock.cli import app
from penstock.files import SyncLock
from penstock_sandbox.handle import Sandbox
from tests.hubspot.process import (
    CANARY,
    SCHEMA,
    SYNCS,
    Ended,
    Line,
    as_bytes,
    at_destination,
    command,
    ended,
    environment,
    mail,
    ran,
    record,
    records,
    rejects,
    settings_for,
    state,
)

SECRET = "pat-na1-canary-5f1e"


def check(run: Ended, code: int, *words: str) -> None:
    """Hold what holds for every ending: the code, the class and what to do on the last line, no secret, no value."""
    assert run.code == code, run.stderr
    assert run.last_line.startswith(f"target-hubspot: exit {code}, ")
    assert code == 0 or "What to do: " in run.last_line
    for word in words:
        assert word in run.stderr
    for never in ("Traceback", SECRET, CANARY, "sandbox-hubspot-token"):
        assert never not in run.stderr + json.dumps(run.states)


def synced(**changes: Any) -> dict[str, Any]:
    syncs: dict[str, Any] = copy.deepcopy(SYNCS)
    syncs["people"].update(changes)
    return syncs


# -- settings ----------------------------------------------------------------------------------------------


def test_what_is_right_is_delivered(tmp_path: Path, sandbox: Sandbox) -> None:
    run = ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(120), state(120)])
    check(run, 0, "exit 0, delivered")
    assert run.states == [{"position": 120}]
    assert set(at_destination(sandbox)) == {mail(n) for n in range(120)}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"token": None}, ["setting token: is required"]),
        ({"token": 7}, ["setting token: does not meet `type"]),
        ({"token": SECRET}, ["setting token: is no sandbox token", "it was not sent there"]),
        ({"token": "sandbox-other"}, ["setting token: HubSpot refused it (status 401, INVALID_AUTHENTICATION)"]),
        ({"token": f"{SECRET}\n"}, ["setting token: is empty or holds a blank, a line break"]),
        ({"token": f"{SECRET}é"}, ["setting token: is empty or holds a blank, a line break"]),
        ({"token": ""}, ["setting token: is empty"]),
        ({"api_url": "http://api.hubapi.com"}, ["setting api_url: must begin with https://"]),
        ({"api_url": f"https://{SECRET}@api.hubapi.com"}, ["setting api_url: give scheme, host and path only"]),
        ({"api_url": "https://hubapi.com.example.com"}, ["setting api_url: the host must be hubapi.com"]),
        (
            {"syncs": synced(associate=[{"object": "companies", "from": "c"}], bulk_above=5)},
            ["rows that are linked with others cannot travel by a job; leave bulk_above or associate out"],
        ),
        (
            {"syncs": synced(fields={"email": "mail", "lifecyclestage": {"constant": "custmer"}})},
            ["the constant for 'lifecyclestage': the value is none of", "(did you mean 'customer'?)"],
        ),
        ({"apiurl": "x"}, ["setting apiurl: unknown (did you mean 'api_url'?)"]),
        ({"syncs": synced(object="compnies")}, ["no object 'compnies' in this portal (did you mean 'companies'?)"]),
        ({"syncs": synced(fields={"email": "mail", "fristname": "first"})}, ["(did you mean 'firstname'?)"]),
        ({"syncs": synced(match="firstname")}, ["'firstname' is not unique", "unique are customer_key, email"]),
        (
            {"syncs": synced(mode="miror", nulls="x")},
            ["people.mode: expected upsert or", "nulls: expected", "2 mistakes"],
        ),
        (
            {"syncs": synced(mode="append")},
            ["does not know how to append contacts", "what it knows is archive, create, delete, update, upsert"],
        ),
        (
            {"syncs": {**SYNCS, "others": {**SYNCS["people"], "object": "contact"}}},
            ["syncs people and others both write 'firstname' of contacts", "3 mistakes"],
        ),
        ({"request_timeout": 1e300}, ["setting request_timeout: expected a number of seconds above 0, at most 86400"]),
        ({"ledger_keep_days": 0}, ["setting ledger_keep_days: expected a number of days above 0"]),
        ({"rejects_keep_days": -1}, ["setting rejects_keep_days: expected a number of days above 0"]),
        ({"stream_maps": {"people": {"id": "id", "mail": "((("}}}, ["setting stream_maps: a rule for stream people"]),
        ({"syncs_file": "syncs.yml"}, ["settings syncs and syncs_file are both given"]),
        ({"syncs": None, "syncs_file": "none.yml"}, ["setting syncs_file: cannot read"]),
        ({"ledger_path": "config.json/ledger.db"}, ["config.json/ledger.db cannot be made", "setting ledger_path"]),
        ({"ledger_path": "config.json"}, ["config.json cannot be opened", "setting ledger_path"]),
        ({"ledger_path": "."}, ["cannot be made: Is a directory"]),
        ({"ledger_path": "/proc/none/ledger.db"}, ["/proc/none/ledger.db cannot be made"]),
    ],
)
def test_wrong_settings_exit_2_before_anything_is_sent(
    tmp_path: Path, sandbox: Sandbox, changes: dict[str, Any], words: Sequence[str]
) -> None:
    run = ran(tmp_path, settings_for(sandbox, **changes), [SCHEMA, *records(3), state(3)])
    check(run, 2, *words)
    assert run.states == []
    assert sandbox.history() == []


def test_settings_that_are_null_are_not_given(tmp_path: Path, sandbox: Sandbox) -> None:
    names = ("ledger_keep_days", "rejects_keep_days", "park_rejects_after_days", "request_timeout", "quota_reserve")

    settings = {**settings_for(sandbox), **dict.fromkeys([*names, "property_group", "create_lists"])}
    check(ran(tmp_path, settings, [SCHEMA, *records(1), state(1)]), 0)


def test_a_stream_without_a_sync_writes_no_field_of_one_that_has_one(tmp_path: Path, sandbox: Sandbox) -> None:
    columns = {"email": {"type": "string"}, "firstname": {"type": "string"}}
    schema = {"type": "SCHEMA", "stream": "contacts", "key_properties": ["email"], "schema": {"properties": columns}}
    row = {"type": "RECORD", "stream": "contacts", "record": {"email": mail(0), "firstname": "b"}}
    run = ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(1), state(1), schema, row, state(2)])
    check(run, 2, "syncs people and contacts both write 'firstname' of contacts")
    assert run.states == [{"position": 1}]
    assert at_destination(sandbox) == {mail(0): f"{CANARY} a"}


def test_an_odd_place_for_the_ledger_is_fine(tmp_path: Path, sandbox: Sandbox) -> None:
    odd = "a b/c#d%20?mode=memory&/é ledger.db"
    check(ran(tmp_path, settings_for(sandbox, ledger_path=odd), [SCHEMA, *records(3), state(3)]), 0)
    file = tmp_path / odd
    assert file.stat().st_mode & 0o777 == 0o600
    script = subprocess.run(
        [Path(command(tmp_path, {})[0]).with_name("penstock"), "runs", "--json", "--ledger", str(file)],
        capture_output=True,
        env=environment(),
        check=True,
    )
    assert json.loads(script.stdout)["counts"]["people"]["created"] == 3


def test_an_account_that_answers_with_a_page_is_a_fault_and_no_defect(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.fault("before_apply", "html", match="account-info")
    run = ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(3)])
    check(run, 1, "the answer at start is not HubSpot's", "api_url")


def test_a_ledger_of_another_account_is_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    body = {"portalId": 87654321}
    sandbox.fault("before_apply", "status", match="account-info", status=200, body=body, times=1)
    check(ran(tmp_path, settings_for(sandbox), [SCHEMA, state(0)]), 0)
    run = ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(3)])
    check(run, 2, "belongs to account hubspot:87654321", "another ledger_path")
    assert sandbox.history() == []


def test_a_second_run_of_the_same_sync_names_the_first(tmp_path: Path, sandbox: Sandbox) -> None:
    lock = SyncLock(tmp_path / "ledger.db", "people")
    lock.take("2026-10-17T09:00:00+00:00")
    try:
        run = ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(3), state(3)])
    finally:
        lock.release()
    check(run, 2, f"pid {os.getpid()}, started 2026-10-17T09:00:00+00:00")
    assert sandbox.history() == []
    check(ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(3), state(3)]), 0)


# -- input -------------------------------------------------------------------------------------------------

BEFORE: list[Line] = [SCHEMA, *records(5), state(5)]
AFTER: list[Line] = [*records(5, start=5), state(10)]


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (f'{{"type": "RECORD", "stream": "people", "record": {{"id": 9, "{CANARY}'.encode(), 1, ["input line 8"]),
        (f'["{CANARY}"]'.encode(), 1, ["input line 8: not a Singer message"]),
        (f"{CANARY} printed this".encode(), 1, ["input line 8: not a Singer message"]),
        (b"\xef\xbb\xbf{}", 1, ["input line 8: not a Singer message"]),
        (b'{"type": "STATE", "value": {"at": NaN}}', 1, ["input line 8: not a Singer message"]),
        ({"type": CANARY}, 1, ["input line 8: unknown message type"]),
        ({"type": "RECORD", "stream": "others", "record": {}}, 1, ["input line 8: a RECORD of stream others before"]),
        ({"type": "RECORD", "stream": "people", "record": [CANARY]}, 1, ["input line 8"]),
        ({"type": "RECORD", "stream": "people"}, 1, ["input line 8: a RECORD without"]),
        ({"type": "RECORD", "record": {"id": 1}}, 1, ["input line 8: a RECORD without"]),
        ({"type": "STATE", "value": [CANARY]}, 1, ["input line 8: a STATE whose value is no object"]),
        ({"type": "STATE", "value": None}, 1, ["input line 8: a STATE whose value is no object"]),
        ({"type": "SCHEMA", "stream": "people"}, 1, ["input line 8: a SCHEMA without stream or schema"]),
        ({**SCHEMA, "schema": {}}, 1, ["input line 8: the SCHEMA of stream people has no properties"]),
        ({**SCHEMA, "key_properties": []}, 2, ["stream people: its SCHEMA names no key_properties"]),
        ({**SCHEMA, "schema": {"properties": {"id": {}, "Mail": {}}}}, 2, ["'mail'", "(did you mean 'Mail'?)"]),
        ({"type": "BATCH", "stream": "people"}, 1, ["input line 8: a BATCH without encoding or manifest"]),
    ],
)
def test_a_line_that_is_no_singer_ends_the_run_after_what_came_before(
    tmp_path: Path, sandbox: Sandbox, line: Line, code: int, words: Sequence[str]
) -> None:
    run = ran(tmp_path, settings_for(sandbox), [*BEFORE, line, *AFTER])
    check(run, code, *words)
    assert run.states == [{"position": 5}]
    assert set(at_destination(sandbox)) == {mail(n) for n in range(5)}


def test_a_run_after_a_malformed_line_sends_only_the_rest(tmp_path: Path, sandbox: Sandbox) -> None:
    check(ran(tmp_path, settings_for(sandbox), [*BEFORE, b"{", *AFTER]), 1)
    check(ran(tmp_path, settings_for(sandbox), [*BEFORE, *AFTER]), 0)
    assert set(at_destination(sandbox)) == {mail(n) for n in range(10)}
    assert len(sandbox.history()) == 10


@pytest.mark.parametrize(
    ("guards", "waits"),
    [
        ({"max_changed_share": 0.5}, record(1)),
        ({"max_removed": 9}, {**record(1), "record": {"id": 1, "_sdc_deleted_at": "2026-01-01"}}),
    ],
)
def test_what_waits_for_the_end_of_its_stream_is_not_acknowledged_when_the_input_breaks_off(
    tmp_path: Path, sandbox: Sandbox, guards: dict[str, object], waits: Line
) -> None:
    settings = settings_for(sandbox, syncs=synced(removed="clear", guards=guards))
    run = ran(tmp_path, settings, [SCHEMA, state(1), waits, state(2), b"oops"])
    check(run, 1, "input line 5: not a Singer message")
    assert run.states == [{"position": 1}]
    assert at_destination(sandbox) == {}
    check(ran(tmp_path, settings, [SCHEMA, waits, {**SCHEMA, "key_properties": []}]), 2, "names no key_properties")


def test_a_torn_last_line_is_no_message(tmp_path: Path, sandbox: Sandbox) -> None:
    whole = as_bytes([*BEFORE, *AFTER])
    for cut in (2, 20, len(as_bytes([state(10)])) - 1):
        run = ran(tmp_path, settings_for(sandbox), whole[:-cut])
        check(run, 1, "input line 13: the input ends in the middle of a line")
        assert run.states[-1] == {"position": 5}
    assert set(at_destination(sandbox)) == {mail(n) for n in range(10)}
    check(ran(tmp_path, settings_for(sandbox), whole[:-1]), 0)


def test_a_stream_without_a_key_is_configuration(tmp_path: Path, sandbox: Sandbox) -> None:
    run = ran(tmp_path, settings_for(sandbox), [{**SCHEMA, "key_properties": []}, *records(3)])
    check(run, 2, "names no key_properties", "give the model a primary key")
    assert sandbox.history() == []


BAD_ROWS: list[tuple[dict[str, Any], tuple[str, str | None]]] = [
    ({"id": 900, "mail": f"x@{CANARY}.example.com", "first": 7}, ("schema", "firstname")),
    ({"id": 901, "mail": f"y@{CANARY}.example.com", "score": "NaN"}, ("value", "lead_score")),
    ({"id": 902, "mail": f"z@{CANARY}.example.com", "signed_up": f"{CANARY} day"}, ("value", "signup_date")),
    ({"id": 903, "mail": None}, ("null_match", "email")),
    ({"id": 904, "mail": f"{CANARY} is no address"}, ("INVALID_EMAIL", "email")),
    ({"id": 905, "mail": f"w@{CANARY}.example.com", "first": CANARY * 9_000}, ("too_long", "firstname")),
    ({"id": 906, "mail": mail(0)}, ("duplicate_match", None)),
]


def test_rows_that_break_a_rule_are_rejects_and_the_rest_goes_through(tmp_path: Path, sandbox: Sandbox) -> None:
    bad: list[Line] = [{"type": "RECORD", "stream": "people", "record": row} for row, _ in BAD_ROWS]
    run = ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(120), *bad, state(127)])
    check(run, 0)
    assert run.states == [{"position": 127}]
    assert rejects(tmp_path) == {f"[{row['id']}]": why for row, why in BAD_ROWS}
    assert set(at_destination(sandbox)) == {mail(n) for n in range(120)}


def test_text_that_is_no_unicode_is_a_reject_of_its_row(tmp_path: Path, sandbox: Sandbox) -> None:
    latin = f'{{"type": "RECORD", "stream": "people", "record": {{"id": 900, "first": "{CANARY} \xe9"}}}}'
    run = ran(tmp_path, settings_for(sandbox), [*BEFORE, latin.encode("latin-1"), *AFTER])
    check(run, 0)
    assert rejects(tmp_path) == {"[900]": ("unreadable", "firstname")}
    assert set(at_destination(sandbox)) == {mail(n) for n in range(10)}


def test_a_row_that_a_stream_map_cannot_take_is_a_reject(tmp_path: Path, sandbox: Sandbox) -> None:
    maps = {"people": {"first": "first.upper()"}}
    lines: list[Line] = [
        {"type": "RECORD", "stream": "people", "record": {"id": 900, "mail": mail(900), "first": None}}
    ]
    check(ran(tmp_path, settings_for(sandbox, stream_maps=maps), [*BEFORE, *lines, *AFTER]), 0)
    assert rejects(tmp_path) == {"[900]": ("stream_map", None)}
    assert at_destination(sandbox) == {mail(n): f"{CANARY} a".upper() for n in range(10)}


@pytest.mark.parametrize("maps", [{"people": "__NULL__"}, {"__else__": None}])
def test_a_stream_that_the_stream_maps_remove_is_not_sent(tmp_path: Path, sandbox: Sandbox, maps: object) -> None:
    run = ran(tmp_path, settings_for(sandbox, stream_maps=maps), [SCHEMA, *records(3), state(3)])
    check(run, 0)
    assert run.states == [{"position": 3}]
    assert sandbox.history() == []


def test_a_row_without_its_key_is_kept_as_a_reject(tmp_path: Path, sandbox: Sandbox) -> None:
    lines: list[Line] = [{"type": "RECORD", "stream": "people", "record": {"mail": mail(1)}}]
    check(ran(tmp_path, settings_for(sandbox), [SCHEMA, *lines, state(1)]), 0)
    assert list(rejects(tmp_path).values()) == [("null_key", "id")]


def test_two_streams_with_rejects_between_them_share_a_run(tmp_path: Path, sandbox: Sandbox) -> None:
    """The second stream opens while settlements of the first are written and not yet committed."""
    first: list[Line] = [*records(3), {"type": "RECORD", "stream": "people", "record": {"id": 99, "mail": None}}]
    second: list[Line] = [{**record(n), "stream": "guests"} for n in (11, 12)]
    guests = {**SYNCS["people"], "fields": {"email": "mail", "lastname": "first"}}
    syncs = {**SYNCS, "guests": guests}
    lines = [SCHEMA, *first, {**SCHEMA, "stream": "guests"}, *second, *first, state(1)]
    check(ran(tmp_path, settings_for(sandbox, syncs=syncs), lines), 0)
    assert set(at_destination(sandbox)) == {mail(n) for n in (0, 1, 2, 11, 12)}


def test_too_many_rejects_exit_3_with_everything_else_delivered(tmp_path: Path, sandbox: Sandbox) -> None:
    bad: list[Line] = [record(n, score="many") for n in range(500, 530)]
    run = ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(30), *bad, state(60)])
    check(run, 3, "30 of 60 rows attempted were refused", "penstock rejects")
    assert run.states == [{"position": 60}]
    assert len(at_destination(sandbox)) == 30
    assert len(rejects(tmp_path)) == 30


# -- standard output ---------------------------------------------------------------------------------------


def into(folder: Path, sandbox: Sandbox, stdout: int, prefix: Sequence[str] = ()) -> Ended:
    content = as_bytes([SCHEMA, *records(5), state(5)])
    done = subprocess.run(
        [*prefix, *command(folder, settings_for(sandbox))],
        input=content,
        stdout=stdout,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment(),
        timeout=60,
        check=False,
    )
    return ended(done.returncode, b"", done.stderr)


def test_nobody_reads_the_state(tmp_path: Path, sandbox: Sandbox) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        check(into(tmp_path, sandbox, writer), 1, "STATE could not be written to standard output: Broken pipe")
    finally:
        os.close(writer)


def test_the_disk_of_the_reader_is_full(tmp_path: Path, sandbox: Sandbox) -> None:
    with Path("/dev/full").open("wb") as full:
        check(into(tmp_path, sandbox, full.fileno()), 1, "STATE could not be written", "No space left")


def test_standard_output_is_closed_from_the_start(tmp_path: Path, sandbox: Sandbox) -> None:
    run = into(tmp_path, sandbox, subprocess.DEVNULL, ["sh", "-c", 'exec "$@" >&-', "sh"])
    check(run, 1, "standard output is closed")


def test_the_last_line_says_that_a_whole_model_is_still_to_be_read(tmp_path: Path, sandbox: Sandbox) -> None:
    bookmark = b'{"type":"STATE","value":{"bookmarks":{"people":{"at":%d}}}}'
    run = ran(tmp_path, settings_for(sandbox), [bookmark % 1, SCHEMA, bookmark % 2])
    check(run, 0, "exit 0, delivered; pending: people: run again, so that the whole model is read")
    shown = CliRunner().invoke(app, ["runs", "--ledger", str(tmp_path / "ledger.db")]).output
    assert "delivered; pending: people: run again, so that the whole model is read" in shown
