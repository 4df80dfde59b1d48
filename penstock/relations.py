"""The steps that tie a row's object to others: which object a value means, which links are missing, which are too many.

Pure functions over a Row, beside `steps`, which chooses among them. Before its object is written, every value of a
link is resolved to the id of the object that it means; after that, missing links are made and then the others, which
the row had and names no more, are taken away. A row is at its end when all of that is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from penstock.modes import Action, Link, Sync
from penstock.records import THEIRS, Payload, Row

RELATING = frozenset({Action.RESOLVE, Action.LINK, Action.UNLINK})
"""the steps by which a row is linked with others"""
OF_LINKS = RELATING | {Action.SURVEY}
"""the steps that are of a link of the row, and not of its object"""
WRITING = frozenset({Action.UPSERT, Action.UPDATE, Action.CREATE})


def generations(sync: Sync, syncs: Mapping[str, Sync], met: frozenset[str] = frozenset()) -> int:
    """Return how many syncs lie before this one, the rows of each linked with those of the one before it."""
    met |= {sync.stream}
    parents = [found for link in sync.links if link.sync not in met and (found := syncs.get(link.sync or ""))]
    return max((1 + generations(parent, syncs, met) for parent in parents), default=0)


def is_linked(row: Row) -> bool:
    """Tell whether the row has links to see to: it writes an object, or empties the fields of one that leaves."""
    return bool(row.sync.links) and (row.wanted in WRITING or row.wanted is Action.CLEAR)


def names_others(row: Row) -> bool:
    """Tell whether the row's links have to be resolved: also those of an append, which only say whose it is."""
    return is_linked(row) or (bool(row.sync.links) and row.wanted is Action.APPEND)


def links_inline(row: Row) -> bool:
    """Tell whether the row's links are fields of its own object, which are written with it."""
    return bool(row.sync.links) and row.mapper is not None and any(row.mapper.inline)


def links_alone(row: Row) -> bool:
    """Tell whether the row's object is as it should be already, and only its links are not."""
    known = row.known
    if row.wanted is Action.CLEAR or known is None or known.left or row.destination_id is None:
        return False
    if row.sync.strategy.unchanged is not Action.NOTHING or links_inline(row):
        return False  # its object is written whatever it holds
    return known.fingerprint is not None and known.fingerprint[:16] == row.fingerprint[:16] and not row.looked


def is_unfinished(row: Row) -> bool:
    """Tell whether an object is written and its links may not be, in a sync that does nothing with changed rows."""
    known, strategy = row.known, row.sync.strategy
    if not row.sync.links or known is None or strategy.changed is not Action.NOTHING:
        return False
    if strategy.added is Action.APPEND:
        return False  # no link of it is written
    return known.fingerprint is None or known.fingerprint == row.fingerprint[:16]


def was_created_by_us(row: Row) -> bool:
    """Tell whether the object of a row that is to be created is there because we have created it: links may be missing.

    An object that was found by looking after a send without an answer counts as ours.
    """
    if row.wanted is not Action.CREATE or row.destination_id is None:
        return False
    known = row.known
    return (known is not None and not known.left) or (row.looked and row.doubtful)


def to_resolve(row: Row) -> Iterator[tuple[int, Link, str]]:
    """Return the values whose objects are not known yet: place of the link, the link, the value."""
    for at, (link, values) in enumerate(zip(row.sync.links, row.links, strict=False)):
        for value in values or ():
            if (at, value) not in row.others:
                yield at, link, value


def outstanding(row: Row) -> Iterator[tuple[Action, int, str]]:
    """Return the links still to be made and then those to be taken away: place of the link, id of the other object."""
    away: list[tuple[Action, int, str]] = []
    if links_inline(row):
        return
    kept = _kept(row)
    for at, (link, values) in enumerate(zip(row.sync.links, row.links, strict=False)):
        if values is None:
            continue  # the record does not speak of it
        wanted = {other for value in values if (other := row.others.get((at, value)))}
        yield from ((Action.LINK, at, other) for other in sorted(wanted) if not row.linked.get((link.name, other)))
        had = sorted(other for (name, other), state in row.linked.items() if name == link.name and state != THEIRS)
        away += [(Action.UNLINK, at, other) for other in had if other not in wanted | kept.get(link.object, set())]
    yield from away


