"""When a STATE may be printed: once everything read before it is settled.

A deque of epochs. Reading a record adds one to the last epoch, which is the record's receipt; a STATE
closes the epoch; settling a record subtracts one. Epochs whose count is 0 are released from the left,
and the newest STATE released is the one to print. That is the whole of the guarantee, so nothing else
lives here: no clock, no output, no ledger.
"""

from __future__ import annotations

from collections import deque


class Epoch:
    """The records between two STATEs: how many are unsettled, and the STATE line that closes them."""

    __slots__ = ("state", "unsettled")

    def __init__(self) -> None:
        self.unsettled = 0
        self.state: bytes | None = None


class Checkpoint:
    """Counts what is unsettled, in the order of reading."""

    def __init__(self) -> None:
        self._epochs: deque[Epoch] = deque([Epoch()])
        self._released: bytes | None = None
        self.unsettled = 0

    def read(self, records: int = 1) -> Epoch:
        """Count records as read and return their common receipt."""
        epoch = self._epochs[-1]
        epoch.unsettled += records
        self.unsettled += records
        return epoch

    def close(self, state: bytes) -> None:
        """Take a STATE line as read: it waits for everything before it."""
        self._epochs[-1].state = state
        self._epochs.append(Epoch())

    def settle(self, epoch: Epoch, records: int = 1) -> None:
        """Count records of a receipt as settled.

        Raises AssertionError when more is settled than was read: a defect of ours that must never pass.
        """
        epoch.unsettled -= records
        self.unsettled -= records
        if epoch.unsettled < 0:
            raise AssertionError("settled more records than were read")

    def release(self) -> bytes | None:
        """Return the newest STATE line that is earned and was not returned before."""
        while len(self._epochs) > 1 and self._epochs[0].unsettled == 0:
            self._released = self._epochs.popleft().state
        released, self._released = self._released, None
        return released
