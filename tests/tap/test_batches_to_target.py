"""tap | target with files between them: target-hubspot, as a process, before the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock_sandbox.handle import Sandbox
from penstock_sandbox.server import running
from tests.hubspot.process import Ended, ran, settings_for
from tests.tap.helpers import database, emitted

SYNCS = {
    "people": {
        "object": "contacts",
        "match": "email",
        "removed": "clear",
        "fields": {"email": "mail", "firstname": "first", "lead_score": "score"},
    }
}


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server: Sandbox) -> Sandbox:
    server.reset()
    return server


def model(**more: Any) -> dict[str, Any]:
    return {"people": {"table": "people", "primary_key": "id", **more}}


def delivered(folder: Path, sandbox: Sandbox) -> Ended:
    """Let the target read what the tap has just written."""
    return ran(folder, settings_for(sandbox, syncs=SYNCS), (folder / "w.jsonl").read_bytes())


def names(sandbox: Sandbox) -> dict[str, str]:
    """Who is there with a name, by mail: `clear` empties that of a row that was removed."""
    found = [each.properties for each in sandbox.objects()]
    return {each["email"]: each["firstname"] for each in found if each.get("firstname")}


@pytest.mark.parametrize("encoding", [{"format": "jsonl", "compression": "gzip"}, {"format": "parquet"}])
@pytest.mark.parametrize("change", ["full", "snapshot"])
@pytest.mark.parametrize("versions", [True, False])
def test_what_left_is_removed_and_nothing_else(
    tmp_path: Path, sandbox: Sandbox, encoding: dict[str, str], change: str, versions: bool
) -> None:
    path = database(
        tmp_path / "w.duckdb",
        "create table people as select i as id, 'p' || i || '@example.com' as mail, 'n' || i as first, "
        "cast(i + 0.50 as decimal(9,2)) as score from range(30) r(i)",
    )
    batch = {"encoding": encoding, "storage": {"root": str(tmp_path / "files")}, "batch_size": 7, "versions": versions}
    more: dict[str, Any] = {"batch_config": batch, "snapshot_folder": str(tmp_path / "kept")}
    emitted(path, model(change=change), **more)
    first = delivered(tmp_path, sandbox)
    assert first.code == 0, first.stderr
    assert len(names(sandbox)) == 30
    database(path, "delete from people where id < 3", "update people set first = 'new' where id = 5")
    messages = emitted(path, model(change=change), state=first.states[-1], **more)
    assert "BATCH" in {message["type"] for message in messages}
    second = delivered(tmp_path, sandbox)
    assert second.code == 0, second.stderr
    there = names(sandbox)
    assert there["p5@example.com"] == "new"
    assert len(there) == (30 if change == "full" and not versions else 27)
