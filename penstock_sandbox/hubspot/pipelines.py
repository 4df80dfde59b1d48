"""Pipelines with their stages, and owners: what enumerations of an account point to."""

import msgspec

from penstock_sandbox.hubspot import errors
from penstock_sandbox.hubspot.properties import Option, Property
from penstock_sandbox.hubspot.types import ObjectType
from penstock_sandbox.provenance import assumed, documented

MADE = "2025-01-01T00:00:00.000Z"
PIPELINES_GUIDE = "developers.hubspot.com/docs/api-reference/crm-pipelines-v3"
OWNERS_GUIDE = "developers.hubspot.com/docs/api-reference/crm-owners-v3"


class Stage(msgspec.Struct, rename="camel"):
    """One stage of a pipeline; its id is what a record holds."""

    id: str
    label: str
    display_order: int = 0
    archived: bool = False
    metadata: dict[str, str] = {}
    created_at: str = MADE
    updated_at: str = MADE


class Pipeline(msgspec.Struct, rename="camel"):
    """One pipeline of an object type."""

    id: str
    label: str
    stages: list[Stage] = []
    display_order: int = 0
    archived: bool = False
    created_at: str = MADE
    updated_at: str = MADE


class Team(msgspec.Struct):
    """A team that an owner belongs to."""

    id: str
    name: str
    primary: bool = True


class Owner(msgspec.Struct, rename="camel"):
    """Somebody who can own a record."""

    id: str
    email: str
    first_name: str
    last_name: str
    user_id: int
    type: str = "PERSON"
    created_at: str = MADE
    updated_at: str = MADE
    archived: bool = False
    teams: list[Team] = []


def _stages(*lines: tuple[str, str, str]) -> list[Stage]:
    """Return stages from id, label and probability, an empty one meaning a ticket's."""
    return [
        Stage(each, label, place, metadata=_metadata(probability))
        for place, (each, label, probability) in enumerate(lines)
    ]


def _metadata(probability: str) -> dict[str, str]:
    if not probability:
        return {"ticketState": "OPEN"}
    return {"isClosed": "true" if probability in {"0.0", "1.0"} else "false", "probability": probability}


def first_pipelines() -> dict[str, list[Pipeline]]:
    """Return what a new portal has, by object type."""
    deals = _stages(
        ("appointmentscheduled", "Appointment scheduled", "0.2"),
        ("qualifiedtobuy", "Qualified to buy", "0.4"),
        ("presentationscheduled", "Presentation scheduled", "0.6"),
        ("decisionmakerboughtin", "Decision maker bought-in", "0.8"),
        ("contractsent", "Contract sent", "0.9"),
        ("closedwon", "Closed won", "1.0"),
        ("closedlost", "Closed lost", "0.0"),
    )
    tickets = _stages(
        ("1", "New", ""), ("2", "Waiting on contact", ""), ("3", "Waiting on us", ""), ("4", "Closed", "")
    )
    leads = _stages(("new-stage-id", "New", "0.2"), ("connected-stage-id", "Connected", "0.5"))
    return {
        "deals": [Pipeline("default", "Sales Pipeline", deals)],
        "tickets": [Pipeline("0", "Support Pipeline", tickets)],
        "leads": [Pipeline("lead-pipeline-id", "Lead pipeline", leads)],
    }


def first_owners() -> list[Owner]:
    """Return the people of a new portal."""
    team = Team("3", "Sales")
    return [
        Owner("41", "kim@example.com", "Kim", "Lee", 7, teams=[team]),
        Owner("42", "sam@example.com", "Sam", "Ortiz", 8),
        Owner("12", "robin@example.com", "Robin", "Novak", 9),
        Owner("43", "left@example.com", "Lou", "Left", 10, archived=True),
    ]


@documented("A stage and a pipeline are written by their internal ids", PIPELINES_GUIDE)
@assumed("Without pipelines of its own an object takes any stage", "most types have none in a new portal")
def give_options(kind: ObjectType, definitions: list[Property], pipelines: list[Pipeline]) -> list[Property]:
    """Make pipelines and stages the options of the properties that hold them."""
    if kind.stage is None:
        return definitions
    options = {
        kind.stage[0]: [Option(each.label, each.id) for each in pipelines],
        kind.stage[1]: [Option(stage.label, stage.id) for each in pipelines for stage in each.stages],
    }
    for each in definitions:
        if each.name not in options:
            continue
        if options[each.name]:
            each.options = options[each.name]
        else:
            each.type, each.field_type = "string", "text"
    return definitions


@documented("Owners are paged by `after`, at most 500 a page, and can be asked for by address", OWNERS_GUIDE)
def owners_page(owners: list[Owner], query: dict[str, str]) -> dict[str, object]:
    """Return one page of owners."""
    limit, after = query.get("limit", "100"), query.get("after", "0")
    if not limit.isdecimal() or not 1 <= int(limit) <= 500 or not after.isdecimal():
        raise errors.invalid_request("limit must be between 1 and 500")
    wanted = [each for each in owners if each.archived is (query.get("archived", "").lower() == "true")]
    if "email" in query:
        wanted = [each for each in wanted if each.email == query["email"].lower()]
    shown = wanted[int(after) : int(after) + int(limit)]
    body: dict[str, object] = {"results": shown}
    if len(wanted) > int(after) + len(shown):
        cursor = str(int(after) + len(shown))
        body["paging"] = {"next": {"after": cursor, "link": f"https://api.hubapi.com/crm/v3/owners/?after={cursor}"}}
    return body
