"""The adapter for plain.py: the shipped one, with rejects to look at."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from penstock.conformance.stock import StockAdapter

PLAIN = Path(__file__).with_name("plain.py")


class PlainAdapter(StockAdapter):
    batch = 10
    in_flight = 10

    def __init__(self, defect: str = "none", *, deadline: float | None = None, exclusive: bool = False) -> None:
        self.deadline = deadline
        self.exclusive = exclusive
        super().__init__([sys.executable, str(PLAIN), "--defect", defect])
        self.name = f"plain target ({defect})"

    def rejects(self, folder: Path) -> set[str]:
        file = folder / "rejects.json"
        return set(json.loads(file.read_text("utf-8"))) if file.exists() else set()
