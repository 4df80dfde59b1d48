"""Error bodies, as Intercom words them.

The envelope is documented and recorded; `request_id` is added by the wire. Where the words are ours, the
behaviour that uses them says so.
"""

from __future__ import annotations

NOT_HERE = "Resource Not Found"


class RefusalError(Exception):
    """An answer other than success. `body` replaces the list of errors where the answer is none."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        field: str | None = None,
        headers: dict[str, str] | None = None,
        body: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, object] = {"code": code, "message": message}
        if field is not None:
            self.error["field"] = field
        self.headers = headers or {}
        self.body = body
        self.over_quota = False
        self.named = True
        """Whether the body may carry a `request_id`."""


def unauthorized() -> RefusalError:
    """Refuse a token that is unknown, or of another region."""
    return RefusalError(401, "unauthorized", "Access Token Invalid")


def forbidden() -> RefusalError:
    """Refuse what the token's app has no permission for."""
    return RefusalError(403, "forbidden", "You do not have permission to access this resource")


def invalid(message: str, field: str | None = None) -> RefusalError:
    """Refuse a value."""
    return RefusalError(400, "parameter_invalid", message, field)


def missing(message: str) -> RefusalError:
    """Refuse a body that lacks something."""
    return RefusalError(400, "parameter_not_found", message)


def bad_parameter(name: str) -> RefusalError:
    """Refuse a field that the endpoint does not know."""
    return RefusalError(400, "bad_request", f"bad '{name}' parameter")


def not_found(message: str = NOT_HERE) -> RefusalError:
    """Refuse what is not there."""
    return RefusalError(404, "not_found", message)


def no_contact() -> RefusalError:
    """Refuse a contact that is not there; Intercom still says user."""
    return not_found("User Not Found")


def no_company() -> RefusalError:
    """Refuse a company that is not there."""
    return RefusalError(404, "company_not_found", "Company Not Found")


def conflict(contact_id: str, archived: bool) -> RefusalError:
    """Refuse to make a contact that exists; the message names it."""
    begin = "An archived contact" if archived else "A contact"
    return RefusalError(409, "conflict", f"{begin} matching those details already exists with id={contact_id}")


def merged(survivor: str) -> RefusalError:
    """Say that a contact was merged, and where it is now."""
    message = "This contact has been merged. See the 'Link' header for the canonical contact."
    return RefusalError(410, "contact_merged", message, headers={"Link": f'</contacts/{survivor}>; rel="canonical"'})


def rate_limited(limit: int) -> RefusalError:
    """Refuse a call because a window is spent."""
    refusal = RefusalError(429, "rate_limit_exceeded", f"Exceeded rate limit of {limit} in 10_seconds")
    refusal.over_quota = True
    return refusal


def bad_json(mark: str) -> RefusalError:
    """Refuse a body that is no JSON, in a form of its own."""
    text = f"There was a problem in the JSON you submitted [{mark}]: logged with error code"
    return RefusalError(400, "bad_json", text, body={"status": 400, "error": text})
