"""Reading the `syncs` of a target's settings, or of a file of our own, into Sync values.

Meltano changes settings on their way (keys split at dots, nulls vanish, `$NAME` expands), so the same text
may stand in a file named by `syncs_file`. Every mistake is named at once, with the nearest right name.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import yaml

from penstock.errors import Misconfigured
from penstock.modes import MODES, NEVER, REMOVALS, Action, FieldRule, Guards, Json, Link, Strategy, Sync
from penstock.records import Abilities
from penstock.relations import WRITING

SYNC_KEYS = (
    "object",
    "match",
    "mode",
    "removed",
    "fields",
    "nulls",
    "associate",
    "guards",
    "max_rejected_share",
    "bulk_above",
    "bulk_serial",
)
RULE_KEYS = ("from", "constant", "nulls", "when")
LINK_KEYS = ("object", "from", "match", "sync", "label", "missing", "nulls", "when")
MISSING = ("reject", "skip", "create")
NULLS = ("clear", "skip")
WHEN = ("always", "created", "empty")
CHANGES = ("added", "changed", "removed", "unchanged")
SENDING = ("nothing", "upsert", "update", "create", "append", "delete")
"""what a strategy may do with a row that is in the source"""
REMOVED = {"ignore": Action.NOTHING, "archive": Action.ARCHIVE, "delete": Action.DELETE, "clear": Action.CLEAR}
"""what a sync may do with a row that has left the source"""
GUARDS = ("max_removed", "min_rows", "max_changed_share")


def nearest(name: str, names: Iterable[str]) -> str:
    """Return ` (did you mean X?)` for the nearest of the names, or nothing."""
    # Without case: warehouses that write FIRST_NAME for first_name are the commonest reason to ask.
    by_folded = {each.casefold(): each for each in names}
    found = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return f" (did you mean {by_folded[found[0]]!r}?)" if found else ""


def load_syncs(inline: object, file: str | None, root: Path) -> dict[str, Sync]:
    """Read the syncs of a target, by stream. A relative `file` is meant from `root`.

    Raises Misconfigured with every mistake found.
    """
    if file:
        if inline:
            raise Misconfigured("settings syncs and syncs_file are both given; use one of them")
        path = root / file
        try:
            raw = yaml.safe_load(path.read_text("utf-8"))
        except OSError as error:
            raise Misconfigured(f"setting syncs_file: cannot read {path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise Misconfigured(f"setting syncs_file: {path} is not text in UTF-8") from error
        except yaml.YAMLError as error:
            mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
            where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
            why = f": {problem}" if problem else ""
            raise Misconfigured(f"setting syncs_file: {path} is not valid YAML{where}{why}") from error
        if isinstance(raw, dict) and set(raw) == {"syncs"}:
            raw = raw["syncs"]
        return parse_syncs(raw, f"{file}: ")
    return parse_syncs(inline if inline is not None else {}, "setting syncs: ")


def parents_by_job(syncs: Mapping[str, Sync]) -> list[str]:
    """Return the syncs that would travel by jobs and with whose rows other syncs are linked, by their row keys."""
    parents = {link.sync for sync in syncs.values() for link in sync.links}
    return [name for name, sync in syncs.items() if name in parents and sync.bulk_above not in (None, NEVER)]


def check_overlaps(syncs: Iterable[Sync]) -> None:
    """Refuse two syncs that write one field of one object: each would undo the other, and call itself unchanged.

    Raises Misconfigured. The match fields may be shared: they say which object is meant.
    """
    writers = Writers()
    mistakes = [m for sync in syncs for m in writers.overlaps(sync.stream, sync.object, sync.fields or {}, sync.match)]
    if mistakes:
        raise Misconfigured(mistakes, ONE_WRITER)


ONE_WRITER = "leave each field to one sync"


class Writers:
    """Which stream writes which field of which object."""

    def __init__(self) -> None:
        self._streams: dict[tuple[str, str], str] = {}

    def overlaps(self, stream: str, object_name: str, fields: Iterable[str], match: str | None) -> list[str]:
        """Note what a stream writes; return a mistake for each field that another one writes already."""
        mistakes = []
        for name in fields:
            first = stream if name == match else self._streams.setdefault((object_name, name), stream)
            if first != stream:
                mistakes.append(f"syncs {first} and {stream} both write {name!r} of {object_name}")
        return mistakes


def parse_syncs(raw: object, where: str = "") -> dict[str, Sync]:
    """Read syncs from a mapping of stream names. Raises Misconfigured with every mistake found."""
    if not isinstance(raw, dict):
        raise Misconfigured(f"{where}expected streams with their syncs, one `stream: {{object: …}}` each")
    mistakes: list[str] = []
    syncs = {str(stream): _parse_sync(str(stream), spec, where, mistakes) for stream, spec in raw.items()}
    for sync in syncs.values():
        mistakes += [
            f"{where}{sync.stream}.associate.sync: there is no sync {link.sync!r}{nearest(link.sync, syncs)}"
            for link in sync.links
            if link.sync is not None and link.sync not in syncs
        ]
    if mistakes:
        raise Misconfigured(mistakes)
    return syncs


def _parse_sync(stream: str, spec: object, where: str, mistakes: list[str]) -> Sync:
    at = f"{where}{stream}"
    if not isinstance(spec, dict):
        mistakes.append(f"{at}: expected options such as object, match and fields")
        return Sync(stream, stream)
    _unknown_keys(at, spec, SYNC_KEYS, mistakes)
    if not set(spec) & set(SYNC_KEYS) and any(isinstance(v, dict) and set(v) & set(SYNC_KEYS) for v in spec.values()):
        mistakes.append(f"{at}: a stream name with a dot was split on its way; write it as `{stream}\\.…`")
    nulls = _one_of(f"{at}.nulls", spec.get("nulls", "clear"), NULLS, mistakes)
    strategy = _parse_strategy(at, spec, mistakes)
    links = _parse_links(f"{at}.associate", spec["associate"], mistakes) if "associate" in spec else ()
    if any(link.missing == "create" for link in links) and not {Action.UPSERT, Action.CREATE} & strategy.actions:
        mistakes.append(
            f"{at}.associate: `missing: create` creates objects, and this sync creates nothing; use `reject` or `skip`"
        )
    return Sync(
        stream=stream,
        object=_text(f"{at}.object", spec.get("object", stream), mistakes),
        match=_text(f"{at}.match", spec["match"], mistakes) if "match" in spec else None,
        fields=_parse_fields(at, spec["fields"], mistakes) if "fields" in spec else None,
        nulls=nulls,
        max_rejected_share=_share(f"{at}.max_rejected_share", spec.get("max_rejected_share", 0.1), mistakes, 0.1),
        strategy=strategy,
        guards=_parse_guards(at, spec["guards"], mistakes) if "guards" in spec else Guards(),
        links=links,
        bulk_above=_threshold(f"{at}.bulk_above", spec.get("bulk_above"), mistakes),
        bulk_serial=_flag(f"{at}.bulk_serial", spec.get("bulk_serial", False), mistakes),
    )


def _parse_links(at: str, raw: object, mistakes: list[str]) -> tuple[Link, ...]:
    if not isinstance(raw, list) or not raw or not all(isinstance(each, dict) for each in raw):
        mistakes.append(
            f"{at}: expected a list of links such as {{object: companies, match: account_key, from: column}}"
        )
        return ()
    links = tuple(_parse_link(f"{at}[{n}]", each, mistakes) for n, each in enumerate(raw))
    names = [link.name for link in links]
    mistakes += [
        f"{at}: {name!r} is named twice; give each its own label" for name in {*names} if names.count(name) > 1
    ]
    return links


def _parse_link(at: str, raw: Mapping[object, object], mistakes: list[str]) -> Link:
    _unknown_keys(at, raw, LINK_KEYS, mistakes)
    given = {key: _text(f"{at}.{key}", raw[key], mistakes) for key in ("match", "sync", "label") if key in raw}
    if "match" in given and "sync" in given:
        mistakes.append(f"{at}: `match` and `sync` both say how the other object is found; use one of them")
    missing = _one_of(f"{at}.missing", raw.get("missing", "reject"), MISSING, mistakes)
    if missing == "create" and "match" not in given:
        mistakes.append(f"{at}.missing: an object can only be created by a `match`")
    return Link(
        object=_text(f"{at}.object", raw.get("object"), mistakes),
        column=_text(f"{at}.from", raw.get("from"), mistakes),
        missing=missing,
        nulls=_one_of(f"{at}.nulls", raw["nulls"], NULLS, mistakes) if "nulls" in raw else None,
        when=_one_of(f"{at}.when", raw.get("when", "always"), WHEN[:2], mistakes),
        **given,
    )


def _parse_strategy(at: str, spec: Mapping[object, object], mistakes: list[str]) -> Strategy:
    """Read `mode`, a name or a strategy of the user's own, and `removed`, which overrides one of its actions."""
    mode = spec.get("mode", "upsert")
    removed = spec.get("removed")
    if isinstance(mode, dict):
        _unknown_keys(f"{at}.mode", mode, CHANGES, mistakes)
        added, changed, unchanged = (
            Action(_one_of(f"{at}.mode.{change}", mode.get(change, "nothing"), SENDING, mistakes))
            for change in ("added", "changed", "unchanged")
        )
        strategy = Strategy(added, changed, Action.NOTHING, unchanged)
        removed = removed if removed is not None else mode.get("removed")
    else:
        strategy = MODES[_one_of(f"{at}.mode", mode, tuple(MODES), mistakes)]
    if removed is None:
        return strategy
    return replace(strategy, removed=REMOVED[_one_of(f"{at}.removed", removed, tuple(REMOVED), mistakes)])


