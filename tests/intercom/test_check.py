"""`--test`: settings, token and syncs held against the workspace, without a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock_sandbox.handle import Sandbox
from tests.intercom.process import PEOPLE, ran, settings_for

SYNC: dict[str, Any] = PEOPLE["people"]


def test_what_is_good_is_told_and_nothing_is_written(tmp_path: Path, sandbox: Sandbox) -> None:
    done = ran(tmp_path, settings_for(sandbox, create_attributes=True), [], "--test")
    assert done.code == 0, done.stderr
    assert "target-intercom: account intercom:" in done.stderr
    assert "target-intercom: sync people: contacts by external_id, 4 fields" in done.stderr
    assert "limit " in done.stderr
    assert sandbox.stats().applied_writes == 0


def test_about_says_what_each_setting_is_for_and_its_default(tmp_path: Path, sandbox: Sandbox) -> None:
    told = ran(tmp_path, settings_for(sandbox), [], "--about").stderr
    assert (
        "  - Name: region\n    Type: string\n    Environment Variable: TARGET_INTERCOM_REGION\n"
        '    Default: "us"\n    Description: Where the workspace is' in told
    )


def test_a_missing_token_is_looked_for_in_meltano_yml_first(tmp_path: Path, sandbox: Sandbox) -> None:
    told = ran(tmp_path, settings_for(sandbox, access_token=None), []).stderr
    assert (
        "setting access_token: is required (access_token of target-intercom in meltano.yml, with the variable of "
        ".env that it may name; or environment variable TARGET_INTERCOM_ACCESS_TOKEN)" in told
    )


FEWER = ["Read and list users and companies", "Write users and companies"]
ORDERS = {"object": "custom:Order", "match": "external_id", "fields": {"external_id": "id"}}
NOTES: dict[str, Any] = {
    "object": "notes",
    "mode": "append",
    "fields": {"body": "b", "admin_id": {"constant": "ops@exmaple.com"}},
    "associate": [{"object": "contacts", "match": "external_id", "from": "who"}],
}
OWNED: dict[str, Any] = {**SYNC, "fields": {"external_id": "id", "owner_id": {"constant": "ops@example.com"}}}


@pytest.mark.parametrize(
    ("sync", "scopes", "words"),
    [
        (SYNC, [], "sync more: reading the attributes of contact is refused: the app lacks a permission, most "
         "probably “Read and list users and companies” (status 403, forbidden)"),
        (
            {**SYNC, "associate": [{"object": "tags", "from": "t"}]},
            FEWER,
            "sync more: reading the tags is refused: the app lacks a permission, most probably “Read tags”",
        ),
        (ORDERS, FEWER, "sync more: reading custom:Order is refused: the app lacks a permission, most probably “Read "
         "and write custom object instances”"),
        (OWNED, FEWER, "for want of the permission “Read admins”; use ids"),
        (ORDERS, [*FEWER, "Read and write custom object instances"], ""),
        (OWNED, [*FEWER, "Read admins"], ""),
    ],
)  # fmt: skip
def test_a_permission_that_is_missing_is_named_with_its_sync(
    tmp_path: Path, sandbox: Sandbox, sync: dict[str, Any], scopes: list[str], words: str
) -> None:
    sandbox.intercom.attributes("contact", plan="string")
    token = sandbox.intercom.grant("sandbox-poor", scopes=scopes)
    done = ran(tmp_path, settings_for(sandbox, access_token=token, syncs={"more": sync}), [], "--test")
    assert (done.code, words in done.stderr) == (2 if words else 0, True), done.stderr


@pytest.mark.parametrize(
    ("sync", "settings", "word"),
    [
        (NOTES, {}, "is the address of none of the workspace's teammates (did you mean 'ops@example.com'?)"),
        (
            {
                **SYNC,
                "fields": {"external_id": "id"},
                "associate": [{"object": "subscriptions", "from": "s", "label": "x"}],
            },
            {},
            "label must be opt_in or opt_out",
        ),
        ({"object": "contact", "fields": {"external_id": "id", "nmae": "n"}, "match": "external_id"}, {}, "'name'?"),
        ({**SYNC, "object": "contcats"}, {}, "did you mean 'contacts'?"),
        ({**SYNC, "match": "phone"}, {"create_attributes": True}, "found by external_id, email, id"),
        ({"object": "companies", "mode": "mirror", "fields": {"company_id": "id"}}, {}, "cannot archive companies"),
        ({**SYNC, "fields": {"external_id": "id", "role": {"constant": "lead"}}}, {}, "leads have no external_id"),
        ({"object": "event:paid", "mode": "append", "fields": {"user_id": "id"}}, {}, "needs created_at"),
        ({"object": "event:paid", "fields": {"user_id": "id", "created_at": "t"}}, {}, "mode: append"),
        ({"object": "notes", "mode": "append", "fields": {"body": "b"}}, {}, "one `associate` with contacts"),
        ({**SYNC, "fields": {"external_id": "id", "id": "id"}}, {}, "id is Intercom's own"),
        (SYNC, {"access_token": "sandbox-other"}, "refused it (status 401"),
        (SYNC, {"access_token": "dG9rOreal"}, "is no sandbox"),
        (SYNC, {"region": "eu"}, "the workspace is in US, not in EU"),
        (SYNC, {"same_email": "all"}, "`all` is not possible"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_mistakes_are_told(
    tmp_path: Path, sandbox: Sandbox, sync: dict[str, Any], settings: dict[str, Any], word: str
) -> None:
    done = ran(tmp_path, settings_for(sandbox, syncs={"people": sync}, **settings), [], "--test")
    assert done.code == 2, done.stderr
    assert word in done.stderr
    assert "dG9rOreal" not in done.stderr


def test_the_check_says_that_teammates_cannot_be_looked_up(tmp_path: Path, sandbox: Sandbox) -> None:
    sync = {**SYNC, "fields": {"external_id": "id", "owner_id": "owner"}}
    for scopes, said in ((FEWER, True), ([*FEWER, "Read admins"], False)):
        token = sandbox.intercom.grant("sandbox-poor", scopes=scopes)
        done = ran(tmp_path, settings_for(sandbox, access_token=token, syncs={"more": sync}), [], "--test")
        assert done.code == 0, done.stderr
        assert ("teammates go by their ids alone, for want of the permission “Read admins”" in done.stderr) is said
