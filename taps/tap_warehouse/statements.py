"""The SQL of change detection, the same for every warehouse but for what its dialect says.

Four kinds of tables lie in the state schema, their names made of hexadecimal ids:

* `snapshots`: the registry, a row for each base and each run;
* `base_ID`: key and hash of every row that some target has acknowledged, one for each pipeline and model. A hash is
  null where a row was emitted since and nobody knows whether it arrived: such a row is emitted again, changed or not;
* `found_S`: the keys that differ from the base, for a moment;
* `delta_S`: what run S emits, numbered in key order, with its values. The hash in it is of these very values, taken in
  the same statement, so that what comes to be remembered is what was emitted, whatever changes in the meantime.

Keys are called k0, k1, ..., the model's columns c0, c1, ...: no name of a user's can collide with ours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from tap_warehouse.dialect import Dialect
from tap_warehouse.warehouse import Column

RECIPE = 1
"""Version of what is hashed. Another one makes every row look changed, once."""

REGISTRY = (
    "kind",
    "id",
    "snapshot",
    "parent",
    "stream",
    "key_shape",
    "recipe",
    "gate",
    "row_count",
    "created_at",
    "named_at",
)
"""Columns of the registry; all text but `row_count`."""


@dataclass(frozen=True)
class Shape:
    """What is compared: a relation, its key columns and the columns that are emitted."""

    relation: str
    keys: tuple[Column, ...]
    columns: tuple[Column, ...]

    @property
    def recipe(self) -> str:
        """Tell what a hash was made of: another set of columns or types must not give an equal one."""
        parts = [RECIPE, [[column.name, column.type] for column in self.columns]]
        return hashlib.md5(json.dumps(parts).encode(), usedforsecurity=False).hexdigest()

    @property
    def key_shape(self) -> str:
        """Tell what a base's keys are; a base with others cannot be compared with."""
        return json.dumps([[column.name, column.type] for column in self.keys], ensure_ascii=True)


