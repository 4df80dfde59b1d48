"""Links that are fields of the row's own object: how a job names the other one, what is remembered, what is refused."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from penstock.bulk import Job, by_job, job_options
from penstock.checkpoint import Epoch
from penstock.errors import Misconfigured
from penstock.ledger import Ledger
from penstock.mapping import RecordMapper
from penstock.modes import Action, FieldRule, Guards, Link, Sync
from penstock.openjobs import OpenJob
from penstock.opensync import OpenSync
from penstock.records import Abilities, Form, Row, RowKey, Source
from penstock.relations import links_as_fields, name_by_key, others_of
from penstock.rows import mapped
from penstock.steps import must_look
from penstock.syncs import check_abilities, parse_syncs
from tests.core import places

FIRM = Link("firms", "firm", match="key")
BOSS = Link("people", "boss")
SYNC = Sync("people", "contacts", "email", fields={"email": FieldRule("email")}, links=(FIRM, BOSS))
COLUMNS: dict[str, Any] = {"id": {}, "email": {}, "firm": {}, "boss": {}}


def mapper_of(sync: Sync = SYNC, **more: Any) -> RecordMapper:
    inline = {"firms": "firm_id", "people": "boss_id"}
    by_key = {"firms": ("firm.key", str.lower)}
    form = Form("email", dict(sync.fields or {}), {"email": str}, str.lower, None, inline=inline, by_key=by_key)
    return RecordMapper(sync, replace(form, **more), COLUMNS, ["id"])


def row(firm: object = "F-1", boss: object = None, mapper: RecordMapper | None = None, number: int = 1) -> Row:
    mapper = mapper or mapper_of()
    record = {"id": number, "email": f"p{number}@x.com", "firm": firm, "boss": boss}
    return mapped(mapper.sync, mapper, Source(RowKey(f"[{number}]"), None, record), Epoch())


def test_a_job_names_the_other_by_its_key_and_a_request_by_its_id() -> None:
    named = row()
    assert name_by_key(named) == [(0, "F-1")]
    assert others_of(named) == (("firms", "=key=f-1"), ("people", ""))
    assert links_as_fields(named, Action.UPSERT, by_job=True) == {"firm.key": "F-1", "boss_id": None}
    named.others = {(0, "F-1"): "7"}
    assert links_as_fields(named, Action.UPSERT) == {"firm_id": "7", "boss_id": None}
    assert links_as_fields(named, Action.UPSERT, by_job=True) == {"firm.key": "F-1", "boss_id": None}
    assert others_of(named) == (("firms", "7"), ("people", ""))


def test_what_has_no_key_is_not_named_by_one() -> None:
    half = row(boss="9")
    assert (name_by_key(half), half.others) == ([], {})
    assert name_by_key(Row(SYNC, RowKey("[1]"), "", {}, b"", b"", None, {}, [], links=(("a",),))) == []
    assert links_as_fields(Row(SYNC, RowKey("[1]"), "", {}, b"", b"", None, {}, []), Action.UPSERT) == {}


def test_a_link_that_the_record_does_not_speak_of_stays() -> None:
    silent = row()
    silent.links = (None, ())
    assert others_of(silent) == (("people", ""),)
    assert links_as_fields(silent, Action.UPSERT, by_job=True) == {"boss_id": None}


def test_what_a_creation_gets_is_no_part_of_an_update_and_is_never_emptied() -> None:
    sync = replace(SYNC, links=(replace(FIRM, when="created"), BOSS))
    found = row(mapper=mapper_of(sync))
    name_by_key(found)
    assert links_as_fields(found, Action.UPDATE) == {"boss_id": None}
    assert {*links_as_fields(found, Action.UPSERT)} == {"firm_id", "boss_id"}
    assert mapper_of(sync).cleared() == {"boss_id": None}
    can = Abilities(frozenset(Action), frozenset(Action), frozenset(Action))
    assert must_look(found, Action.UPSERT, can)
    assert not must_look(row(), Action.UPSERT, can)


def test_a_link_that_is_no_field_cannot_be_of_creations_alone() -> None:
    with pytest.raises(Misconfigured, match="`when: created` is for links that are fields"):
        mapper_of(replace(SYNC, links=(replace(FIRM, when="created"), BOSS)), inline={}, by_key={})


def test_rows_are_grouped_by_a_link_too() -> None:
    by_firm = mapper_of(group="firm_id")
    assert row("F-1", mapper=by_firm).group == row("F-1", mapper=by_firm, number=2).group != 0
    assert row("F-2", mapper=by_firm).group != row("F-1", mapper=by_firm).group
    assert row(None, mapper=by_firm).group == 0


def test_the_ledger_follows_what_a_field_names(tmp_path: Path) -> None:
    with closing(Ledger(places.at(tmp_path / "l.db"))) as ledger:
        key, linked = RowKey("[1]"), ledger.links
        linked.filled(1, [(key, [("firms", "=key=a"), ("people", "9")], {})])
        assert linked.of(1, [key]) == {key: {("firms", "=key=a"): True, ("people", "9"): True}}
        linked.filled(1, [(key, [("firms", "7")], linked.of(1, [key])[key])])
        assert linked.of(1, [key]) == {key: {("firms", "7"): True, ("people", "9"): True}}
        linked.filled(1, [(key, [("people", "")], linked.of(1, [key])[key])])
        assert linked.of(1, [key]) == {key: {("firms", "7"): True}}
        assert linked.to(["7"]) == {1: [key]}


def test_the_lines_of_one_group_stand_together_and_the_numbers_stay(tmp_path: Path) -> None:
    with closing(Ledger(places.at(tmp_path / "l.db"))) as ledger:
        ledger.begin_run()
        sync = ledger.open_sync("people", "contacts").number
        number = ledger.jobs.form(sync, ledger.run, "upsert", "j", "", by_id=False)
        can = Abilities(frozenset(), frozenset(), frozenset())
        opened = OpenSync(SYNC, sync, ledger.seen(sync), Counter(), b"", can, remark=False)
        job = OpenJob(opened, Job(SYNC, Action.UPSERT, False, "j", ""), number, ledger.jobs, 0.0)
        for n, group in enumerate((3, 0, 3, 1, 0)):
            each = row(number=n)
            each.group = group
            job.add(each, f"{n}\r\n".encode(), set())
        assert job.lines() == b"0\r\n1\r\n2\r\n3\r\n4\r\n"
        assert job.grouped() == b"1\r\n4\r\n3\r\n0\r\n2\r\n"
        job.write()
        assert job.line_of("p2@x.com") == 2
        job.end()


def test_options_of_jobs_that_a_target_does_not_know_are_mistakes() -> None:
    can = Abilities(frozenset(Action), frozenset(), frozenset())
    serial = Sync("people", "contacts", "email", bulk_serial=True)
    with pytest.raises(Misconfigured, match="no serial jobs for contacts"):
        check_abilities(serial, can)
    check_abilities(serial, can, job_options={"bulk_serial"})
    linked = replace(SYNC, bulk_above=5)
    check_abilities(linked, can, (Action.UPSERT,), job_options={"associate"})
    assert (by_job(object()), job_options(object())) == ([], frozenset())


def test_how_they_are_written() -> None:
    spec = {"people": {"bulk_serial": True, "associate": [{"object": "firms", "from": "f", "when": "created"}]}}
    [sync] = parse_syncs(spec).values()
    assert (sync.bulk_serial, sync.links[0].when, sync.looks_first) == (True, "created", True)
    assert sync.guards == Guards()
    for wrong in ({"bulk_serial": "yes"}, {"associate": [{"object": "firms", "from": "f", "when": "empty"}]}):
        with pytest.raises(Misconfigured, match="expected"):
            parse_syncs({"people": wrong})
