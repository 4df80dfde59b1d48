"""Tap and target killed at random moments of snapshot runs: `python -m storm.snapshots --count 200`.

Each round changes, adds and removes rows of a model, starts the real `meltano run tap-duckdb target-applier` in a
project of its own, and kills the tap or the target at a random instant. Now and then something that is remembered is
lost or damaged, or a bookmark is withheld, as a target does while a sync is pending. Every few rounds two runs are left
alone: after the first the destination must equal the model, and the second must emit nothing.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import duckdb

from storm.figures import Option, arguments, figure, save_figures, told
from storm.judge import Finding
from storm.process import ROOT

MELTANO = ROOT / ".venv-meltano" / "bin" / "meltano"
ROWS = 4_000
LATEST = 3.5
"""seconds after the start of `meltano run` until which it is struck"""
FINISH_EVERY = 4

PROJECT = """
default_environment: dev
send_anonymous_usage_stats: false
environments: [{{name: dev}}]
plugins:
  extractors:
  - name: tap-duckdb
    namespace: tap_duckdb
    executable: {tap}
    capabilities: [state]
    settings:
    - {{name: path}}
    - {{name: models, kind: object}}
    - {{name: snapshot_folder}}
    - {{name: state_every, kind: integer}}
    config:
      path: {folder}/warehouse.duckdb
      snapshot_folder: {folder}/snapshots
      state_every: 100
      models: {{t: {{table: t, primary_key: id, change: snapshot}}}}
  loaders:
  - name: target-applier
    namespace: target_applier
    executable: {target}
    settings: [{{name: path}}, {{name: run}}]
    config: {{path: {folder}/destination.db, run: $RUN}}
