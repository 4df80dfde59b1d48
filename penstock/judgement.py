"""When refused rows are too many: then it is the mapping that is wrong, not the rows."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.counters import ENDS
from penstock.errors import TooManyRejects
from penstock.opensync import OpenSync
from penstock.policy import Policy


def hopeless(opened: OpenSync, policy: Policy) -> TooManyRejects | None:
    """Judge a sync in the middle of its run: its first rows must not all be refused."""
    good = sum(opened.counts[end] for end in ENDS if end not in ("invalid", "rejected"))
    if good or opened.refused - opened.excused < policy.hopeless or opened.sync.max_rejected_share == 1:
        return None
    return TooManyRejects(
        f"stream {opened.sync.stream}: the first {opened.refused} rows were all refused, the run stopped",
        "see `penstock rejects` for the reasons, and look at the mapping first",
    )


def too_many_rejects(syncs: Iterable[OpenSync], policy: Policy) -> TooManyRejects | None:
    """Judge a run that was read to its end by the share of rows, newly refused, that each sync allows."""
    for opened in syncs:
        counts, share = opened.counts, opened.sync.max_rejected_share
        refused = max(0, opened.refused - opened.absent - opened.repeated)
        attempted = refused + sum(counts[end] for end in ("created", "updated", "existing", "removed"))
        enough = refused >= policy.judged_from or share == 0
        if enough and refused > share * attempted:
            return TooManyRejects(
                f"stream {opened.sync.stream}: {refused} of {attempted} rows attempted were refused, "
                f"max_rejected_share is {share:g}",
                "see `penstock rejects` for the reasons; rows that were not refused were delivered",
            )
    return None
