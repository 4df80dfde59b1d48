"""Error bodies, as Salesforce words them.

A `RefusalError` ends a request, with `errorCode`; a `Problem` sits on one row, with `statusCode`. The shapes and most
words are recorded or documented; where the words are ours, the behaviour that uses them says so.
"""

from typing import NamedTuple

NO_RESOURCE = "The requested resource does not exist"


class Problem(NamedTuple):
    """Why one row was refused."""

    code: str
    message: str
    fields: tuple[str, ...] = ()
    extra: dict[str, object] | None = None

    def row(self) -> dict[str, object]:
        """Return an entry of `errors` in the answer about a row."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields)}

    def text(self) -> str:
        """Return the text of `sf__Error` and of Bulk v1's `Error` column."""
        return f"{self.code}:{self.message}:{','.join(self.fields)} --"


class RefusalError(Exception):
    """An answer other than success for the whole request."""

    def __init__(self, status: int, body: object, headers: dict[str, str] | None = None, over: bool = False) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body
        self.headers = headers or {}
        self.over_quota = over


def refused(status: int, code: str, message: str, fields: tuple[str, ...] = (), over: bool = False) -> RefusalError:
    """Return a refusal of the usual shape: an array of one."""
    body: dict[str, object] = {"message": message, "errorCode": code}
    if fields:
        body["fields"] = list(fields)
    return RefusalError(status, [body], over=over)


def from_problem(problem: Problem) -> RefusalError:
    """Return the refusal of a request about one record."""
    body: dict[str, object] = {"message": problem.message, "errorCode": problem.code, "fields": list(problem.fields)}
    return RefusalError(400, [{**body, **(problem.extra or {})}])


def not_found(message: str = NO_RESOURCE) -> RefusalError:
    """Refuse what is not there."""
    return refused(404, "NOT_FOUND", message)


def session_invalid() -> RefusalError:
    """Refuse a token that is unknown, revoked or has expired."""
    return refused(401, "INVALID_SESSION_ID", "Session expired or invalid")


def request_limit(what: str) -> RefusalError:
    """Refuse where a quota is spent; Salesforce has one code for all of them."""
    return refused(403, "REQUEST_LIMIT_EXCEEDED", what, over=True)


def bad_json(message: str) -> RefusalError:
    """Refuse a body that cannot be read, or a value in it."""
    return refused(400, "JSON_PARSER_ERROR", message)


def invalid_field(message: str) -> RefusalError:
    """Refuse a field or its use."""
    return refused(400, "INVALID_FIELD", message)


def no_column(name: str, kind: str) -> RefusalError:
    """Refuse a field that the object has not."""
    return invalid_field(f"No such column '{name}' on sobject of type {kind}")


def oauth(error: str, description: str) -> RefusalError:
    """Refuse a token, with an object instead of an array."""
    return RefusalError(400, {"error": error, "error_description": description})


def required(fields: list[str]) -> Problem:
    """Say that required fields have no value."""
    names = tuple(fields)
    return Problem("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(fields)}]", names)


def duplicate_in_request(field: str, value: str) -> Problem:
    """Say that a key is there twice in one request."""
    return Problem("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", (field,))


def duplicate_value(field: str, owner: str) -> Problem:
    """Say that a unique value is another record's."""
    return Problem("DUPLICATE_VALUE", f"duplicate value found: {field} duplicates value on record with id: {owner}")


def not_writable(fields: list[str]) -> Problem:
    """Name fields that may not be written."""
    return Problem(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        f"Unable to create/update fields: {', '.join(fields)}. Please check the security settings of this field and"
        " verify that it is read/write for your profile or permission set.",
        tuple(fields),
    )


def no_parent(field: str, value: str, entity: str) -> Problem:
    """Say that nobody has the key by which a parent is named."""
    return Problem("INVALID_FIELD", f"Foreign key external ID: {value} not found for field {field} in entity {entity}")


MALFORMED = "malformed id "
DELETED = Problem("ENTITY_IS_DELETED", "entity is deleted")
UNKNOWN_REFERENCE = "invalid cross reference id"
ROLLED_BACK = Problem(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
)
LOCKED = Problem("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
