"""Links of what is appended: they say whose it is, and no link is made of them. Requests that name one other object."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from penstock.batching import Batcher
from penstock.modes import MODES, Action, Link, Sync
from penstock.records import Abilities, Limits, Row, RowKey
from penstock.relations import generations
from penstock.syncs import check_abilities
from tests.core.sim import FIELDS, Ending, World, run, state_line

NOTES = Sync(
    "notes",
    "notes",
    fields=FIELDS,
    strategy=MODES["append"],
    links=(Link("companies", "company", "name"),),
)
COLUMNS = {"id": {"type": "integer"}, "email": {"type": "string"}, "name": {"type": "string"}, "company": {}}


def lines(*rows: tuple[int, str]) -> list[bytes]:
    schema = {"type": "SCHEMA", "stream": "notes", "schema": {"properties": COLUMNS}, "key_properties": ["id"]}
    records = [
        {
            "type": "RECORD",
            "stream": "notes",
            "record": {"id": key, "email": "a@x.com", "name": "a", "company": company},
        }
        for key, company in rows
    ]
    return [json.dumps(line).encode() for line in (schema, *records)] + [state_line(1)]


def asked(ending: Ending, action: str) -> int:
    return sum(len(json.loads(r.body or b"")) for r in ending.requests if r.path == f"/{action}")


def test_an_append_is_sent_when_its_links_are_resolved_and_makes_none(tmp_path: Path) -> None:
    world = World(companies={"acme": "100"}, next_id=1000)
    given = lines((1, "acme"), (2, "acme"), (3, "nobody"))
    first = run(given, world, tmp_path / "l.db", sync_for=lambda _: NOTES)
    assert first.stop is None
    assert (asked(first, "append"), asked(first, "link"), len(world.links)) == (2, 0, 0)
    assert (first.counts["created"], first.counts.get("may_repeat", 0)) == (2, 0)
    again = run(given, world, tmp_path / "l.db", sync_for=lambda _: NOTES)
    assert (asked(again, "append"), again.counts["unchanged"]) == (0, 2)


def test_a_destination_that_links_nothing_can_say_whose_an_append_is() -> None:
    check_abilities(NOTES, Abilities(frozenset({Action.APPEND, Action.RESOLVE}), frozenset(), frozenset()))


def test_links_that_share_a_request_name_one_other_object() -> None:
    sync = replace(NOTES, links=(Link("tags", "tag"), Link("companies", "company")))
    batcher = Batcher(Limits(1, 10_000, 1, 10, 1.0, one_other={"tags": 2}), 1.0)

    def tied(link: int, other: str) -> Row:
        row = Row(
            sync, RowKey(f"[{link}]"), "", {}, b"{}", b"", None, {}, [], destination_id="1", link=link, other=other
        )
        row.action = Action.LINK
        return row

    assert [len(batch.rows) for batch in batcher.add(tied(1, "acme"), 0.0)] == [1]
    assert batcher.add(tied(0, "vip"), 0.0) == []
    assert batcher.add(tied(0, "new"), 0.0) == []
    [full] = batcher.add(tied(0, "vip"), 0.0)
    assert [row.other for row in full.rows] == ["vip", "vip"]
    assert [len(batch.rows) for batch in batcher.due(2.0)] == [1]


def test_generations_count_the_syncs_before_one_and_rings_end() -> None:
    def linked_with(stream: str, *parents: str) -> Sync:
        return Sync(stream, "contacts", links=tuple(Link("contacts", "c", sync=parent) for parent in parents))

    syncs = {s.stream: s for s in (linked_with("b", "a"), linked_with("c", "b", "a"), linked_with("d", "e", "d"))}
    syncs |= {"e": linked_with("e", "d"), "a": Sync("a", "companies")}
    assert [generations(syncs[name], syncs) for name in "abcde"] == [0, 1, 2, 1, 1]
