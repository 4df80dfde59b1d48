"""What to read: a model is the rows of one Singer stream and how they are to be read.

Plain values. `parsing` makes them of the settings; everything else only reads them.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Change = Literal["full", "incremental", "snapshot"]
NullKeys = Literal["reject", "fail"]
DuplicateKeys = Literal["reject", "fail", "first", "last"]


@dataclass(frozen=True)
class Table:
    """A table or view by its name: one to three parts, without quotes."""

    parts: tuple[str, ...]


@dataclass(frozen=True)
class Query:
    """SQL text of the user's; `origin` says in messages where it stands."""

    text: str
    origin: str


@dataclass(frozen=True)
class Model:
    """The rows to sync: one Singer stream. Column names are as written; whether they exist is the warehouse's word."""

    name: str
    source: Table | Query
    primary_key: tuple[str, ...]
    change: Change = "full"
    replication_key: str | None = None
    """Set exactly when `change` is incremental."""
    where: str | None = None
    """An SQL condition, as written: it may end in a comment. `diagnosis` refuses one that is more than that."""
    columns: tuple[str, ...] | None = None
    """Columns to emit, those of the primary key and the replication key included; None for all."""
    limit: int | None = None
    """Rows at most, for a trial run: such a run has not seen the whole model."""
    null_keys: NullKeys = "reject"
    duplicate_keys: DuplicateKeys = "reject"
    order_by: tuple[str, ...] = ()
    """Columns that say which row is `first` or `last` of those with one key; empty for the other policies."""
    max_changed_share: float | None = None
    """0 to 1, only with snapshot: a run that finds more of its rows changed stops before it emits one."""
    blocked: str | None = None
    """Why these rows must not be synced in this run, for instance a failed dbt test: a message for people."""
    sync_hint: str | None = None
    """`meta.penstock.sync` of a dbt model as JSON: how its author would sync it. Shown, never acted on."""


def narrowing(model: Model) -> str:
    """Name the options that are given of those that leave rows or columns out."""
    return " or ".join(option for option in ("columns", "where") if getattr(model, option) is not None)


def nearest(word: str, known: Collection[str]) -> str:
    """Hint at the known names that were probably meant; empty when none is near."""
    by_folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), by_folded, n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(by_folded[name]) for name in close)}?" if close else ""