def _kept(row: Row) -> dict[str, set[str]]:
    """Return which others, by object, a row's links name at all, where all links with one are the same relation."""
    kept: dict[str, set[str]] = {}
    if row.mapper is None or row.mapper.abilities is None or not row.mapper.abilities.one_relation:
        return kept
    for at, (link, values) in enumerate(zip(row.sync.links, row.links, strict=False)):
        named = (row.others.get((at, value)) for value in values or ())
        spared = (other for name, other in row.linked if values is None and name == link.name)
        kept.setdefault(link.object, set()).update(other for other in (*named, *spared) if other)
    return kept


def found_there(row: Row, there: frozenset[str]) -> list[tuple[str, str]]:
    """Take it that the row's object was linked with these before; return those that the link in question names."""
    name = row.sync.links[row.link].name
    wanted = {other for value in row.links[row.link] or () if (other := row.others.get((row.link, value)))}
    theirs = [(name, other) for other in sorted(wanted & there) if (name, other) not in row.linked]
    row.surveyed |= {row.link}
    row.linked |= dict.fromkeys(theirs, THEIRS)
    return theirs


def not_named(row: Row) -> Iterator[tuple[str, str]]:
    """Return the links of others that the row names no more: they stay, and whoever names them next looks anew."""
    for at, (link, values) in enumerate(zip(row.sync.links, row.links, strict=False)):
        wanted = {row.others.get((at, value)) for value in values or ()}
        theirs = (other for (name, other), state in row.linked.items() if name == link.name and state == THEIRS)
        yield from ((link.name, other) for other in theirs if values is not None and other not in wanted)


def is_unseen(row: Row) -> bool:
    """Tell whether others may have made the link that is to be made next: then it is not the sync's to take away."""
    return row.link not in row.surveyed and (row.sync.links[row.link].name, row.other) not in row.linked


def name_by_key(row: Row) -> list[tuple[int, str]]:
    """Take values that are not resolved for what their objects are known by, and return their places.

    None are where a job cannot use one of them as it is.
    """
    names: dict[tuple[int, str], str | None] = {}
    for at, link, value in to_resolve(row):
        key = None if row.mapper is None else row.mapper.by_key[at]
        if key is None:
            return []
        names[at, value] = key_name(link.match, key[1](value))
    row.others |= names
    return [*names]


def key_name(field: str | None, value: str) -> str:
    """Write what the ledger knows an object by of which nobody has told the id."""
    return f"={field}={value}"


def others_of(row: Row) -> tuple[tuple[str, str], ...]:
    """Return for each link that the record speaks of its name and the other object; nothing where there is none."""
    return tuple(
        (link.name, (row.others.get((at, values[0])) or "") if values else "")
        for at, (link, values) in enumerate(zip(row.sync.links, row.links, strict=False))
        if values is not None
    )


def links_as_fields(row: Row, step: Action, *, by_job: bool = False) -> Payload:
    """Return the fields of a row's own object that its links are; not those whose other object is left out.

    In a job another object is named by its key wherever that can be done.
    """
    found: Payload = {}
    mapper = row.mapper
    if mapper is None:
        return found
    for at, (name, values) in enumerate(zip(mapper.inline, row.links, strict=False)):
        if name is None or values is None or (step is Action.UPDATE and name in mapper.made_with):
            continue
        other = row.others.get((at, values[0])) if values else None
        key = mapper.by_key[at] if by_job else None
        if other is not None or not values:
            found[key[0] if key else name] = (values[0] if key and values else other) or mapper.clear
    return found


def before(row: Row) -> Action | None:
    """Choose the step that must come before the row's object is written; None where there is none left."""
    found = next(to_resolve(row), None)
    if found is None:
        return None
    row.link, _, row.other = found
    return Action.RESOLVE


def after(row: Row) -> Action | None:
    """Choose the next step for an object that is written; None where its links are as they should be."""
    found = next(outstanding(row), None)
    if found is None:
        return None
    step, row.link, row.other = found
    return step


def next_step(row: Row, *, surveys: bool = False) -> Action | None:
    """Choose the next step of a row with links; None where that is to write its object.

    `surveys` says that the destination can tell what was linked before.
    """
    if not row.placed:
        step = before(row)
        if step is not None or not (links_alone(row) or was_created_by_us(row)):
            return step
        row.placed = True
    step = after(row) or Action.NOTHING
    return Action.SURVEY if step is Action.LINK and surveys and is_unseen(row) else step


def related(row: Row, step: Action) -> None:
    """Take it that the step has been done."""
    link = row.sync.links[row.link]
    if step is Action.LINK:
        row.linked[link.name, row.other] = True
    else:
        row.linked.pop((link.name, row.other), None)
