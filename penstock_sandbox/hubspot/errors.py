"""Error bodies, as HubSpot words them.

A `RefusalError` ends a request; a `RowError` is one entry of `errors` in a batch answer. The shapes are
recorded or documented; where the words are ours, the behaviour that uses them says so. The wire adds
`correlationId` to each refusal.
"""

from random import Random
from typing import NamedTuple

import msgspec

Context = dict[str, list[str]]


class Problem(NamedTuple):
    """One value of one row that a property refuses."""

    name: str
    code: str
    message: str


class RowError(msgspec.Struct, omit_defaults=True):
    """An entry of `errors` in the answer to a batch."""

    category: str
    message: str
    context: Context | None = None
    status: str = "error"
    sub_category: str | None = None

    def body(self) -> dict[str, object]:
        """Return it in the order and with the keys of the recorded answers."""
        body: dict[str, object] = {"status": self.status, "category": self.category}
        if self.sub_category is not None:
            body["subCategory"] = self.sub_category
        body["message"] = self.message
        if self.context is not None:
            body["context"] = self.context
        return body


class RefusalError(Exception):
    """An answer other than success for the whole request."""

    def __init__(self, status: int, body: dict[str, object], headers: dict[str, str] | None = None) -> None:
        super().__init__(str(body.get("message", status)))
        self.status = status
        self.body = {"status": "error", **body}
        self.headers = headers or {}


def bare(body: dict[str, object], share: float, chance: Random) -> dict[str, object]:
    """Return an error body that has lost about half of its fields, in a share of all cases."""
    if not share or chance.random() >= share:
        return body
    return {name: value for name, value in body.items() if chance.random() < 0.5}


def _embedded(problems: list[Problem], portal_id: int) -> str:
    listed = [
        {
            "isValid": False,
            "message": problem.message,
            "error": problem.code,
            "name": problem.name,
            "localizedErrorMessage": problem.message,
            "portalId": portal_id,
        }
        for problem in problems
    ]
    return "Property values were not valid: " + msgspec.json.encode(listed).decode()


def invalid_row(problems: list[Problem], portal_id: int, trace_id: str) -> RowError:
    """Report one row of a batch whose inputs all carry trace ids."""
    return RowError("VALIDATION_ERROR", _embedded(problems, portal_id), {"objectWriteTraceId": [trace_id]})


def conflicting_row(existing_id: str, trace_id: str) -> RowError:
    """Report a row whose address belongs to another contact."""
    context = {"objectWriteTraceId": [trace_id], "existingId": [existing_id]}
    return RowError("CONFLICT", f"Contact already exists. Existing ID: {existing_id}", context)


def missing_rows(singular: str, ids: list[str]) -> RowError:
    """Report ids that name nothing: one entry for all of them, with `ids` instead of a trace id."""
    message = (
        f"Could not get some {singular.upper()} objects, they may be deleted or not exist. Check that ids are valid."
    )
    return RowError("OBJECT_NOT_FOUND", message, {"ids": ids})


def invalid_values(problems: list[Problem], portal_id: int) -> RefusalError:
    """Refuse a whole batch for its values: `message` repeats every problem, `errors` stops after three."""
    errors = [
        {"message": problem.message, "code": problem.code, "context": {"propertyName": [problem.name]}}
        for problem in problems[:3]
    ]
    message = _embedded(problems, portal_id)
    return RefusalError(400, {"message": message, "errors": errors, "category": "VALIDATION_ERROR"})


def invalid_request(message: str, context: Context | None = None) -> RefusalError:
    """Refuse a request that is wrong as a whole."""
    body: dict[str, object] = {"message": message}
    if context is not None:
        body["context"] = context
    return RefusalError(400, body | {"category": "VALIDATION_ERROR"})


def duplicate_ids(ids: list[str]) -> RefusalError:
    """Refuse the same id twice in one batch."""
    return invalid_request(f"Duplicate IDs found in batch input: [{', '.join(ids)}]. IDs must be unique", {"ids": ids})


def not_unique(type_id: str, name: str, portal_id: int) -> RefusalError:
    """Refuse an `idProperty` that identifies nothing."""
    return invalid_request(
        f"Unable to perform update/upsert by non-unique {type_id} property {name} in portal ID {portal_id}"
    )


