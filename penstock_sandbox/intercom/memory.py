"""What a workspace remembers. Plain values; the rules are elsewhere. Times are Unix seconds."""

from __future__ import annotations

import msgspec

from penstock_sandbox.intercom.values import Value


class Contact(msgspec.Struct, gc=False, eq=False):
    """A user or a lead. `fields` are the built-in ones that have a value, `custom` the custom attributes."""

    id: str
    role: str
    created: int
    updated: int
    external_id: str | None = None
    email: str | None = None
    fields: dict[str, Value] = {}
    custom: dict[str, Value] = {}
    archived: bool = False
    blocked: bool = False
    companies: dict[str, int] = {}
    """Companies by Intercom's id, with the time since when."""
    tags: dict[str, int] = {}
    notes: list[str] = []
    consents: dict[str, str] = {}
    """Subscription types by id, with the consent that was given."""


class Company(msgspec.Struct, gc=False, eq=False):
    """A company. `contacts` are the ids of those attached."""

    id: str
    company_id: str
    created: int
    updated: int
    fields: dict[str, Value] = {}
    custom: dict[str, Value] = {}
    plan: str | None = None
    contacts: dict[str, int] = {}
    tags: dict[str, int] = {}


class Attribute(msgspec.Struct, kw_only=True):
    """A data attribute; built-in ones have no id. `reference` names the custom object type that it links to."""

    name: str
    model: str
    data_type: str = "string"
    id: int | None = None
    label: str = ""
    description: str | None = None
    options: list[str] | None = None
    archived: bool = False
    writable: bool = True
    messenger_writable: bool = False
    created: int = 0
    updated: int = 0
    reference: str | None = None
    dependent: bool = False
    """Whether something in the workspace needs it, so that it cannot be archived."""


class Tag(msgspec.Struct):
    """A tag; its name is unique, case apart."""

    id: str
    name: str


class Note(msgspec.Struct):
    """A note on a contact."""

    id: str
    contact: str
    body: str
    created: int
    admin: str | None = None


class Event(msgspec.Struct):
    """An event that was sent. `dropped` says why Intercom kept it out without a word."""

    name: str
    contact: str
    created: int
    received: float
    request: int
    metadata: dict[str, object] = {}
    dropped: str | None = None


class Instance(msgspec.Struct):
    """An instance of a custom object type."""

    id: str
    type: str
    external_id: str
    created: int
    updated: int
    custom: dict[str, Value] = {}
    external_created: int | None = None
    external_updated: int | None = None


class Admin(msgspec.Struct):
    """A teammate."""

    id: str
    name: str
    email: str


class Segment(msgspec.Struct):
    """A segment; who is in it is put in place by the control plane."""

    id: str
    name: str
    person_type: str
    created: int
    members: list[str] = []


class Subscription(msgspec.Struct):
    """A subscription type."""

    id: str
    name: str
    consent_type: str
    content_types: list[str]
    description: str = ""