def _parse_guards(at: str, raw: object, mistakes: list[str]) -> Guards:
    at = f"{at}.guards"
    if not isinstance(raw, dict):
        mistakes.append(f"{at}: expected {', '.join(GUARDS)}")
        return Guards()
    _unknown_keys(at, raw, GUARDS, mistakes)
    most = raw.get("max_removed")
    share: float | None = None
    if isinstance(most, str) and most.endswith("%") and most[:-1].replace(".", "", 1).isdigit():
        share, most = min(float(most[:-1]) / 100, 1.0), None
    changed = raw.get("max_changed_share")
    return Guards(
        max_removed=_count(f"{at}.max_removed", most, mistakes, ' or a share such as "5%"'),
        max_removed_share=share,
        min_rows=_count(f"{at}.min_rows", raw.get("min_rows"), mistakes),
        max_changed_share=None if changed is None else _share(f"{at}.max_changed_share", changed, mistakes, 1.0),
    )


def _count(at: str, value: object, mistakes: list[str], other: str = "") -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    mistakes.append(f"{at}: expected a whole number of rows{other}")
    return None


def _threshold(at: str, value: object, mistakes: list[str]) -> int | None:
    return NEVER if value == "never" else _count(at, value, mistakes, ", or never")


def _flag(at: str, value: object, mistakes: list[str]) -> bool:
    if not isinstance(value, bool):
        mistakes.append(f"{at}: expected true or false")
    return value is True