def bad_json(reason: str) -> RefusalError:
    """Refuse a body that is not what the endpoint takes."""
    return RefusalError(400, {"message": f"Invalid input JSON on line 1, column 1: {reason}"})


def unknown_type(name: str) -> RefusalError:
    """Refuse an object type that the account does not have; the recorded body has no category."""
    return RefusalError(400, {"message": f"Unable to infer object type from: {name}"})


def conflict(message: str) -> RefusalError:
    """Refuse to make a record that exists already."""
    return RefusalError(409, {"message": message, "category": "CONFLICT"})


def old_conflict(address: str, record_id: str) -> RefusalError:
    """Refuse to make a contact that exists, in the form of older versions."""
    first = {"message": f"A contact with email {address} already exists. Existing ID: {record_id}", "in": "email"}
    body: dict[str, object] = {
        "message": f"Contact already exists. Existing ID: {record_id}",
        "identityProfile": {"vid": int(record_id)},
        "errors": [first],
        "category": "OBJECT_ALREADY_EXISTS",
        "error": "CONTACT_EXISTS",
    }
    return RefusalError(409, body)


def object_not_found(record_id: str) -> RefusalError:
    """Refuse a single record that does not exist; the two blanks are HubSpot's."""
    message = "Object not found.  objectId are usually numeric."
    return RefusalError(404, {"message": message, "context": {"id": [record_id]}, "category": "OBJECT_NOT_FOUND"})


def property_not_found(name: str) -> RefusalError:
    """Refuse a property that does not exist."""
    return RefusalError(404, {"message": f'Property "{name}" does not exist', "category": "OBJECT_NOT_FOUND"})


def property_exists(name: str) -> RefusalError:
    """Refuse a property name that is taken."""
    return RefusalError(
        409,
        {
            "message": f"A property named '{name}' already exists.",
            "category": "OBJECT_ALREADY_EXISTS",
            "subCategory": "Properties.PROPERTY_WITH_NAME_EXISTS",
        },
    )


def nothing_there(what: str, sub_category: str | None = None) -> RefusalError:
    """Refuse a list, an import, a schema that does not exist."""
    body: dict[str, object] = {"message": f"{what} does not exist", "category": "OBJECT_NOT_FOUND"}
    if sub_category is not None:
        body["subCategory"] = sub_category
    return RefusalError(404, body)


def resource_not_found() -> RefusalError:
    """Refuse a path that is no endpoint."""
    return RefusalError(404, {"message": "resource not found", "category": "OBJECT_NOT_FOUND"})


def not_authenticated() -> RefusalError:
    """Refuse a call with no token, or one that nobody issued."""
    message = (
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more "
        "details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
    )
    headers = {"x-hubspot-auth-failure": "401 Unauthorized"}
    return RefusalError(401, {"message": message, "category": "INVALID_AUTHENTICATION"}, headers)


def expired(seconds: int) -> RefusalError:
    """Refuse a token past its time."""
    message = f"The OAuth token used to make this call expired {seconds} second(s) ago."
    return RefusalError(401, {"message": message, "category": "EXPIRED_AUTHENTICATION"})


def missing_scopes(scopes: list[str], in_context: bool = False) -> RefusalError:
    """Refuse a token that may not do this: the scopes in `errors`, as documented, or in `context`, as recorded."""
    page = "https://developers.hubspot.com/scopes"
    if in_context:
        body: dict[str, object] = {
            "message": "One or more of the following scopes are required.",
            "context": {"requiredGranularScopes": scopes, "links": [page]},
            "category": "MISSING_SCOPES",
        }
        return RefusalError(403, body)
    first = {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": scopes},
    }
    return RefusalError(
        403,
        {
            "message": "This app hasn't been granted all required scopes to make this call. "
            f"Read more about required scopes here: {page}.",
            "errors": [first],
            "links": {"scopes": page},
            "category": "MISSING_SCOPES",
        },
    )


def rate_limited(policy: str) -> RefusalError:
    """Refuse a call because a window or the day is spent: no `Retry-After`, and `errorType` instead of a category."""
    message = f"You have reached your {policy.lower()} limit."
    return RefusalError(429, {"message": message, "errorType": "RATE_LIMIT", "policyName": policy})
