"""Which rows travel with which: an unsent row takes over its newer version, where both fit into one request."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tests.core.sim import LIMITS, World, record_line, run, schema_line, state_line
from tests.core.test_promise import rejects

SMALL = replace(LIMITS, rows=100, body_bytes=100)


def row(key: int, name: str) -> bytes:
    return record_line(key, f"p{key}@x.com", name)


WAITING = [schema_line(), row(1, "a"), row(2, "a"), state_line(2)]
"""two rows that are in a batch, which waits for more"""


def test_a_newer_version_that_no_longer_fits_beside_the_others_goes_after_them(tmp_path: Path) -> None:
    world = World()
    ending = run([*WAITING, row(1, "b" * 40)], world, tmp_path / "l.db", limits=SMALL)
    assert ending.counts == {"read": 3, "created": 2, "updated": 1}, "taken over by none"
    assert [(email, fields["name"]) for email, fields in world.history] == [
        ("p1@x.com", "a"),
        ("p2@x.com", "a"),
        ("p1@x.com", "b" * 40),
    ]
    sizes = [sum(len(json.dumps(fields)) for _, fields in json.loads(each.body or b"")) for each in ending.requests]
    assert max(sizes) <= SMALL.body_bytes


def test_a_newer_version_that_fits_is_sent_in_the_place_of_the_older(tmp_path: Path) -> None:
    world = World()
    ending = run([*WAITING, row(1, "b")], world, tmp_path / "l.db", limits=SMALL)
    assert ending.counts == {"read": 3, "coalesced": 1, "created": 2}
    assert [(email, fields["name"]) for email, fields in world.history] == [("p1@x.com", "b"), ("p2@x.com", "a")]


def test_a_row_that_is_larger_than_any_request_is_a_reject(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    ending = run([schema_line(), row(1, "a"), row(2, "b" * 100), row(3, "c")], world, path, limits=SMALL)
    assert ending.stop is None
    assert ending.counts == {"read": 3, "created": 2, "invalid": 1}
    assert list(rejects(path)) == [2]
