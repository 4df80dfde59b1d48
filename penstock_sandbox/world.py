"""Everything the sandbox remembers, in one place, so that a reset is a new one."""

from collections import Counter

import msgspec

from penstock_sandbox.clock import Clock
from penstock_sandbox.faults import Faults
from penstock_sandbox.hubspot import imports, plane
from penstock_sandbox.hubspot.portal import Portal
from penstock_sandbox.intercom import bulk
from penstock_sandbox.intercom import plane as intercom_plane
from penstock_sandbox.intercom.workspace import Workspace
from penstock_sandbox.salesforce import plane as salesforce_plane
from penstock_sandbox.salesforce.bulk import work
from penstock_sandbox.salesforce.org import Org
from penstock_sandbox.settings import Settings
from penstock_sandbox.store import History


class World:
    """Accounts, history, clock, faults and counters. One event loop owns it, so it needs no lock."""

    def __init__(self, settings: Settings) -> None:
        self._initial = settings
        self.faults = Faults()
        self.reset()

    def reset(self) -> None:
        """Forget everything and go back to the settings the sandbox was started with."""
        self.settings = self._initial
        self.clock = Clock()
        self.faults.schedules.clear()
        self.history = History(full=self.settings.history == "full")
        self.hubspot = Portal(self.settings, self.history)
        self.salesforce = Org(self.settings, self.history, self.clock.now())
        if self.settings.org:
            salesforce_plane.seed(self.salesforce, self.settings.org, self.clock.now())
        self.intercom = Workspace(self.settings, self.history, self.clock.now())
        self.requests = 0
        self.routes: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.over_quota = 0

    def configure(self, patch: dict[str, object]) -> None:
        """Change settings in place; what is stored and counted stays."""
        settings = self.settings.patched(patch)
        self.hubspot.configure(settings)
        self.salesforce.configure(settings)
        self.intercom.configure(settings)
        self.settings = settings
        self.history.full = settings.history == "full"

    def advance(self) -> None:
        """Do what jobs have to do by now."""
        imports.advance(self.hubspot, self.clock.now())
        work.advance(self.salesforce, self.clock.now())
        bulk.advance(self.intercom, self.clock.now())

    def alter(self, change: msgspec.Raw) -> None:
        """Change an account in the middle of a run, as a fault asks.

        Salesforce's changes name an `object`, Intercom's an `attribute`.
        """
        names = msgspec.json.decode(change, type=dict[str, object])
        if "attribute" in names:
            intercom_plane.alter(self.intercom, bytes(change), self.clock.now())
        elif "object" in names:
            salesforce_plane.alter(self.salesforce, bytes(change), self.clock.now())
        else:
            plane.alter(self.hubspot, bytes(change))

    def stats(self) -> dict[str, object]:
        """Return the counters. `over_quota` are requests made although a limit was spent."""
        return {
            "requests": self.requests,
            "routes": dict(self.routes),
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "applied_writes": len(self.history),
            "over_quota": self.over_quota,
            "answers_429": self.statuses[429],
            "faults_struck": sum(schedule.struck for schedule in self.faults.schedules),
        }
