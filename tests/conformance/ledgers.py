"""What the adapters of our targets read out of a ledger."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path


def rejected(ledger: Path) -> set[str]:
    """Return the keys of the refused rows; none where the run ended before it made its ledger."""
    if not ledger.exists():
        return set()
    with closing(sqlite3.connect(ledger)) as db:
        if not db.execute("select 1 from sqlite_master where name = 'rejects'").fetchall():
            return set()
        return {json.loads(key)[0] for (key,) in db.execute("select row_key from rejects")}
