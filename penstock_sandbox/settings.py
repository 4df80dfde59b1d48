"""What the control plane's `configure` can change, with the defaults."""

from typing import Literal

import msgspec


class HubSpotSettings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Limits of the simulated portal, and one switch per disputed behaviour (the default is the stricter reading)."""

    tier: Literal["starter", "professional", "enterprise", "limit_increase"] = "professional"
    per_ten_seconds: int | None = None
    """Requests per token in ten seconds; None takes the tier's figure."""
    daily: int | None = None
    """Requests per account and day; None takes the tier's figure."""
    partial_status_2026_09: Literal[200, 207] = 200
    """Status of a partly failed batch on the 2026-09 paths."""
    echo_trace_ids: bool = False
    """Whether `results` repeat `objectWriteTraceId`."""
    null_values: Literal["refuse", "clear"] = "refuse"
    """What a JSON null as a property value does."""
    unique_text: Literal["exact", "fold"] = "exact"
    """How values of unique text properties are compared; e-mail always without case."""
    update_by_email: bool = False
    """Whether batch/update accepts `idProperty: email`."""
    upsert_conflict: Literal["whole", "row"] = "whole"
    """Whether an address owned by another record refuses the whole upsert with 409, or that row alone."""


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Settings of the whole sandbox."""

    seed: int = 0
    """Seeds the order of results and the correlation ids."""
    latency_ms: float = 0.0
    """How long each vendor request waits before it is looked at."""
    unlimited: bool = False
    """Switch rate limits off, for benchmarks."""
    history: Literal["full", "keys"] = "full"
    hubspot: HubSpotSettings = msgspec.field(default_factory=HubSpotSettings)

    def patched(self, patch: dict[str, object]) -> "Settings":
        """Return a copy with some values replaced; `hubspot` is merged, not replaced.

        Raises msgspec.ValidationError for an unknown name or a wrong type.
        """
        merged: dict[str, object] = {**msgspec.structs.asdict(self), **patch}
        part = patch.get("hubspot")
        if isinstance(part, dict):
            merged["hubspot"] = {**msgspec.structs.asdict(self.hubspot), **part}
        return msgspec.convert(merged, Settings)
