"""What the control plane's `configure` can change, with the defaults."""

from typing import Literal

import msgspec


class Conditional(msgspec.Struct, forbid_unknown_fields=True):
    """`required` must have a value where `property` has the value `value`."""

    type: str
    property: str
    value: str
    required: str


class HubSpotSettings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Limits of the simulated portal, and one switch per disputed behaviour (the default is the stricter reading)."""

    tier: Literal["free", "starter", "professional", "enterprise", "limit_increase"] = "professional"
    per_ten_seconds: int | None = None
    """Requests per token in ten seconds; None takes the tier's figure."""
    daily: int | None = None
    """Requests per account and day; None takes the tier's figure."""
    association_daily: int | None = None
    """Requests to the association routes per account and day; None takes the tier's figure."""
    time_zone: str = "US/Eastern"
    """The portal's, in which its day begins."""
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
    partial_upsert_by_email: bool = True
    """Whether batch/upsert by email takes rows whose properties lack the address; the guide can be read either way."""
    create_conflict: Literal["new", "old"] = "new"
    """The form of the 409 to a single create; the old one, with `identityProfile`, is still seen."""
    upsert_conflict: Literal["whole", "row"] = "whole"
    """Whether an address owned by another record refuses the whole upsert with 409, or that row alone."""
    merge_new_id: bool = True
    """Whether the survivor of a merge gets a new id, or keeps the primary's, as in HubSpot's beta."""
    search_lag: float = 5.0
    """Seconds until a write is found by search; reading by id or key sees it at once."""
    association_inputs: int = 2000
    """Most inputs of a batch that makes associations: documented 2,000, one report says 100."""
    scopes_shape: Literal["errors", "context"] = "errors"
    """Where a 403 names the scopes: in `errors`, as documented, or in `context`, as recorded on schemas."""
    rules_on_older_paths: bool = True
    """Whether `required_on_form` and `conditional` hold on paths before 2026-09 too; three readings disagree."""
    required_on_form: dict[str, list[str]] = {}
    """Properties that an admin made required on the create form, by object type."""
    conditional: list[Conditional] = []
    """Properties that an admin made required for some values of others."""
    bare_errors: float = 0.0
    """Share of error bodies that lose some of their fields, all of which are optional."""
    import_seconds: float = 2.0
    """How long an import is STARTED, and how long PROCESSING at the least."""
    import_fate: Literal["done", "deferred", "failed", "reverted"] = "done"
    """What becomes of imports: `deferred` never start, `failed` and `reverted` end half way."""
    import_bad_value: Literal["row", "value"] = "row"
    """What a bad value in an import keeps from being written: its row, or only itself."""
    imports_daily: int | None = None
    """Imports per day; None takes the tier's figure."""
    oauth_expires_in: int = 1800
    """Life of an access token in seconds."""


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
        return msgspec.convert(msgspec.to_builtins(merged), Settings)
