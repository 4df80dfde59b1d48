"""How hard the properties are tried: `PENSTOCK_EXAMPLES` caps their examples, where they run a thousand times over."""

from __future__ import annotations

import os

CAP = int(os.environ.get("PENSTOCK_EXAMPLES", "0"))
"""0 for none; under a cap the examples are the same ones in every run"""


def examples(wanted: int) -> int:
    """Return how many examples a property gets."""
    return min(wanted, CAP) if CAP else wanted