class Statements:
    """SQL texts for one state schema, given quoted."""

    def __init__(self, dialect: Dialect, schema: str) -> None:
        self._dialect = dialect
        self._schema = schema
        self.registry = f"{schema}.{dialect.quoted('snapshots')}"

    def table(self, kind: str, name: str) -> str:
        """Name a table of ours. `name` is hexadecimal."""
        return f"{self._schema}.{self._dialect.quoted(f'{kind}_{name}')}"

    # The model

    def found(self, table: str, shape: Shape, base: str) -> str:
        """Find the keys that were added, changed or removed since the base."""
        keys = names("k", shape.keys)
        both = ", ".join(f"coalesce(n.{key}, o.{key}) as {key}" for key in keys)
        same = " and ".join(f"n.{key} = o.{key}" for key in keys)
        return self._dialect.created(
            table,
            f"select {both}, "
            "case when o.k0 is null then 'added' when n.k0 is null then 'removed' else 'changed' end as op "
            f"from (select {self._keys(shape)}, {self._hash(shape)} as h "
            f"from {shape.relation} m where {self._keyed(shape)}) n "
            f"full outer join {base} o on {same} "
            "where n.k0 is null or o.k0 is null or o.h is null or n.h <> o.h",
        )

    def without(self, table: str, shape: Shape) -> str:
        """Take keys that the model holds more than once out of what was found: what was acknowledged of them stays."""
        return self._dialect.without(table, self.repeated(shape), names("k", shape.keys))

    def delta(self, table: str, shape: Shape, found: str | None) -> str:
        """Collect what was found, or the whole model, with its values."""
        keys = names("k", shape.keys)
        values = ", ".join(f"m.{self._dialect.quoted(c.name)} as c{at}" for at, c in enumerate(shape.columns))
        if found is None:
            order = ", ".join(f"m.{self._dialect.quoted(key.name)}" for key in shape.keys)
            return self._dialect.created(
                table,
                f"select row_number() over (order by {order}) as n, 'added' as op, {self._keys(shape)}, "
                f"{self._hash(shape)} as h, {values} from {shape.relation} m where {self._keyed(shape)}",
            )
        k = ", ".join(f"f.{key} as {key}" for key in keys)
        order = ", ".join(f"f.{key}" for key in keys)
        first = f"m.{self._dialect.quoted(shape.keys[0].name)}"
        same = " and ".join(
            f"m.{self._dialect.quoted(column.name)} = f.{key}" for key, column in zip(keys, shape.keys, strict=True)
        )
        return self._dialect.created(
            table,
            f"select row_number() over (order by {order}) as n, "
            f"case when {first} is null then 'removed' when f.op = 'removed' then 'changed' else f.op end as op, {k}, "
            f"{self._hash(shape)} as h, {values} from {found} f left join {shape.relation} m on {same} "
            f"where {first} is not null or f.op <> 'added'",
        )

    def total(self, shape: Shape) -> str:
        """Count rows, and those with a whole key."""
        keyed = f"coalesce(sum(case when {self._keyed(shape)} then 1 else 0 end), 0)"
        return f"select count(*), {keyed} from {shape.relation} m"

    def key_counts(self, relation: str, keys: Sequence[str]) -> str:
        """Count rows, rows with a null in their key, and rows beyond the first of a key."""
        k = ", ".join(f"m.{self._dialect.quoted(key)} as k{at}" for at, key in enumerate(keys))
        grouped = ", ".join(f"k{at}" for at in range(len(keys)))
        null = " or ".join(f"k{at} is null" for at in range(len(keys)))
        return (
            f"select coalesce(sum(r), 0), coalesce(sum(case when {null} then r else 0 end), 0), "
            f"coalesce(sum(case when {null} then 0 else r - 1 end), 0) "
            f"from (select {grouped}, count(*) as r from (select {k} from {relation} m) g group by {grouped}) c"
        )

    def repeated(self, shape: Shape) -> str:
        """Select the keys that the model holds more than once."""
        grouped = ", ".join(names("k", shape.keys))
        return (
            f"select {grouped} from (select {self._keys(shape)} from {shape.relation} m where {self._keyed(shape)}) g "
            f"group by {grouped} having count(*) > 1"
        )

    def alone(self, shape: Shape) -> str:
        """Read the model without the rows of repeated keys."""
        return self._ranked(shape, "count(*)", "")

    def chosen(self, shape: Shape, order_by: Sequence[str], *, last: bool) -> str:
        """Read the model with one row of each key, the first or the last by some columns, then by all values."""
        direction = " desc" if last else ""
        by = [f"m.{self._dialect.quoted(name)}{direction}" for name in order_by] + [self._hash(shape)]
        return self._ranked(shape, "row_number()", f" order by {', '.join(by)}")

    def refused(self, shape: Shape) -> str:
        """Read the rows of repeated keys."""
        return self._ranked(shape, "count(*)", "", "> 1")

    def _ranked(self, shape: Shape, window: str, order: str, wanted: str = "= 1") -> str:
        """Keep rows by a number within their key. Rows with a null in it are somebody else's business."""
        keys = ", ".join(f"m.{self._dialect.quoted(key.name)}" for key in shape.keys)
        rank = self._dialect.quoted("_penstock_rank")
        return (
            f"(select * from (select m.*, {window} over (partition by {keys}{order}) as {rank} "
            f"from {shape.relation} m where {self._keyed(shape)}) r where {rank} {wanted})"
        )

    def _keys(self, shape: Shape) -> str:
        return ", ".join(f"m.{self._dialect.quoted(key.name)} as k{at}" for at, key in enumerate(shape.keys))

    def _keyed(self, shape: Shape) -> str:
        return " and ".join(f"m.{self._dialect.quoted(key.name)} is not null" for key in shape.keys)

    def _hash(self, shape: Shape) -> str:
        values = [(f"m.{self._dialect.quoted(column.name)}", column.type) for column in shape.columns]
        return self._dialect.hashed(shape.recipe, values)

    # The state schema

    def install(self) -> list[str]:
        """Make schema and registry where they are missing."""
        v, i = self._dialect.varchar, self._dialect.bigint
        kinds = ", ".join(f"{name} {i if name == 'row_count' else v}" for name in REGISTRY)
        return [
            *self._dialect.schema_made(self._schema),
            f"create table if not exists {self.registry} ({kinds})",
        ]

    def entries(self) -> str:
        """Read the registry."""
        return f"select {', '.join(REGISTRY)} from {self.registry}"

    def entered(self, values: Sequence[str | int | None], counted: str | None = None) -> str:
        """Add a row to the registry, its values in the order of REGISTRY; with `counted`, that table's rows."""
        written = [
            "null" if value is None else str(value) if isinstance(value, int) else self._dialect.text(value)
            for value in values
        ]
        if counted is not None:
            written[REGISTRY.index("row_count")] = "count(*)"
            return f"insert into {self.registry} ({', '.join(REGISTRY)}) select {', '.join(written)} from {counted}"
        return f"insert into {self.registry} ({', '.join(REGISTRY)}) values ({', '.join(written)})"

    def became(self, snapshot: str, before: str, after: str, rows: int | None = None) -> str:
        """Change what a table of a run is. Updates one row, or none when another run was faster."""
        text = self._dialect.text
        counted = "" if rows is None else f", row_count = {rows}"
        return (
            f"update {self.registry} set kind = {text(after)}{counted} "
            f"where kind = {text(before)} and snapshot = {text(snapshot)}"
        )

    def superseded(self, identity: str) -> list[str]:
        """Let no state find a base any more, and no delta be acknowledged."""
        one = self._dialect.text(identity)
        return [
            self.struck("base", "id", identity),
            f"update {self.registry} set kind = 'spent' where kind = 'delta' and id = {one}",
        ]

    def struck(self, kind: str, column: str, name: str) -> str:
        """Remove a row of the registry."""
        text = self._dialect.text
        return f"delete from {self.registry} where kind = {text(kind)} and {column} = {text(name)}"

    def named(self, identity: str, now: str) -> str:
        """Remember that somebody still uses a base."""
        text = self._dialect.text
        return f"update {self.registry} set named_at = {text(now)} where kind = 'base' and id = {text(identity)}"

    def first_base(self, base: str, delta: str, keys: Sequence[str]) -> list[str]:
        """Make a base of a delta that holds the whole model."""
        return [self.dropped(base), self._dialect.created(base, f"select {', '.join(keys)}, h from {delta}")]

    def doubted(self, base: str, delta: str, keys: Sequence[str], after: int) -> list[str]:
        """Forget the hashes of rows that were emitted and may have arrived, and know those that the base did not."""
        same = " and ".join(f"b.{key} = d.{key}" for key in keys)
        names = ", ".join(keys)
        chosen = ", ".join(f"d.{key}" for key in keys)
        return [
            f"update {base} as b set h = null where exists (select 1 from {delta} d where {same} and d.n > {after})",
            f"insert into {base} ({names}) select {chosen} from {delta} d "
            f"where d.n > {after} and not exists (select 1 from {base} b where {same})",
        ]

    def acknowledged(self, base: str, delta: str, keys: Sequence[str], until: int | None) -> list[str]:
        """Bring rows of a delta into its base, those up to a position or all."""
        return self._dialect.acknowledged(base, delta, keys, until)

    def doubled(self, table: str, keys: Sequence[str]) -> str:
        """Count the keys that stand in a table more than once."""
        grouped = ", ".join(keys)
        return f"select count(*) from (select {grouped} from {table} group by {grouped} having count(*) > 1) c"

    def counted(self, table: str) -> str:
        """Count a table's rows."""
        return f"select count(*) from {table}"

    def by_operation(self, table: str, until: int | None = None) -> str:
        """Count the rows of what was found by what happened to them; of a delta, also up to a position."""
        part = "" if until is None else f" where n <= {until}"
        return f"select op, count(*) from {table}{part} group by op"

    def dropped(self, table: str) -> str:
        """Drop a table if it is there."""
        return f"drop table if exists {table}"


def names(letter: str, columns: Sequence[object]) -> list[str]:
    """Give our names for keys (k0, k1, ...) or columns (c0, c1, ...)."""
    return [f"{letter}{at}" for at in range(len(columns))]
