"""The way out of a row: what must never pass in silence."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from penstock.batching import Lanes
from penstock.checkpoint import Checkpoint
from penstock.ledger import Ledger
from penstock.modes import Action
from penstock.records import Batch
from penstock.settlement import Settlement
from tests.core import places
from tests.core.sim import ABILITIES, SYNC


def test_a_batch_that_was_never_about_to_be_sent_cannot_be_over(tmp_path: Path) -> None:
    with closing(Ledger(places.at(tmp_path / "l.db"))) as ledger:
        settlement = Settlement(ledger, Checkpoint(), Lanes())
        opened = settlement.open(SYNC, b"mapping", b"rules", ABILITIES)
        with pytest.raises(AssertionError, match="never about to be sent"):
            settlement.close_intent(opened, Batch(SYNC, Action.UPSERT, []), [])