def check_abilities(
    sync: Sync, abilities: Abilities, by_job: Iterable[Action] = (), *, job_options: Collection[str] = ()
) -> None:
    """Refuse what the destination cannot do. Raises Misconfigured.

    `by_job` is what it can do in bulk, `job_options` are the options of a sync that it knows there.
    """
    needed = set(sync.strategy.actions)
    if sync.looks_first:
        needed |= {Action.FIND, Action.READ}
    if sync.links:
        needed |= {Action.LINK, Action.UNLINK} if needed & WRITING else set()  # an append only says whose it is
        needed |= {Action.RESOLVE} if any(link.match for link in sync.links) else set()
    missing = _in_words(needed - abilities.actions)
    if missing:
        raise Misconfigured(
            f"sync {sync.stream}: this target does not know how to {', '.join(missing)} {sync.object}; "
            f"what it knows is {', '.join(_in_words(abilities.actions - _STEPS))}",
            "use a mode that needs nothing else",
        )
    if sync.bulk_above not in (None, NEVER):
        _check_bulk(sync, sorted({action.value for action in by_job}), linked="associate" in job_options)
    if sync.bulk_serial and "bulk_serial" not in job_options:
        raise Misconfigured(
            f"sync {sync.stream}: this target has no serial jobs for {sync.object}; leave bulk_serial out"
        )
    if sync.guards.of_removals and sync.strategy.removed not in REMOVALS:
        raise Misconfigured(
            f"sync {sync.stream}: its guards are about removals, and it removes nothing",
            "set `removed: archive` or `mode: mirror`, or leave max_removed and min_rows out",
        )


