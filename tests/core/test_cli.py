"""`penstock runs` and `penstock rejects`: text for people, JSON lines for programs."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from penstock.ledger import Ledger
from penstock.records import RowKey
from penstock.upkeep_cli import app

RUNNER = CliRunner(env={"COLUMNS": "250", "TERM": "dumb", "MELTANO_PROJECT_ROOT": ""})
ODD_KEY = RowKey('["[/b][red]ana"]')


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / ".penstock" / "target #1 50%?.db"
    with closing(Ledger(path, wall=lambda: 1_760_700_000.0)) as made:
        made.begin_run()
        people, guests = made.open_sync("people", "contacts").number, made.open_sync("guests", "contacts").number
        made.rejects.refuse(
            people, [(ODD_KEY, "rejected", "INVALID_EMAIL", "email", "is no address", {"mail": "canary"}, b"")], 1
        )
        made.rejects.refuse(guests, [(RowKey("[2]"), "invalid", "value", None, "is no number", {}, b"")], 1)
        made.end_run(0, "delivered", 7, {"people": {"read": 1200, "rejected": 1, "created": 0}, "guests": {"read": 1}})
        made.begin_run()
    return path


def said(*arguments: str, code: int = 0) -> str:
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == code, result.output
    return result.output


def told(*arguments: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in said(*arguments, "--json").splitlines()]


def test_runs_are_told_newest_first(ledger: Path) -> None:
    text = said("runs", "--ledger", str(ledger))
    assert "still running, or killed" in text
    assert "read 1,200, rejected 1" in text
    assert "2025-10-17T11:20:00+00:00" in text
    newest, oldest = told("runs", "--ledger", str(ledger))
    assert (newest["run"], newest["exit_code"], newest["ended_at"]) == (2, None, "")
    assert (oldest["run"], oldest["exit_code"], oldest["calls"]) == (1, 0, 7)
    assert oldest["ledger"] == str(ledger)


def test_rejects_are_told_with_their_reason(ledger: Path) -> None:
    text = said("rejects", "--ledger", str(ledger))
    assert "INVALID_EMAIL" in text
    assert "is no address" in text
    assert ODD_KEY in text, "what looks like markup is shown as it is"
    assert "canary" not in text
    rows = told("rejects", "--ledger", str(ledger))
    assert [(row["stream"], row["kind"]) for row in rows] == [("guests", "invalid"), ("people", "rejected")]
    assert all("record" not in row for row in rows)


def test_records_are_shown_only_on_demand(ledger: Path) -> None:
    [row] = told("rejects", "--ledger", str(ledger), "--record", "--stream", "people")
    assert row["record"] == {"mail": "canary"}
    assert len(told("rejects", "--ledger", str(ledger), "--limit", "1")) == 1


def test_a_stream_that_no_ledger_has_is_a_mistake(ledger: Path) -> None:
    text = said("rejects", "--ledger", str(ledger), "--stream", "peple", code=1)
    assert "no stream is named peple; there is guests, people" in text


def test_a_record_without_json_is_refused_and_not_left_out(ledger: Path) -> None:
    assert "goes with --json only" in said("rejects", "--ledger", str(ledger), "--record", code=2)


def test_the_projects_ledgers_are_found_from_below(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = ledger.parent.parent / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert len(told("runs")) == 2


def test_nothing_to_tell(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path / "empty.db")):
        assert "no runs yet" in said("runs", "--ledger", str(tmp_path / "empty.db"))
        assert "no rejects" in said("rejects", "--ledger", str(tmp_path / "empty.db"))


@pytest.mark.parametrize("content", [b"", b"no database" * 100])
def test_a_file_that_is_no_ledger(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.db").write_bytes(content)
    assert "cannot be read as a ledger" in said("runs", "--ledger", str(tmp_path / "x.db"), code=2)


def test_no_ledger_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no ledger found" in said("runs", code=2)
    assert "is no file" in said("runs", "--ledger", str(tmp_path / "none.db"), code=2)


def test_the_version_is_told() -> None:
    assert said("--version").startswith("penstock ")
