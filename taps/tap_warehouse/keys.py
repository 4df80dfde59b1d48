"""What is done with rows whose primary key is null or stands in several rows: counted in the warehouse, never silent.

`reject` emits them for the target to refuse and to show, `fail` stops the stream before its first row, `first` and
`last` keep one row of each key. A row with a null in its key is emitted as it is. One of a repeated key carries a
reason in the column REFUSED, because by its key alone a target would take it for a newer version of the other.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from tap_warehouse.errors import Guarded, OutOfMemory
from tap_warehouse.models import Model
from tap_warehouse.snapshots import Settled
from tap_warehouse.statements import Shape, Statements
from tap_warehouse.warehouse import Column, Read, Warehouse

REFUSED = Column("_penstock_refused", {"type": "string"})
"""the target core knows it by this name, and the reason by the text below"""
REPEATED_KEY = "repeated_key"


class KeyCheck:
    """The keys of one model in one run."""

    def __init__(self, warehouse: Warehouse, model: Model, shape: Shape, log: logging.Logger) -> None:
        self._warehouse = warehouse
        self._statements = Statements(warehouse.dialect, "")
        self._model = model
        self._shape = shape
        self._log = log
        self.null = 0
        """rows with a null in their key, as far as they were counted"""
        self.refused = False
        """rows of repeated keys are to be refused"""

    def saw(self, rows: int, keyed: int) -> None:
        """Take a count that cost nothing. Raises Guarded."""
        if rows - keyed in {0, self.null}:
            return
        self.null = rows - keyed
        text = f"{self.null} of {rows} rows have a null in the primary key"
        if self._model.null_keys == "fail":
            raise Guarded([f"model {self._model.name!r}: {text}, and null_keys is 'fail': nothing of it was emitted."])
        self._log.warning("%s: %s: they are emitted for the target to refuse", self._model.name, text)

    def settle(self) -> Settled | None:
        """Count all keys, and read the model so that each stands once. None: each does. Raises Guarded, ReadFault."""
        keys = [key.name for key in self._shape.keys]
        try:
            row = self._warehouse.rows(self._statements.key_counts(self._shape.relation, keys))[0]
        except OutOfMemory as error:
            if (self._model.null_keys, self._model.duplicate_keys) != ("reject", "reject"):
                raise
            self._log.warning("%s: too many keys to count in this much memory: %s", self._model.name, error)
            return None
        rows, null, repeated = (int(str(count)) for count in row)
        self.saw(rows, rows - null)
        return self._repeated(rows, repeated) if repeated else None

    def _repeated(self, rows: int, repeated: int) -> Settled:
        policy, name = self._model.duplicate_keys, self._model.name
        text = f"{repeated} of {rows} rows repeat a primary key"
        if policy == "fail":
            raise Guarded([f"model {name!r}: {text}, and duplicate_keys is 'fail': nothing of it was emitted."])
        if policy == "reject":
            self._log.warning("%s: %s: all rows of such keys are emitted for the target to refuse", name, text)
            self.refused = True
            return Settled(self._with(self._statements.alone(self._shape)), keep=True)
        self._log.warning("%s: %s: the %s of each key is taken", name, text, policy)
        chosen = self._statements.chosen(self._shape, self._model.order_by, last=policy == "last")
        return Settled(self._with(chosen), keep=False)

    def odd(self, fields: tuple[tuple[Column, str], ...]) -> tuple[Read, ...]:
        """Rows to emit for refusal, where the main read holds neither null nor repeated keys."""
        reads = []
        if self.null:
            quoted = self._warehouse.dialect.quoted
            null = " or ".join(f"m.{quoted(key.name)} is null" for key in self._shape.keys)
            reads.append(Read(self._shape.relation, fields, where=null))
        if self.refused:
            refused = (*fields, (REFUSED, self._warehouse.dialect.text(REPEATED_KEY)))
            reads.append(Read(self._statements.refused(self._shape), refused))
        return tuple(reads)

    def _with(self, relation: str) -> Shape:
        return replace(self._shape, relation=relation)
