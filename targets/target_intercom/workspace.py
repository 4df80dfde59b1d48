"""What a workspace says of itself beside its attributes: teammates, subscription types. Each is asked for once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from penstock.bodies import Body, objects_in, within
from penstock.forms import named
from penstock.modes import Link
from penstock.records import Ask, Convert, Request
from penstock.values import NoOption, labelled, normalise_email, refuse, text
from target_intercom.permissions import needed
from target_intercom.refusals import answered, question

_ADMINS = Request("GET", "/admins")


class Workspace:
    """One workspace. `ask` travels with each question, and `at` says for whose sake it is asked."""

    def __init__(self) -> None:
        self._admins: tuple[Mapping[str, str], str] | None = None
        self._types: list[Body] | None = None
        self._reads_tags = False

    def teammate(self, ask: Ask, at: str, write: Convert) -> Convert:
        """Return a converter that takes ids and e-mail addresses of teammates; `write` is that of an id."""
        if self._admins is None:
            self._admins = self._read_admins(ask, at)
        ids, whose = self._admins

        def convert(value: object) -> object:
            if not isinstance(value, str) or "@" not in value:
                return write(value)
            if (known := ids.get(normalise_email(value))) is None:
                raise NoOption(f"is the address of none of {whose}", ids)
            return write(known)

        return convert

    @property
    def note(self) -> str:
        """Return what the user should know of fields that name teammates."""
        lacks = self._admins is not None and not self._admins[0]
        return f"teammates go by their ids alone, for want of the permission “{needed(_ADMINS)}”" if lacks else ""

    def may_read_tags(self, ask: Ask, at: str) -> None:
        """Hold that tags may be read, as they are before one is put on. Raises Misconfigured."""
        if not self._reads_tags:
            question(ask, Request("GET", "/tags"), "reading the tags", at)
            self._reads_tags = True

    def told(self, teammates: Iterable[str], links: Iterable[Link]) -> str:
        """Return what values of a sync's fields and links are converted by."""
        subscribes = any(link.object == "subscriptions" for link in links)
        kinds = [(each.get("id"), _name(each), each.get("consent_type")) for each in self._types or ()]
        told = (self._admins if any(teammates) else None, kinds if subscribes else None)
        return repr(told) if any(told) else ""

    @staticmethod
    def _read_admins(ask: Ask, at: str) -> tuple[Mapping[str, str], str]:
        """Return ids by address, and whose they are; none where they may not be read: ids do without."""
        response = ask(_ADMINS)
        if response.status == 403:
            return {}, f"the teammates that the app may read, for want of the permission “{needed(_ADMINS)}”; use ids"
        found = objects_in(answered(response, _ADMINS, "reading the teammates", at).get("admins"))
        ids = {normalise_email(str(each["email"])): str(each.get("id")) for each in found if each.get("email")}
        return ids, "the workspace's teammates"

    def subscription(self, ask: Ask, at: str, consent: str) -> Convert | str:
        """Return a converter to ids of subscription types, from ids or names; or what is wrong.

        A type is opted into or out of: linking a contact with one of the other kind would mean the opposite.
        """
        if self._types is None:
            request = Request("GET", "/subscription_types")
            found = objects_in(question(ask, request, "reading the subscription types", at).get("data"))
            self._types = [each for each in found if each.get("state") != "archived"]
        types = self._types
        fitting = labelled((_name(each), str(each.get("id"))) for each in types if each.get("consent_type") == consent)
        others = {name for each in types for name in (_name(each), str(each.get("id")))}
        words = [f"{value} ({label})" for label, value in fitting.items()]
        if not fitting:
            there = named(f"{each.get('id')} ({_name(each)}, {each.get('consent_type')})" for each in types)
            return f"label: the workspace has no subscription type of consent {consent}; there are {there}"

        def convert(value: object) -> str:
            given = text(value).strip()
            if given in fitting or given in fitting.values():
                return fitting.get(given, given)
            if given in others:
                raise refuse(f"is a subscription type of the other consent, not of {consent}, as `label` says")
            raise NoOption(f"is none of the {consent} subscription types: {named(words)}", fitting)

        return convert


def _name(body: Body) -> str:
    return str(within(body, "default_translation", "name") or body.get("id"))
