"""Search of contacts: conditions on what the index knew some time ago, dates by calendar day."""

from __future__ import annotations

from datetime import datetime
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING

from penstock_sandbox.intercom import errors
from penstock_sandbox.provenance import assumed, documented

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock_sandbox.intercom.memory import Attribute, Contact
    from penstock_sandbox.intercom.workspace import Workspace

    Test = Callable[[Contact], bool]

GUIDE = "Intercom-OpenAPI 2.14, Search contacts"
MOST_FILTERS, MOST_LEVELS = 15, 2
OPERATORS = frozenset({"=", "!=", "IN", "NIN", "<", "<=", ">", ">=", "~", "!~", "^", "$"})
_DATES = frozenset(
    {
        "created_at", "updated_at", "signed_up_at", "last_seen_at", "last_replied_at", "last_contacted_at",
        "last_email_opened_at", "last_email_clicked_at", "android_last_seen_at", "ios_last_seen_at",
    }
)  # fmt: skip
_NUMBERS = frozenset({"owner_id"})
_TEXTS = frozenset(
    {
        "id", "role", "name", "avatar", "email", "email_domain", "phone", "external_id", "language_override",
        "browser", "browser_version", "browser_language", "os", "location.country", "location.region",
        "location.city", "tag_id", "segment_id", "company_id",
    }
)  # fmt: skip
_MORE_OR_LESS = {"<": lt, "<=": le, ">": gt, ">=": ge}
_FLAGS = frozenset({"unsubscribed_from_emails", "has_hard_bounced", "marked_email_as_spam"})


@documented("A contact that was just made or changed is not found for a while", "developer site, search")
@documented("Merged and archived contacts are not found", GUIDE)
def matching(workspace: Workspace, query: object, now: float) -> list[Contact]:
    """Return the contacts that a query finds, newest first."""
    test = _test(workspace, query, 0)
    return [each for each in workspace.people.as_indexed(now - workspace.settings.intercom.search_lag) if test(each)]


@documented("Groups are AND or OR, of at most 15 filters, two levels deep; a filter may stand alone", GUIDE)
@assumed("A query that breaks these rules is 400 parameter_invalid", "the codes are not described")
def _test(workspace: Workspace, query: object, level: int) -> Test:
    if not isinstance(query, dict):
        raise errors.missing("query not specified")
    operator, value = query.get("operator"), query.get("value")
    if "field" in query:
        return _filter(workspace, query.get("field"), operator, value)
    if operator not in ("AND", "OR") or not isinstance(value, list) or not value:
        raise errors.invalid("A query needs an operator AND or OR and a list of filters", "query")
    if len(value) > MOST_FILTERS:
        raise errors.invalid(f"A query may have at most {MOST_FILTERS} filters in a group", "query")
    if level >= MOST_LEVELS:
        raise errors.invalid(f"Queries may be nested at most {MOST_LEVELS} levels deep", "query")
    tests = [_test(workspace, each, level + 1) for each in value]
    every = all if operator == "AND" else any
    return lambda contact: every(test(contact) for test in tests)


def _filter(workspace: Workspace, field: object, operator: object, value: object) -> Test:
    if not isinstance(field, str) or not _known(workspace, field):
        raise errors.invalid(f"{field} is not a field that can be searched", "field")
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise errors.invalid(f"{operator} is not an operator", "operator")
    if (operator in {"IN", "NIN"}) is not isinstance(value, list):
        raise errors.invalid(f"{operator} does not take this value", "value")
    if _kind(workspace, field) == "date":
        return _day_filter(workspace, field, operator, value)
    kind = _kind(workspace, field)
    if operator in {"IN", "NIN"} and isinstance(value, list):
        wanted = {_comparable(kind, each) for each in value}
        inside = operator == "IN"
        return lambda contact: (not wanted.isdisjoint(_values(workspace, contact, field, kind))) is inside
    if operator in {"<", "<=", ">", ">="} and kind != "number":
        raise errors.invalid(f"{operator} compares numbers and dates", "operator")
    one = _comparable(kind, value)
    return lambda contact: _compared(operator, _values(workspace, contact, field, kind), one)


def _known(workspace: Workspace, field: str) -> bool:
    return field in _DATES | _NUMBERS | _TEXTS | _FLAGS or _custom(workspace, field) is not None


def _custom(workspace: Workspace, field: str) -> Attribute | None:
    """Return the custom attribute that a field names."""
    found = workspace.attributes.custom.get(field.removeprefix("custom_attributes."))
    named = found is not None and field.startswith("custom_attributes.") and found.model == "contact"
    return found if named else None


