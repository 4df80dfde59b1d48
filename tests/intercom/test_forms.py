"""What is told of a sync before it runs, and of a row that is refused."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import BatchRefused, Misconfigured
from penstock.modes import Action, FieldRule, Link
from tests.intercom.values import answer, batch, error, intercom, row, sync

PEOPLE = sync()


@pytest.mark.parametrize(
    ("match", "counted"), [("external_id", False), ("email", True)], ids=["by external_id", "by email"]
)
def test_what_a_lost_creation_may_do_twice_is_counted(match: str, counted: bool) -> None:
    _, form = intercom(sync(match=match))
    assert form.abilities is not None
    assert (Action.UPSERT not in form.abilities.keyed) is counted


@pytest.mark.parametrize(
    ("said", "message", "field"),
    [
        (error("parameter_invalid", field="email"), "Intercom does not accept the e-mail address", "email"),
        (
            error("parameter_invalid", "Email is not a valid email address"),
            "Intercom does not accept the e-mail address",
            "email",
        ),
        (
            error("parameter_invalid", "The owner specified is not a member of the workspace"),
            "Intercom does not take the value of owner_id",
            "owner_id",
        ),
        (error("parameter_invalid", field="seats"), "Intercom does not take the value of seats", "seats"),
        (error("parameter_invalid", "zanzibar@example.com is odd"), "Intercom does not take one of the values", None),
        (error("type_mismatch", field="seats"), "a value is not of the attribute's type", "seats"),
    ],
)
def test_a_refusal_names_the_field_that_intercom_names(said: dict[str, Any], message: str, field: str | None) -> None:
    destination, _ = intercom(PEOPLE)
    with pytest.raises(BatchRefused) as refused:
        destination.decode(answer(400, said), batch(Action.UPSERT, row(PEOPLE)))
    assert (refused.value.message, refused.value.field) == (f"{message} (status 400)", field)


def test_all_that_is_wrong_with_a_sync_is_told_at_once() -> None:
    fields = {"external_id": FieldRule("id"), "role": FieldRule("kind"), "nmae": FieldRule("name")}
    wrong = sync(fields=fields, links=(Link("subscriptions", "s", label="maybe"), Link("tags", "t", match="x")))
    with pytest.raises(Misconfigured) as told:
        intercom(wrong)
    mistakes = " ".join(told.value.mistakes)
    for word in (
        "a role from a column (kind) may be lead, and leads have no external_id",
        "label must be opt_in or opt_out",
        "leave match and sync out",
        "no attribute 'nmae'",
    ):
        assert word in mistakes
