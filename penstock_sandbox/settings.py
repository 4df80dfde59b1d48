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


class SalesforceSettings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Limits of the simulated org, and one switch per disputed behaviour (the default is the stricter reading)."""

    daily: int = 100_000
    """API calls in any 24 hours."""
    app_daily: int | None = None
    """A quota of the connected app's own, shown in the limit header beside the org's."""
    limit_lag: float = 0.0
    """Seconds by which `/limits` and the limit header are behind the truth; the real ones by up to 300."""
    batches_daily: int = 15_000
    """Bulk batches in any 24 hours, of both Bulk APIs together."""
    concurrent_long: int = 25
    """How many long requests may be in flight; 5 in a Developer Edition."""
    long_request_ms: float = 20_000.0
    """From what latency on a request is a long one."""
    session_seconds: float = 7200.0
    """How long a session lives without being used."""
    session_requests: int | None = None
    """After how many requests a session minted from now on is over."""
    rotate_refresh_tokens: bool = False
    """Whether a refresh gives a new refresh token and ends the old one."""
    password_logins: bool = True
    """Whether the user name and password flow is allowed; new orgs block it."""
    versions: tuple[int, int] = (31, 67)
    """The oldest and the newest API version served."""
    bad_value: Literal["request", "row"] = "request"
    """What a value that cannot be read refuses in a Collections call: all of it, or its row."""
    duplicates_in_job: Literal["fail", "apply"] = "apply"
    """Rows of one key in different internal batches of a Bulk 2.0 job: the later ones fail, or are applied in turn."""
    bulk_seconds: float = 0.0
    """How long a closed Bulk job waits in its queue."""
    bulk_rows_per_second: float = 0.0
    """How fast a Bulk job is worked off on the sandbox clock; 0 is as fast as the machine can."""
    bulk_fate: Literal["done", "failed", "half", "stuck", "queued"] = "done"
    """What becomes of Bulk 2.0 jobs: `failed` at once, `half` way; `stuck` InProgress or `queued` for ever."""
    upload_bytes: int = 112_500_000
    """The largest upload of a Bulk 2.0 job: 150 MB after base64."""
    jobs_page: int = 1000
    """Jobs of a page of their list."""
    batch_size: int = 10_000
    """Rows of an internal batch of Bulk 2.0."""
    lock_fights: float = 0.0
    """Share of the rows that fail for their parent's lock, where rows of one parent are in several chunks of a job."""
    gzip_answers: bool = True
    """Whether answers are compressed for clients that accept it."""
    shuffle: bool = True
    """Whether Bulk 2.0 results are in another order than the upload."""


class IntercomSettings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Limits of the simulated workspace, and a switch per disputed behaviour (the default is the stricter reading)."""

    region: Literal["US", "EU", "AU"] = "US"
    """Where the workspace lives; at the hosts of the other regions its tokens are unknown."""
    time_zone: str = "America/Los_Angeles"
    """The workspace's, in which searches for dates count days."""
    default_version: str = "2.8"
    """The version of requests that name none: the app's own setting."""
    per_ten_seconds: int = 1667
    """Calls of an app in a window of ten seconds, a sixth of 10,000."""
    workspace_per_ten_seconds: int = 4167
    """Calls of all apps of the workspace in a window, a sixth of 25,000."""
    other_apps: int = 0
    """Calls that other apps of the workspace make in every window."""
    search_lag: float = 60.0
    """Seconds until a write is found by search; reading by id or external id sees it at once."""
    unique_email: bool = True
    """Whether the address of a user is refused to another user; Intercom's staff says it is not unique."""
    archived_contacts: Literal["hidden", "writable"] = "hidden"
    """Whether an archived contact is 404 until it is unarchived, or can be read and written by id."""
    wrong_type: Literal["refuse", "coerce"] = "refuse"
    """What a value of another type than its field does."""
    request_ids: Literal["mixed", "uuid"] = "mixed"
    """Whether the `request_id` of errors takes every form that was seen."""
    event_memory: float | None = None
    """Seconds for which an event is remembered, so that its repetition is dropped; None is for ever, 0 not at all."""
    bulk_seconds: float = 2.0
    """How long a bulk job runs after its last task came in."""
    bulk_fate: Literal["done", "errors", "stuck"] = "done"
    """What becomes of bulk jobs: `errors` refuse an item of every task, `stuck` ones never end."""
    bulk_items: int = 100
    """Most items of a bulk request; a later client says 1,000 for some."""


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
    salesforce: SalesforceSettings = msgspec.field(default_factory=SalesforceSettings)
    org: bytes = b""
    """what the simulated org begins with: JSON as `POST /_sandbox/salesforce/seed` takes it; nothing where empty"""
    intercom: IntercomSettings = msgspec.field(default_factory=IntercomSettings)

    def patched(self, patch: dict[str, object]) -> "Settings":
        """Return a copy with some values replaced; those of one vendor are merged, not replaced.

        Raises msgspec.ValidationError for an unknown name or a wrong type.
        """
        merged: dict[str, object] = {**msgspec.structs.asdict(self), **patch}
        for vendor in ("hubspot", "salesforce", "intercom"):
            have, part = getattr(self, vendor), patch.get(vendor)
            if isinstance(part, dict):
                merged[vendor] = {**msgspec.structs.asdict(have), **part}
        return msgspec.convert(msgspec.to_builtins(merged), Settings)