_STEPS = frozenset({Action.FIND, Action.READ, Action.LINK, Action.UNLINK, Action.RESOLVE, Action.SURVEY})
"""actions that no sync names"""


def _in_words(actions: Iterable[Action]) -> list[str]:
    """Name actions as a sync does, which knows nothing of the steps towards them."""
    words = {Action.FIND: "look first (`when`)", Action.READ: "look first (`when`)"}
    words |= dict.fromkeys((Action.LINK, Action.UNLINK, Action.RESOLVE), "link (`associate`)")
    return sorted({words.get(action, action.value) for action in actions})


def _check_bulk(sync: Sync, by_job: list[str], *, linked: bool) -> None:
    if not by_job:
        raise Misconfigured(f"sync {sync.stream}: this target has no jobs for {sync.object}; leave bulk_above out")
    if sync.links and not linked:
        raise Misconfigured(
            f"sync {sync.stream}: rows that are linked with others cannot travel by a job; "
            "leave bulk_above or associate out"
        )
    if sync.strategy.added.value not in by_job:
        raise Misconfigured(
            f"sync {sync.stream}: what jobs of this target can do is {', '.join(by_job)}, "
            f"and the sync's new rows want to {sync.strategy.added.value}; leave bulk_above out, or use another mode"
        )


def _parse_fields(at: str, raw: object, mistakes: list[str]) -> Mapping[str, FieldRule]:
    if not isinstance(raw, dict) or not raw:
        mistakes.append(f"{at}.fields: expected `destination_field: source_column` pairs")
        return {}
    return {str(name): _parse_rule(f"{at}.fields.{name}", rule, mistakes) for name, rule in sorted(raw.items())}


def _parse_rule(at: str, rule: object, mistakes: list[str]) -> FieldRule:
    if isinstance(rule, str):
        return FieldRule(rule)
    if not isinstance(rule, dict):
        mistakes.append(f"{at}: expected a column name or a rule such as {{from: column}} or {{constant: value}}")
        return FieldRule(None)
    _unknown_keys(at, rule, RULE_KEYS, mistakes)
    if ("from" in rule) == ("constant" in rule):
        mistakes.append(f"{at}: expected exactly one of `from` and `constant`")
        return FieldRule(None)
    nulls = _one_of(f"{at}.nulls", rule["nulls"], NULLS, mistakes) if "nulls" in rule else None
    when = _one_of(f"{at}.when", rule.get("when", "always"), WHEN, mistakes)
    if "from" in rule:
        return FieldRule(_text(f"{at}.from", rule["from"], mistakes), nulls=nulls, when=when)
    constant: Json = rule["constant"]
    if constant is None or isinstance(constant, dict | list):
        mistakes.append(f"{at}.constant: expected text, a number, true or false")
        return FieldRule(None)
    return FieldRule(None, constant, nulls, when)


def _unknown_keys(at: str, spec: Mapping[object, object], known: tuple[str, ...], mistakes: list[str]) -> None:
    mistakes += [
        f"{at}.{key}: unknown option{nearest(str(key), known)}; known are {', '.join(known)}"
        for key in spec
        if key not in known
    ]


def _one_of(at: str, value: object, allowed: tuple[str, ...], mistakes: list[str]) -> str:
    if isinstance(value, str) and value in allowed:
        return value
    guess = nearest(value, allowed) if isinstance(value, str) else ""
    mistakes.append(f"{at}: expected {' or '.join(allowed)}{guess}")
    return allowed[0]


def _text(at: str, value: object, mistakes: list[str]) -> str:
    if isinstance(value, str) and value.strip():
        return value
    mistakes.append(f"{at}: expected a name")
    return ""


def _share(at: str, value: object, mistakes: list[str], otherwise: float) -> float:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    mistakes.append(f"{at}: expected a number between 0 and 1")
    return otherwise
