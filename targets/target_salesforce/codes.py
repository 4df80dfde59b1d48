"""Salesforce's codes as one table: what is to be done about each. A code that is not in it is the record's rejection.

Sources: the StatusCode and AsyncExceptionCode lists of Salesforce's own Java client, the REST and Bulk API guides, and
bodies recorded by others against live orgs. Rows call it `statusCode`, requests `errorCode`, Bulk rows write it before
the first colon. Salesforce's own texts repeat values of the record, so none of them is ever repeated here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum


class Do(Enum):
    """What a code asks for."""

    RECORD = "reject the record"
    RETRY = "send it again: nothing was written, and nothing speaks against the record"
    LOCKED = "send it again in smaller batches, then one at a time: others were writing beside it"
    REFRESH = "the session has expired"
    STOP = "end the run: nothing will pass"
    SCHEMA = "reject the record; where all of a request fail alike, end the run: the sync does not fit the org"


_RETRY = """
ALL_OR_NONE_OPERATION_ROLLED_BACK ALREADY_IN_PROCESS API_CURRENTLY_DISABLED API_TASK_LIMIT_REACHED BAD_GATEWAY
COLLISION_DETECTED FAILED_DUE_TO_OTHER_INPUTS INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE INTERNAL_ERROR
InternalServerError MATCH_SERVICE_TIMED_OUT MATCH_SERVICE_UNAVAILABLE_ERROR OPERATION_CONFLICT PENDING_COMMIT
PLATFORM_EVENT_PUBLISHING_UNAVAILABLE PLATFORM_EVENT_PUBLISH_FAILED PROCESSING_HALTED QUERY_TIMEOUT
REQUEST_RUNNING_TOO_LONG SERVER_UNAVAILABLE SERVICE_UNAVAILABLE TERRITORY_REALIGN_IN_PROGRESS TOO_MANY_APEX_REQUESTS
TOO_MANY_JOBS TXN_SECURITY_METERING_ERROR Timeout UNCOMMITTED_WORK UNKNOWN_EXCEPTION
"""
_LOCKED = "RECORD_LOCKED TooManyLockFailure UNABLE_TO_LOCK_RECORD UNABLE_TO_LOCK_ROW"
_REFRESH = "INVALID_SESSION_ID InvalidSessionId SESSION_EXPIRED SESSION_INVALIDATED"
_STOP = """
API_DISABLED_FOR_ORG DATA_TRANSFER_RECORD_LIMIT_EXCEEDED ExceededQuota FeatureNotEnabled Gone HttpsRequired
INVALID_LOGIN INVALID_READ_ONLY_USER_DML InvalidUser InvalidVersion LICENSE_LIMIT_EXCEEDED ORG_LOCKED PASSWORD_LOCKOUT
REQUEST_LIMIT_EXCEEDED STORAGE_LIMIT_EXCEEDED TRIAL_EXPIRED TXN_SECURITY_NO_ACCESS TransactionSecurityBlock
UNSUPPORTED_API_VERSION
"""
_SCHEMA = """
CANNOT_MODIFY_MANAGED_OBJECT ClientInputError DELETE_NOT_ALLOWED FIELD_NOT_UPDATABLE FUNCTIONALITY_NOT_ENABLED
INSUFFICIENT_ACCESS INSUFFICIENT_ACCESS_OR_READONLY INVALID_ASSIGNMENT_RULE INVALID_ENTITY_FOR_UPSERT
INVALID_EXTERNAL_ID_FIELD_NAME INVALID_FIELD INVALID_FIELD_FOR_INSERT_UPDATE INVALID_TYPE INVALID_TYPE_FOR_OPERATION
InvalidBatch InvalidEntity METHOD_NOT_ALLOWED SCHEMA_OBJECT_NOT_FOUND TYPE_NOT_FOUND UNSUPPORTED_APEX_TRIGGER_OPERATON
"""
TABLE: Mapping[str, Do] = {
    code: do
    for do, codes in (
        (Do.RETRY, _RETRY),
        (Do.LOCKED, _LOCKED),
        (Do.REFRESH, _REFRESH),
        (Do.STOP, _STOP),
        (Do.SCHEMA, _SCHEMA),
    )
    for code in codes.split()
}
SENTENCES: Mapping[str, str] = {
    "CANNOT_EXECUTE_FLOW_TRIGGER": "a flow of the org failed",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "a trigger of the org failed",
    "CANNOT_UPDATE_CONVERTED_LEAD": "the lead was converted",
    "DUPLICATES_DETECTED": "a duplicate rule of the org was met (setting duplicate_rule: allow passes its alerts)",
    "DUPLICATE_EXTERNAL_ID": "several records have this value in the match field, so none of them is meant",
    "DUPLICATE_VALUE": "another record has the same value, and the field allows each value once",
    "ENTITY_IS_DELETED": "the record is in the recycle bin",
    "ENTITY_IS_LOCKED": "the record is locked, by an approval for instance",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "a validation rule of the org refuses the record",
    "FIELD_FILTER_VALIDATION_EXCEPTION": "the value does not meet the field's look-up filter",
    "INACTIVE_OWNER_OR_USER": "the owner is not active",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "the user may not use the record that it refers to",
    "INSUFFICIENT_ACCESS_OR_READONLY": "the user may not write the record",
    "INVALID_CROSS_REFERENCE_KEY": "the record that it refers to does not exist",
    "INVALID_EMAIL_ADDRESS": "Salesforce does not accept the e-mail address",
    "INVALID_FIELD": "the field is not there",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "the field cannot be written",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "the value is none of the picklist's",
    "JSON_PARSER_ERROR": "a value does not fit the type of its field",
    "MALFORMED_ID": "the value is no id, or one of another object",
    "NUMBER_OUTSIDE_VALID_RANGE": "the number has too many digits for the field",
    "REQUIRED_FIELD_MISSING": "a required field has no value",
    "STRING_TOO_LONG": "the value is longer than the field",
    "UNABLE_TO_LOCK_ROW": "others kept the record or its parent locked",
}
GONE = frozenset({"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND", "INVALID_ID_FIELD"})
"""codes of a write by an id that is no record's (any more), where they name no other field"""
SLOW_TRIGGER = re.compile(r"UNABLE_TO_LOCK_ROW|Apex CPU time limit exceeded").search
"""what a trigger's failure says where it is worth another try"""
_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,79}").fullmatch
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,120}").fullmatch
"""what codes and names look like; anything else in their place may be a record's value and is not repeated"""
_ID = re.compile(r"with id:\s*([A-Za-z0-9]{15,18})\b").search
_TWICE = re.compile(r"duplicate value found: (\S+) duplicates value on record")
_FOREIGN = re.compile(r"Foreign key external ID:.* not found for field (\w+) in entity (\w+)", re.DOTALL)
"""how a parent that is not there is told of"""
_CELL = re.compile(r"([A-Za-z][A-Za-z0-9_]*)\s*:(.*):([^:]*)--\s*", re.DOTALL).fullmatch


