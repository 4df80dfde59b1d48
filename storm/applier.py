"""A small Singer target for the storms of the tap: it does what the messages say, in an SQLite file.

It commits what it has applied before it prints a STATE, as a target must, and counts in the same file what it was sent.
A death between the commit and the STATE leaves rows applied that no STATE tells of, which is what the tap must bear.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from typing import Any

TABLES = (
    "create table if not exists rows (key text primary key, value text)",
    "create table if not exists sent (run text, key text, value text, removed int)",
    "create table if not exists closed (run text)",
)


def main(config: dict[str, Any]) -> None:
    """Apply standard input. `path` names the file, `run` the run."""
    db = sqlite3.connect(config["path"], isolation_level=None)
    for table in TABLES:
        db.execute(table)
    seen: set[str] = set()
    db.execute("begin")
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "STATE":
            db.execute("commit")
            sys.stdout.write(json.dumps(message["value"]) + "\n")
            sys.stdout.flush()
            db.execute("begin")
        elif message["type"] == "RECORD":
            seen.add(apply(db, config["run"], message["record"]))
        elif message["type"] == "ACTIVATE_VERSION":
            gone = [key for (key,) in db.execute("select key from rows").fetchall() if key not in seen]
            db.executemany("delete from rows where key = ?", [(key,) for key in gone])
            db.execute("insert into closed values (?)", [config["run"]])
    db.execute("commit")


def apply(db: sqlite3.Connection, run: str, record: dict[str, Any]) -> str:
    """Apply one record and note it. Returns its key."""
    key, removed = str(record["id"]), record.get("_sdc_deleted_at") is not None
    db.execute("insert into sent values (?, ?, ?, ?)", [run, key, record.get("v"), removed])
    if removed:
        db.execute("delete from rows where key = ?", [key])
    else:
        db.execute("insert or replace into rows values (?, ?)", [key, record.get("v")])
    return key


if __name__ == "__main__":
    with open(sys.argv[sys.argv.index("--config") + 1], encoding="utf-8") as file:
        main(json.load(file))