"""


class Project:
    """A Meltano project in a folder: a model, its snapshots, Meltano's state and a destination."""

    def __init__(self, folder: Path, chance: Random) -> None:
        self.folder, self.chance = folder, chance
        self.ends: Counter[str] = Counter()
        self.findings: list[Finding] = []
        self.rows: Counter[str] = Counter()
        self._run = 0
        tap = self._script("tap", "from tap_warehouse.duckdb import TapDuckDB; TapDuckDB.cli()")
        target = self._script("target", "import runpy; runpy.run_module('storm.applier', run_name='__main__')")
        (folder / "meltano.yml").write_text(PROJECT.format(folder=folder, tap=tap, target=target), "utf-8")
        self._sql("create table t (id int, v varchar)", f"insert into t select i, 'a' from range({ROWS}) r(i)")

    def _script(self, name: str, code: str) -> Path:
        path = self.folder / f"storm-{name}"
        python = f"PYTHONPATH={ROOT}:{ROOT / 'taps'} exec {sys.executable}"
        path.write_text(f'#!/bin/sh\n{python} -c "{code}" "$@"\n', "utf-8")
        path.chmod(0o755)
        return path

    def _sql(self, *statements: str) -> list[Any]:
        with duckdb.connect(str(self.folder / "warehouse.duckdb")) as connection:
            return [connection.execute(statement).fetchall() for statement in statements][-1]

    def change(self) -> None:
        """Change, remove and add rows, some of them back to what they were."""
        share = self.chance.choice([0.001, 0.02, 0.5])
        self._sql(
            f"update t set v = ['a', 'b', 'c'][1 + (random() * 2.99)::int % 3] where random() < {share}",
            f"delete from t where random() < {share / 4}",
            f"insert into t select i, 'new' from range({ROWS}) r(i) "
            f"where random() < {share / 4} and i not in (select id from t)",
        )

    def start(self) -> subprocess.Popen[bytes]:
        """Start `meltano run`."""
        self._run += 1
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("MELTANO", "TAP_", "TARGET_"))
        }
        settings = kept | {"RUN": str(self._run), "MELTANO_STATE_BACKEND_URI": (self.folder / "state").as_uri()}
        settings["MELTANO_PROJECT_ROOT"] = str(self.folder)
        return subprocess.Popen(
            [str(MELTANO), "run", "--force", "tap-duckdb", "target-applier"],
            cwd=self.folder,
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "log").open("wb"),
        )

    def strike(self) -> None:
        """Start a run and kill the tap or the target of it at a random instant."""
        process = self.start()
        try:
            time.sleep(self.chance.uniform(0.5, LATEST))
            name = self.chance.choice([b"TapDuckDB", b"storm.applier"])
            victim = child_of(process.pid, name)
            while victim is None and process.poll() is None:
                time.sleep(0.01)
                victim = child_of(process.pid, name)
            if victim is None:
                self.ends["ended before"] += 1
                return
            os.kill(victim, signal.SIGKILL)
            self.ends["tap killed" if name == b"TapDuckDB" else "target killed"] += 1
            process.wait(120)
        finally:
            process.kill()
            process.wait()

    def disturb(self) -> None:
        """Lose or damage what is remembered, or withhold a bookmark."""
        what = self.chance.choice(["lost", "damaged", "pending"])
        self.ends[what] += 1
        stores = sorted((self.folder / "snapshots").glob("*.duckdb"))
        if what == "pending":
            for file in (self.folder / "state").rglob("state.json"):
                state = json.loads(file.read_text("utf-8"))
                for part in ("completed", "partial"):
                    state.get(part, {}).get("singer_state", {}).get("bookmarks", {}).pop("t", None)
                file.write_text(json.dumps(state), "utf-8")
        elif what == "lost":
            for store in stores:
                store.unlink()
        elif stores:
            with duckdb.connect(str(self.chance.choice(stores))) as connection:
                for (table,) in connection.execute("select table_name from duckdb_tables()").fetchall():
                    if table.startswith("base_"):
                        connection.execute(f'delete from penstock."{table}" where random() < 0.1')

    def finish(self) -> None:
        """Let a run end, compare, and let another find nothing."""
        self._to_the_end()
        model = {str(key): value for key, value in self._sql("select id, v from t")}
        with sqlite3.connect(self.folder / "destination.db") as db:
            rows = dict(db.execute("select key, value from rows").fetchall())
        db.close()
        self._found("lost", [key for key in model if rows.get(key) != model[key]])
        self._found("missed_removed", [key for key in rows if key not in model])
        self._to_the_end()
        with sqlite3.connect(self.folder / "destination.db") as db:
            again = db.execute("select count(*) from sent where run = ?", [str(self._run)]).fetchone()[0]
            db.execute("delete from sent")
        db.close()
        self._found("again", ["row"] * again)

    def _to_the_end(self) -> None:
        process = self.start()
        if process.wait(300):
            text = (self.folder / "log").read_text("utf-8", "replace")[-3000:]
            self.findings.append(Finding("exit", f"a run that nobody disturbed failed: {text}"))

    def _found(self, kind: str, keys: list[str]) -> None:
        if keys:
            self.findings.append(Finding(kind, f"{len(keys)} rows"))
            self.rows[kind] += len(keys)
            print(f"{kind}: {len(keys)} rows after run {self._run}", file=sys.stderr, flush=True)


def child_of(meltano: int, name: bytes) -> int | None:
    """Find a process that Meltano has started, by its command line."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if parent == meltano and name in (entry / "cmdline").read_bytes():
                    return int(entry.name)
            except OSError:
                continue
    return None


def main() -> int:
    """Run the storm, print what came of it, save the figures."""
    options = arguments("snapshots", Option("count", 200, "kills"))
    chance, began = Random(options["seed"]), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder), chance)
        kills = 0
        while kills < options["count"]:
            project.change()
            project.strike()
            kills = project.ends["tap killed"] + project.ends["target killed"]
            if chance.random() < 0.1:
                project.disturb()
            if chance.random() < 1 / FINISH_EVERY or kills == options["count"]:
                project.finish()
                print(
                    f"{kills} of {options['count']} kills, {len(project.findings)} findings",
                    file=sys.stderr,
                    flush=True,
                )
    print(f"{kills} kills in {time.monotonic() - began:.0f} s: {dict(project.ends)}")
    told("snapshots", options, project.findings)
    save_figures(
        "snapshots",
        options,
        figure("snapshot_kills", kills, "kills", 200, **{end.replace(" ", "_"): n for end, n in project.ends.items()}),
        figure("snapshot_lost", project.rows["lost"], "rows", 0, kills=kills),
        figure(
            "snapshot_missed_removed",
            project.rows["missed_removed"],
            "rows",
            0,
            kills=kills,
            emitted_again=project.rows["again"],
        ),
    )
    return bool(project.findings)


if __name__ == "__main__":
    sys.exit(main())
