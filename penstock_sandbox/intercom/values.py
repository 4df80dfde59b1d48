"""Values by type: what a built-in field or a custom attribute takes."""

from __future__ import annotations

from penstock_sandbox.intercom import errors
from penstock_sandbox.provenance import assumed, documented, recorded

Value = str | int | float | bool | list[str] | None
LONGEST = 255
TYPES = ("string", "integer", "float", "boolean", "date", "datetime")
ATTRIBUTES = "developers.intercom.com: Intercom-OpenAPI 2.14, Data attributes"


@documented("Values are strings, numbers and booleans; dates are Unix seconds", ATTRIBUTES)
@recorded("A string value has at most 255 characters", "reports in the fact sheet")
@assumed("A value of another type is 400 parameter_invalid", "400 and 422 are both reported; `coerce` takes some")
@assumed("Whole numbers fit where numbers with a fraction are wanted", "JSON has one kind of number")
def read(name: str, kind: str, value: object, coerce: bool) -> Value:
    """Return a value as it is stored; null clears. Raises the refusal that names the field."""
    if value is None:
        return None
    found = _exact(kind, value) if storable(value) else None
    if found is None and coerce and storable(value):
        found = _coerced(kind, value)
    if found is None:
        raise errors.invalid(f"{name} is not a valid {kind}", name)
    if isinstance(found, str) and len(found) > LONGEST:
        raise errors.invalid(f"{name} is too long (maximum is {LONGEST} characters)", name)
    return found


def storable(value: object) -> bool:
    """Tell whether a number is finite and fits into 64 bits; what is no number is always fine."""
    return not isinstance(value, int | float) or abs(value) < 2**63


def _exact(kind: str, value: object) -> Value:
    match kind, value:
        case "string", str():
            return value
        case "boolean", bool():
            return value
        case _, bool():
            return None
        case "float", int() | float():
            return value
        case "integer" | "date" | "datetime", int():
            return value
    return None


def _coerced(kind: str, value: object) -> Value:
    found: Value = None
    match kind, value:
        case "string", bool():
            found = "true" if value else "false"
        case "string", int() | float():
            found = str(value)
        case "boolean", "true" | "false":
            found = value == "true"
        case "integer" | "date" | "datetime" | "float", str() | float():
            number = _number(value)
            whole = kind != "float" and number is not None
            found = int(number) if whole and number is not None else number
    return found


def _number(value: str | float) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < 2**63 else None


def text_of(value: object) -> str:
    """Return a value as the history shows it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return ";".join(str(each) for each in value)
        case _:
            return str(value)
