"""How hard the properties are tried: a part of their examples in `make test`, all of them in `make thorough`.

`PENSTOCK_EXAMPLES` caps them further, where they run a thousand times over.
"""

from __future__ import annotations

import os

CAP = int(os.environ.get("PENSTOCK_EXAMPLES", "0"))
"""0 for none; under a cap the examples are the same ones in every run"""
THOROUGH = "PENSTOCK_THOROUGH" in os.environ
"""`make thorough`: every test, and every example"""
PART = 1 if THOROUGH else 4
"""of so many parts, one is tried"""


def examples(wanted: int) -> int:
    """Return how many examples a property gets."""
    return min(wanted, CAP) if CAP else wanted


def histories(wanted: int) -> int:
    """Return how many examples a property gets that runs a whole history each time, which takes long."""
    return examples(max(1, wanted // PART))