def _kind(workspace: Workspace, field: str) -> str:
    attribute = _custom(workspace, field)
    if field in _DATES or (attribute is not None and attribute.data_type in {"date", "datetime"}):
        return "date"
    if field in _NUMBERS or (attribute is not None and attribute.data_type in {"integer", "float"}):
        return "number"
    return "text"


@documented("Dates match by calendar day in the workspace's time zone; > begins on the next day", GUIDE)
@documented("!=, >=, <=, IN and NIN are refused on dates", GUIDE)
def _day_filter(workspace: Workspace, field: str, operator: str, value: object) -> Test:
    if operator not in {"=", "<", ">"}:
        raise errors.invalid(f"{operator} is not supported for dates", "operator")
    number = _number(value)
    if value is not None and number is None:
        raise errors.invalid(f"{field} takes Unix seconds", "value")
    wanted = None if number is None else _day(workspace, number)

    def test(contact: Contact) -> bool:
        have = _raw(workspace, contact, field)
        day = _day(workspace, float(have)) if isinstance(have, int | float) else None
        if day is None or wanted is None:
            return operator == "=" and day == wanted
        return day == wanted if operator == "=" else (day > wanted) is (operator == ">") and day != wanted

    return test


def _day(workspace: Workspace, seconds: float) -> int:
    try:
        return datetime.fromtimestamp(seconds, workspace.zone).toordinal()
    except (ValueError, OverflowError, OSError) as error:
        raise errors.invalid("a time is out of range", "value") from error


def _number(value: object) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None


def _comparable(kind: str, value: object) -> object:
    if kind == "number":
        return _number(value)
    if value is None:
        return None
    return str(value).casefold()


def _raw(workspace: Workspace, contact: Contact, field: str) -> object:
    if field.startswith("custom_attributes."):
        return contact.custom.get(field.removeprefix("custom_attributes."))
    if field in _FLAGS:
        return contact.fields.get(field, False)
    own: dict[str, Callable[[], object]] = {
        "id": lambda: contact.id,
        "role": lambda: contact.role,
        "email": lambda: contact.email,
        "external_id": lambda: contact.external_id,
        "created_at": lambda: contact.created,
        "updated_at": lambda: contact.updated,
        "email_domain": lambda: None if contact.email is None else contact.email.rpartition("@")[2],
        "tag_id": lambda: list(contact.tags),
        "company_id": lambda: list(contact.companies),
        "segment_id": lambda: [each.id for each in workspace.segments.values() if contact.id in each.members],
    }
    return own[field]() if field in own else contact.fields.get(field)


def _values(workspace: Workspace, contact: Contact, field: str, kind: str) -> list[object]:
    raw = _raw(workspace, contact, field)
    return [_comparable(kind, each) for each in raw] if isinstance(raw, list) else [_comparable(kind, raw)]


@assumed("Text is compared without case", "e-mail is; the rest is not described")
def _compared(operator: str, have: list[object], one: object) -> bool:
    if operator in {"=", "!="}:
        return (one in have) is (operator == "=")
    texts = [str(each) for each in have if each is not None]
    if operator in {"~", "!~"}:
        return any(str(one) in each for each in texts) is (operator == "~")
    if operator in {"^", "$"}:
        return any(each.startswith(str(one)) if operator == "^" else each.endswith(str(one)) for each in texts)
    numbers = [each for each in have if isinstance(each, float)]
    return isinstance(one, float) and any(_MORE_OR_LESS[operator](each, one) for each in numbers)


@documented("A sort has a field and an order, else 400 invalid_sort_order", GUIDE)
def ordered(workspace: Workspace, found: list[Contact], sort: object) -> list[Contact]:
    """Sort what was found; without a wish the newest come first."""
    if sort is None:
        return found
    if not isinstance(sort, dict) or sort.get("order") not in ("ascending", "descending"):
        raise errors.RefusalError(400, "invalid_sort_order", "The sort order must be ascending or descending")
    field = sort.get("field")
    if not isinstance(field, str) or not _known(workspace, field):
        raise errors.invalid(f"{field} is not a field that can be sorted by", "sort")

    def key(contact: Contact) -> tuple[bool, float, str, str]:
        have = _raw(workspace, contact, field)
        number = float(have) if isinstance(have, int | float) else 0.0
        return have is None, number, str(have), contact.id

    return sorted(found, key=key, reverse=sort["order"] == "descending")
