"""A model described, or all of its mistakes: a warehouse stops at the first, a person wants to mend them in one go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tap_warehouse.errors import ConfigurationError
from tap_warehouse.models import Model, nearest
from tap_warehouse.warehouse import Column, Warehouse


def described_or_not(warehouse: Warehouse, model: Model) -> tuple[tuple[Column, ...], list[str]]:
    """Describe a model. Gives its columns, and every mistake in its options, not only the first."""
    problems = []
    if model.where is not None and not _is_one_condition(warehouse, model):
        problems.append(_told(model, "where must be one condition; its parentheses do not match."))
    try:
        columns = warehouse.describe(model)
    except ConfigurationError as error:
        return (), _mistakes(warehouse, model, problems) or list(error.problems)
    return columns, [*_unknown(model, [column.name for column in columns]), *problems]


def _is_one_condition(warehouse: Warehouse, model: Model) -> bool:
    """Tell a condition from text that closes the parenthesis around it, such as `a = 1) or (1 = 1`.

    What is no expression by itself cannot stand both in plain parentheses, as `describe` has it, and in a cast. So the
    warehouse's own parser decides, which knows its quotes and comments. False also where the condition is refused.
    """
    try:
        warehouse.describe(replace(model, where=f"cast(\n{model.where}\n as boolean)"))
    except ConfigurationError:
        return False
    return True


def _mistakes(warehouse: Warehouse, model: Model, unlike_one: Sequence[str]) -> list[str]:
    """Find what is wrong with a model that cannot be described: its source, or each option by itself.

    `unlike_one` is what to say of a `where` that is not refused.
    """
    bare = replace(model, primary_key=(), columns=None, where=None)
    try:
        names = [column.name for column in warehouse.describe(bare)]
    except ConfigurationError as error:
        return list(error.problems)  # without a source there is nothing to compare options with
    problems = list(_unknown(model, names))
    known = {name.casefold() for name in names}
    kept = None if model.columns is None else tuple(name for name in model.columns if name.casefold() in known)
    keys = {*model.primary_key, model.replication_key}
    problems += (
        _told(model, f"columns: {name!r} is not a column of it.{nearest(name, names)}")
        for name in model.columns or ()
        if name not in keys and name.casefold() not in known
    )
    attempts = [
        replace(bare, primary_key=model.primary_key),
        *([replace(bare, columns=kept)] if kept else []),
    ]
    for attempt in attempts:
        problems += _refused(warehouse, attempt)
    if model.where is not None:
        problems += _refused(warehouse, replace(bare, where=model.where)) or unlike_one
    return problems


def _refused(warehouse: Warehouse, model: Model) -> Sequence[str]:
    try:
        warehouse.describe(model)
    except ConfigurationError as error:
        return error.problems
    return ()


def _unknown(model: Model, names: Sequence[str]) -> Iterator[str]:
    """Find the options that name a column which is not there."""
    wanted: list[tuple[str, str]] = [("primary_key", key) for key in model.primary_key]
    wanted += [("replication_key", model.replication_key)] if model.replication_key is not None else []
    columns = {name.casefold() for name in (names if model.columns is None else model.columns)}
    chosen = [name for name in names if name.casefold() in columns]
    found = [(option, key, names) for option, key in wanted]
    found += [("order_by", key, chosen) for key in model.order_by]
    for option, key, known in found:
        if key not in known:
            yield _told(model, f"{option} {key!r} is not a column of it.{nearest(key, known)}")


def _told(model: Model, problem: str) -> str:
    return f"model {model.name!r}: {problem}"
