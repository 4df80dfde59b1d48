"""One simulated Intercom workspace: what it holds, its tokens and limits."""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from penstock_sandbox.intercom.access import DEFAULT_TOKEN, Token
from penstock_sandbox.intercom.attributes import Catalogue
from penstock_sandbox.intercom.limits import Limits
from penstock_sandbox.intercom.memory import Admin, Company, Event, Instance, Note, Segment, Subscription, Tag
from penstock_sandbox.intercom.people import People
from penstock_sandbox.intercom.values import Value, text_of
from penstock_sandbox.provenance import recorded
from penstock_sandbox.store import Write

if TYPE_CHECKING:
    from penstock_sandbox.intercom.bulk import Job
    from penstock_sandbox.intercom.scrolls import Scroll
    from penstock_sandbox.settings import Settings
    from penstock_sandbox.store import Action, History

WORKSPACE_ID = "sbx00001"
ADMIN_ID = "991267459"
_LETTERS = "0123456789abcdefghijklmnopqrstuv"


class ObjectType(NamedTuple):
    """A custom object type, made in the workspace's settings; values by type of attribute."""

    name: str
    attributes: dict[str, str]


class Workspace:
    """The account. `history` is shared with the sandbox's other vendors."""

    def __init__(self, settings: Settings, history: History, now: float) -> None:
        self.history = history
        self.began = int(now)
        self.chance = random.Random(settings.seed)  # noqa: S311 - request ids are no secret
        self.tokens = {DEFAULT_TOKEN: Token(DEFAULT_TOKEN)}
        self.limits = Limits(settings)
        self.people = People()
        self.companies: dict[str, Company] = {}
        self.company_ids: dict[str, str] = {}
        self.plans: dict[str, str] = {}
        self.jobs: dict[str, Job] = {}
        self.open_jobs: list[Job] = []
        self.scrolls: dict[str, Scroll] = {}
        self.attributes = Catalogue(self.began)
        self.tags: dict[str, Tag] = {}
        self.tag_names: dict[str, str] = {}
        self.notes: dict[str, Note] = {}
        self.events: list[Event] = []
        self.event_keys: dict[tuple[str, str, int], float] = {}
        self.object_types = {"Order": ObjectType("Order", {"order_number": "string", "total_amount": "float"})}
        self.instances: dict[str, Instance] = {}
        self.instance_keys: dict[tuple[str, str], str] = {}
        self.admins = {ADMIN_ID: Admin(ADMIN_ID, "Ops", "ops@example.com")}
        self.segments: dict[str, Segment] = {}
        self.subscriptions = {
            "91": Subscription("91", "Newsletters", "opt_out", ["email"]),
            "93": Subscription("93", "Text messages", "opt_in", ["sms_message"]),
        }
        self._machine = f"{self.chance.getrandbits(40):010x}"
        self._counter = 0
        self._numbers: dict[str, int] = {}
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """Take new settings; what is stored stays, and so do calls already counted."""
        try:
            self.zone = ZoneInfo(settings.intercom.time_zone)
        except ZoneInfoNotFoundError as error:
            raise ValueError(f"no time zone {settings.intercom.time_zone!r}") from error
        self.settings = settings
        self.limits.settings = settings

    @recorded("Ids of contacts and companies are 24 hexadecimal digits that begin with the time", "recorded bodies")
    def hex_id(self, now: float) -> str:
        """Return a new id of a contact or a company; ids grow."""
        self._counter += 1
        return f"{int(now):08x}{self._machine}{self._counter:06x}"

    def number(self, what: str, first: int) -> str:
        """Return the next number of a kind of thing."""
        self._numbers[what] = self._numbers.get(what, first - 1) + 1
        return str(self._numbers[what])

    @recorded("request_id is a uuid, short text, null, or absent", "recorded bodies and examples of the reference")
    def request_id(self) -> dict[str, object]:
        """Return the `request_id` of an error body, in one of its forms."""
        draw = self.chance.random() if self.settings.intercom.request_ids == "mixed" else 0.0
        if draw < 0.7:
            return {"request_id": str(uuid.UUID(int=self.chance.getrandbits(128), version=4))}
        if draw < 0.9:
            return {"request_id": "00" + "".join(self.chance.choices(_LETTERS, k=18))}
        return {"request_id": None} if draw < 0.95 else {}

    def company(self, company_id: str) -> Company | None:
        """Return a company by the id that its owner gave it."""
        found = self.company_ids.get(company_id)
        return None if found is None else self.companies[found]


class Doing(NamedTuple):
    """The circumstances of a write."""

    workspace: Workspace
    now: float
    request: int

    def stamp(self) -> int:
        """Return the time as Intercom stores it."""
        return int(self.now)

    def note(
        self,
        kind: str,
        action: Action,
        record_id: str,
        keys: dict[str, str | None],
        written: dict[str, Value] | None = None,
        to: str | None = None,
    ) -> None:
        """Put a write into the history. The first of the keys that has a value is the entry's key."""
        history = self.workspace.history
        known = {name: value for name, value in keys.items() if value is not None}
        own = next(iter(known.values()), None)
        if not history.full:
            history.add(Write(len(history) + 1, record_id, own))
            return
        texts = {name: text_of(value) for name, value in (written or {}).items()}
        history.add(
            Write(len(history) + 1, record_id, own, self.now, self.request, kind, action, to, known or None, texts)
        )