@dataclass(frozen=True)
class Reason:
    """Why Salesforce refused something. `text` is Salesforce's own and is only looked into, never shown."""

    code: str
    text: str = ""
    fields: tuple[str, ...] = ()

    @property
    def do(self) -> Do:
        """Return what the code asks for."""
        return Do.RECORD if self.foreign else TABLE.get(self.code, Do.RECORD)

    @property
    def message(self) -> str:
        """Return our own words for it."""
        if self.foreign:
            return "the record that it refers to by this key is not there"
        return SENTENCES.get(self.code, f"Salesforce refused the record with code {self.code}")

    @property
    def field(self) -> str | None:
        """Return the field that it names, if any."""
        return self.fields[0] if self.fields else None

    @property
    def foreign(self) -> tuple[str, str] | None:
        """Return key and object of the parent that is not there, where that is the reason."""
        found = _FOREIGN.match(self.text) if self.code == "INVALID_FIELD" else None
        return (found.group(1), found.group(2)) if found else None

    @property
    def twin(self) -> tuple[str, str] | None:
        """Return field and id of the record that has the unique value already, where the text tells both."""
        field, found = _TWICE.search(self.text), _ID(self.text)
        return (field.group(1), found.group(1)) if field and found else None


def reason(error: object) -> Reason:
    """Read a code out of an error of a row or a request, whatever of it is there."""
    if not isinstance(error, dict):
        return Reason("UNKNOWN")
    found = error.get("statusCode", error.get("errorCode", error.get("exceptionCode")))
    names = error.get("fields")
    return Reason(_label(found), str(error.get("message", "")), _names(names if isinstance(names, list) else []))


def reason_of_cell(text: str) -> Reason:
    """Read what Bulk writes of a row: `CODE:message:fields --`. The message may hold colons as well."""
    found = _CELL(text)
    if found is None:
        return Reason(_label(text.partition(":")[0].strip()), text)
    return Reason(_label(found.group(1)), found.group(2), _names(re.split(r"[\s,]+", found.group(3))))


def _label(code: object) -> str:
    return code if isinstance(code, str) and (code in TABLE or _CODE(code)) else "UNKNOWN"


def _names(names: Sequence[object]) -> tuple[str, ...]:
    return tuple(name for name in names if isinstance(name, str) and _NAME(name))
