"""Match values that pass from row to row, rows that leave and return, crashes in between: nothing is lost or doubled.

Each simulated table has at most one row for an address at a time, as a CRM has. Every row writes its own key into the
object, so the test can tell whose object it is.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.modes import FieldRule
from tests.core.sim import FIELDS, SYNC, World, activate_line, record_line, run, schema_line, state_line
from tests.core.test_promise import rejects
from tests.effort import histories

SEEDS = histories(400)
KEYED = replace(SYNC, fields={**FIELDS, "key": FieldRule("id")})
Table = dict[int, tuple[str, str]]
Night = Callable[[Table, random.Random], None]


def own_addresses(table: Table, chance: random.Random) -> None:
    """Let rows change among addresses that no other row ever has."""
    for key in range(1, 5):
        if key not in table or chance.random() < 0.5:
            table[key] = (f"k{key}-{chance.randint(0, 3)}@example.com", chance.choice("uvw"))


def shared_addresses(table: Table, chance: random.Random) -> None:
    """Let rows leave, return, and take addresses that others had before."""
    for key in range(1, 5):
        event = chance.random()
        if event < 0.2:
            table.pop(key, None)
        elif event < 0.7:
            taken = {email for other, (email, _) in table.items() if other != key}
            free = [e for e in (f"{letter}@example.com" for letter in "abcdef") if e not in taken]
            table[key] = (chance.choice(free), chance.choice("uvw"))


def as_input(table: Table, version: int, chance: random.Random) -> list[bytes]:
    keys = list(table)
    chance.shuffle(keys)
    rows = [record_line(key, *table[key], version=version) for key in keys]
    return [schema_line(), *rows, activate_line(version), state_line(version)]


def live(night: Night, seed: int, folder: Path) -> tuple[Table, World]:
    """Run some nights with faults and crashes, then one that ends well."""
    chance = random.Random(seed)
    table: Table = {}
    world, nights = World(), chance.randint(2, 4)
    for version in range(1, nights + 2):
        last = version > nights
        if not last:
            night(table, chance)
        run(
            as_input(table, version, chance), world, folder / "l.db", chance.randint(0, 10**9),
            faults=0.0 if last else chance.choice([0.0, 0.3]),
            crash_at=chance.randint(1, 150) if not last and chance.random() < 0.7 else None,
            chunk=chance.choice([40, 100_000]),
            sync_for=lambda _stream: KEYED,
        )  # fmt: skip
    return table, world


@pytest.mark.parametrize("night", [own_addresses, shared_addresses])
def test_rows_end_at_their_own_object_or_as_a_reject(night: Night) -> None:
    for seed in range(SEEDS):
        with tempfile.TemporaryDirectory() as folder:
            table, world = live(night, seed, Path(folder))
            kept = rejects(Path(folder) / "l.db")
        for key, (email, name) in table.items():
            there = [o for o in world.objects.values() if o["email"] == email]
            right = bool(there) and (there[0]["name"], there[0]["key"]) == (name, key)
            assert right or key in kept, f"seed {seed}: row {key} is neither delivered nor a reject"
        if night is own_addresses:
            for key in table:
                mine = [o for o in world.objects.values() if str(o["email"]).startswith(f"k{key}-")]
                assert len(mine) == 1, f"seed {seed}: row {key} has {len(mine)} objects"
