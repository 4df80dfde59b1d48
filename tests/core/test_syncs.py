"""Reading syncs: every mistake is named at once, whichever way the text came."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from penstock.errors import Misconfigured
from penstock.modes import FieldRule, Sync
from penstock.syncs import load_syncs, parents_by_job, parse_syncs

GOOD = {
    "people": {
        "object": "contacts",
        "match": "email",
        "nulls": "skip",
        "max_rejected_share": 0.5,
        "fields": {"email": "mail", "plan": {"constant": "gold"}, "phone": {"from": "phone", "nulls": "clear"}},
    }
}


def test_a_whole_sync_is_read() -> None:
    fields = {
        "email": FieldRule("mail"),
        "phone": FieldRule("phone", nulls="clear"),
        "plan": FieldRule(None, "gold"),
    }
    assert parse_syncs(GOOD) == {"people": Sync("people", "contacts", "email", fields, "skip", 0.5)}


def test_a_sync_that_others_are_linked_with_by_key_is_known() -> None:
    """Its jobs may not tell the ids that the others need."""
    common = {"object": "companies", "match": "domain", "mode": "upsert", "bulk_above": 5}
    people = {
        "object": "contacts",
        "match": "email",
        "associate": [{"object": "companies", "sync": "firms", "from": "f"}],
    }
    syncs = parse_syncs({"firms": common, "shops": common, "people": people})
    assert parents_by_job(syncs) == ["firms"]


def test_a_share_may_come_as_singer_sdk_reads_it() -> None:
    """It reads the numbers of a configuration file as decimals."""
    [sync] = parse_syncs({"people": {"max_rejected_share": Decimal("0.25")}}).values()
    assert sync.max_rejected_share == 0.25
    assert isinstance(sync.max_rejected_share, float)


def test_an_entry_without_options_takes_the_defaults() -> None:
    assert parse_syncs({"contacts": {}}) == {"contacts": Sync("contacts", "contacts")}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("text", "people: expected options such as object, match and fields"),
        ({"objet": "contacts"}, "people.objet: unknown option (did you mean 'object'?)"),
        ({"bulk_above": -5}, "people.bulk_above: expected a whole number of rows"),
        ({"associate": []}, "people.associate: expected a list of links"),
        ({"associate": [{"object": "c"}]}, "people.associate[0].from: expected a name"),
        ({"associate": [{"object": "c", "from": "x", "missing": "create"}]}, "only be created by a `match`"),
        ({"associate": [{"object": "c", "from": "x", "match": "m", "sync": "people"}]}, "use one of them"),
        ({"associate": [{"object": "c", "from": "x", "sync": "poeple"}]}, "no sync 'poeple' (did you mean 'people'?)"),
        ({"associate": [{"object": "c", "from": "x"}] * 2}, "'c' is named twice"),
        ({"guards": []}, "people.guards: expected max_removed, min_rows, max_changed_share"),
        ({"guards": {"max_removed": "5"}}, "people.guards.max_removed: expected a whole number of rows or a share"),
        ({"guards": {"min_rows": -1}}, "people.guards.min_rows: expected a whole number of rows"),
        ({"guards": {"max_changed_share": 5}}, "people.guards.max_changed_share: expected a number between 0 and 1"),
        (
            {"mode": "update", "associate": [{"object": "c", "match": "k", "from": "f", "missing": "create"}]},
            "people.associate: `missing: create` creates objects, and this sync creates nothing; use `reject`",
        ),
        ({"mode": {"added": "archive"}}, "people.mode.added: expected nothing or upsert"),
        ({"mode": {"new": "create"}}, "people.mode.new: unknown option"),
        ({"removed": "drop"}, "people.removed: expected ignore or archive or delete or clear"),
        ({"mode": "upsrt"}, "people.mode: expected upsert"),
        ({"mode": ["upsert"]}, "people.mode: expected upsert"),
        ({"nulls": "drop"}, "people.nulls: expected clear or skip"),
        ({"nulls": None}, "people.nulls: expected clear or skip"),
        ({"object": ""}, "people.object: expected a name"),
        ({"match": 7}, "people.match: expected a name"),
        ({"max_rejected_share": 2}, "people.max_rejected_share: expected a number between 0 and 1"),
        ({"max_rejected_share": True}, "people.max_rejected_share: expected a number between 0 and 1"),
        ({"fields": {}}, "people.fields: expected `destination_field: source_column` pairs"),
        ({"fields": ["email"]}, "people.fields: expected `destination_field: source_column` pairs"),
        ({"fields": {"email": 7}}, "people.fields.email: expected a column name or a rule"),
        ({"fields": {"email": {}}}, "people.fields.email: expected exactly one of `from` and `constant`"),
        ({"fields": {"email": {"from": "a", "constant": 1}}}, "exactly one of `from` and `constant`"),
        ({"fields": {"email": {"from": " "}}}, "people.fields.email.from: expected a name"),
        ({"fields": {"email": {"form": "a"}}}, "people.fields.email.form: unknown option (did you mean 'from'?)"),
        ({"fields": {"email": {"from": "a", "when": "new"}}}, "people.fields.email.when: expected always or created"),
        ({"fields": {"email": {"from": "a", "nulls": 1}}}, "people.fields.email.nulls: expected clear or skip"),
        ({"fields": {"email": {"constant": None}}}, "people.fields.email.constant: expected text, a number"),
        ({"fields": {"email": {"constant": [1]}}}, "people.fields.email.constant: expected text, a number"),
    ],
)
def test_each_mistake_is_named_by_its_place(spec: object, said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        parse_syncs({"people": spec}, "setting syncs: ")
    assert caught.value.mistakes[0].startswith("setting syncs: people")
    assert any(said in mistake for mistake in caught.value.mistakes), caught.value.mistakes


def test_all_mistakes_of_all_syncs_are_named_at_once() -> None:
    with pytest.raises(Misconfigured) as caught:
        parse_syncs({"a": {"mode": "x", "nulls": "x"}, "b": {"object": "", "fields": {"f": 1}}})
    assert len(caught.value.mistakes) == 4


def test_a_stream_whose_dot_was_split_on_the_way_gets_a_hint() -> None:
    with pytest.raises(Misconfigured) as caught:
        parse_syncs({"public": {"people": {"object": "contacts"}}})
    assert any("a stream name with a dot was split" in mistake for mistake in caught.value.mistakes)


def test_a_file_and_the_setting_say_the_same(tmp_path: Path) -> None:
    text = "people: {object: contacts, match: email, fields: {email: mail}}\n"
    (tmp_path / "plain.yml").write_text(text)
    (tmp_path / "named.yml").write_text(f"syncs:\n  {text}")
    inline = load_syncs(
        {"people": {"object": "contacts", "match": "email", "fields": {"email": "mail"}}}, None, tmp_path
    )
    assert load_syncs(None, "plain.yml", tmp_path) == inline
    assert load_syncs(None, str(tmp_path / "named.yml"), Path("/nowhere")) == inline
    assert load_syncs(None, None, tmp_path) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"people: [unclosed", "is not valid YAML, line 1, column 18: expected ',' or ']', but got"),
        (b"\xff\xfe\xfa", "is not text in UTF-8"),
        (b"- a list\n", "expected streams with their syncs"),
        (b"", "expected streams with their syncs"),
        (b"people: {mode: x}", "syncs.yml: people.mode: expected upsert"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "syncs.yml").write_bytes(content)
    with pytest.raises(Misconfigured, match="syncs") as caught:
        load_syncs(None, "syncs.yml", tmp_path)
    assert said in str(caught.value)


def test_a_missing_file_and_two_sources_are_mistakes(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"cannot read .*none\.yml: No such file"):
        load_syncs(None, "none.yml", tmp_path)
    with pytest.raises(Misconfigured, match="both given"):
        load_syncs({"a": {}}, "none.yml", tmp_path)
