"""Properties that are made while somebody else makes the same: who comes second takes what is there, if it fits."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import Misconfigured
from penstock.modes import FieldRule, Json, Sync
from penstock.records import Form, Request, Response
from target_hubspot.api import HubSpot, Options
from tests.hubspot.values import PORTAL, Body, answer, definition

EXISTS = {"status": "error", "category": "OBJECT_ALREADY_EXISTS", "subCategory": "Properties.PROPERTY_WITH_NAME_EXISTS"}
COLUMNS: dict[str, Json] = {"id": {}, "mail": {}, "usage": {"type": "number"}}
FIELDS = {"email": FieldRule("mail"), "usage": FieldRule("usage")}


def raced(made_meanwhile: Body, status: int, body: Body) -> tuple[Form, list[str]]:
    """Make the property `usage` where another process does so between our look and our request."""
    asked: list[str] = []

    def ask(request: Request) -> Response:
        asked.append(request.path.rpartition("contacts")[2])
        if request.path.endswith("/groups"):
            return answer(200, {"results": []}) if request.method == "GET" else answer(409, EXISTS)
        if request.path.endswith("/batch/create"):
            return answer(status, body)
        made = [made_meanwhile] if "/batch/create" in asked else []
        return answer(200, {"results": [*PORTAL, *made]})

    target = HubSpot(Options(create_properties=True))
    sync = Sync("people", "contacts", "email", fields=FIELDS)
    return target.form(sync, COLUMNS, ["id"], ask), asked


ANSWERS: list[Any] = [
    (409, EXISTS),
    (
        207,
        {"status": "COMPLETE", "results": [], "numErrors": 1, "errors": [{**EXISTS, "context": {"name": ["usage"]}}]},
    ),
]


@pytest.mark.parametrize(("status", "body"), ANSWERS)
def test_the_same_property_made_by_another_is_as_good(status: int, body: Body) -> None:
    form, asked = raced(definition("usage", "number", "number"), status, body)
    assert form.fields.keys() == FIELDS.keys()
    assert asked == ["", "/groups", "/groups", "/batch/create", ""]


@pytest.mark.parametrize(("status", "body"), ANSWERS)
def test_another_property_of_the_name_is_told_of(status: int, body: Body) -> None:
    with pytest.raises(Misconfigured, match="could not be made as the stream has them: usage"):
        raced(definition("usage"), status, body)
