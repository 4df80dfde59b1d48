"""Our tap before a target that nobody here wrote, our target behind a tap that nobody here wrote, through Meltano."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
import yaml
from psycopg.conninfo import make_conninfo

from bench.plugins import MELTANO, foreign
from demo.postgres_server import Server
from penstock_sandbox.handle import Sandbox
from tests.e2e.conftest import penstock

pytestmark = pytest.mark.e2e
OURS = Path(sys.executable).parent
Plugin = dict[str, Any]
Run = Callable[[], str]

ORDERS = """create table orders as select n as id, case when n % 3 = 0 then null else 'Zoë ' || n end as name,
  (n / 7)::decimal(9, 2) as amount, n % 2 = 0 as paid, date '2026-01-01' + n::integer as due,
  timestamptz '2026-01-01 00:00:00+00' + to_minutes(n) as placed, [n, n + 1] as items from range(2500) t(n)"""

PEOPLE = """create table people as select n as id, 'person' || n || '@example.com' as email, 'Zoë ' || n as name,
  timestamptz '2026-01-01 00:00:00+00' + n / 100 * interval '1 hour' as updated_at from generate_series(0, 299) n"""


def project(folder: Path, extractor: Plugin, loader: Plugin) -> Run:
    """Make a Meltano project of two plugins that are installed already. Gives what runs it and returns its log."""
    plugins = {"extractors": [extractor], "loaders": [loader]}
    made = {"version": 1, "project_id": "foreign", "send_anonymous_usage_stats": False, "plugins": plugins}
    (folder / "meltano.yml").write_text(yaml.safe_dump({**made, "environments": [{"name": "ci"}]}))
    environment = os.environ | {
        "MELTANO_PROJECT_ROOT": str(folder),
        "MELTANO_STATE_BACKEND_URI": (folder / "state").as_uri(),
        "MELTANO_ENVIRONMENT": "ci",
    }

    def run() -> str:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [MELTANO, "run", extractor["name"], loader["name"]],
            cwd=folder, env=environment, check=False, capture_output=True, text=True, timeout=900,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stderr

    return run


def plugin(executable: Path, config: dict[str, object], **more: object) -> Plugin:
    settings = [{"name": name} for name in config]
    name = executable.name
    told = {"namespace": name.replace("-", "_"), "executable": str(executable), "settings": settings}
    return {"name": name, **told, "config": config, **more}


def stored(folder: Path) -> dict[str, Any]:
    """Read the bookmarks that Meltano keeps."""
    [file] = list((folder / "state").rglob("state.json"))
    bookmarks: dict[str, Any] = json.loads(file.read_text())["completed"]["singer_state"]["bookmarks"]
    return bookmarks


def test_our_tap_feeds_target_jsonl(tmp_path: Path) -> None:
    warehouse, out = tmp_path / "warehouse.duckdb", tmp_path / "out"
    models = {"orders": {"table": "orders", "primary_key": "id", "change": "snapshot"}}
    run = project(
        tmp_path,
        plugin(
            OURS / "tap-duckdb",
            {"path": str(warehouse), "models": models},
            capabilities=["catalog", "discover", "state"],
            use_cached_catalog=False,
        ),
        plugin(foreign("target-jsonl"), {"destination_path": str(out), "do_timestamp_file": False}),
    )

    def sql(statement: str) -> None:
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute(statement)

    def written() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in (out / "orders.jsonl").read_text("utf-8").splitlines()]
        (out / "orders.jsonl").write_text("")
        return lines

    sql(ORDERS)
    assert "Unknown message type ACTIVATE_VERSION" in run(), "it skips what it does not know"
    rows = written()
    assert [row["id"] for row in rows] == list(range(2500))
    assert rows[8] == {
        "id": 8,
        "name": "Zoë 8",
        "amount": 1.14,
        "paid": True,
        "due": "2026-01-09",
        "placed": "2026-01-01T00:08:00.000000+00:00",
        "items": [8, 9],
    }
    assert rows[9]["name"] is None
    first = stored(tmp_path)["orders"]["snapshot"]
    assert first["complete"] is True

    sql("update orders set name = 'Ana' where id = 7")
    sql("delete from orders where id = 11")
    sql("insert into orders select 9000, * exclude (id) from orders where id = 1")
    assert "ACTIVATE_VERSION" not in run()
    assert [(row["id"], row.get("name"), "_sdc_deleted_at" in row) for row in written()] == [
        (7, "Ana", False),
        (11, None, True),
        (9000, "Zoë 1", False),
    ]
    second = stored(tmp_path)["orders"]["snapshot"]
    assert second["complete"] is True
    assert (second["id"], second["base"]) == (first["id"], first["snapshot"])

    run()
    assert written() == []


def test_our_target_reads_meltanolabs_tap_postgres(tmp_path: Path, sandbox: Sandbox, postgres: Server) -> None:
    database = "interoperation"
    with psycopg.connect(make_conninfo(**postgres.login), autocommit=True) as connection:
        connection.execute(f"create database {database}")
    login = make_conninfo(**{**postgres.login, "dbname": database})

    def sql(statement: str) -> None:
        with psycopg.connect(login) as connection:
            connection.execute(statement.encode())

    sql(PEOPLE)
    sql("alter table people add primary key (id)")
    stream, ledger = "public-people", tmp_path / "ledger.db"
    syncs = {stream: {"object": "contacts", "match": "email", "fields": {"email": "email", "firstname": "name"}}}
    (tmp_path / "syncs.yml").write_text(yaml.safe_dump(syncs))
    run = project(
        tmp_path,
        plugin(
            foreign("tap-postgres"),
            {"sqlalchemy_url": postgres.url("public").replace("@/postgres?", f"@by-its-socket/{database}?")},
            capabilities=["catalog", "discover", "state"],
            select=[f"{stream}.*"],
            metadata={stream: {"replication-method": "INCREMENTAL", "replication-key": "updated_at"}},
        ),
        plugin(
            OURS / "target-hubspot",
            {
                "api_url": sandbox.hubspot_url,
                "token": sandbox.token,
                "syncs_file": str(tmp_path / "syncs.yml"),
                "ledger_path": str(ledger),
            },
        ),
    )

    def counts() -> dict[str, int]:
        newest = json.loads(penstock("runs", "--json", "--limit", "1", "--ledger", str(ledger)).splitlines()[0])
        found: dict[str, int] = newest["counts"][stream]
        return found

    run()
    assert {contact.properties["firstname"] for contact in sandbox.objects()} == {f"Zoë {n}" for n in range(300)}
    assert counts()["created"] == 300
    assert stored(tmp_path)[stream]["replication_key_value"].startswith("2026-01-01T02:00:00")

    sql("update people set name = 'Ana', updated_at = '2026-02-01 00:00:00+00' where id = 250")
    run()
    assert (counts()["read"], counts()["updated"], counts()["unchanged"]) == (100, 1, 99), "rows of the boundary again"
    assert stored(tmp_path)[stream]["replication_key_value"].startswith("2026-02-01T00:00:00")
    assert sandbox.stats().applied_writes == 301
