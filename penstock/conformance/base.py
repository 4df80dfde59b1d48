"""What all tests of the suite stand on: the fixtures, and a few words for schedules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

import pytest

from penstock.conformance.adapter import Adapter, Says
from penstock.conformance.faults import Fault
from penstock.conformance.proxy import Proxy
from penstock.conformance.trial import Trial
from penstock.conformance.wire import Response

FROM_THE_SECOND = range(2, 1_000_000)


class Base:
    """Fixtures; a subclass sets `adapter`."""

    adapter: Adapter
    known_failures: ClassVar[Mapping[str, str]] = {}
    """tests that the target is known to fail, with the reason; they must fail until they are taken out here"""
    _serving: ExitStack
    _proxy: Proxy

    @classmethod
    def setup_class(cls) -> None:
        """Serve the destination behind a proxy for all tests of the class."""
        cls._serving = ExitStack()
        upstream = cls._serving.enter_context(cls.adapter.upstream())
        cls._proxy = cls._serving.enter_context(Proxy(cls.adapter, upstream))

    @classmethod
    def teardown_class(cls) -> None:
        """Stop serving."""
        cls._serving.close()

    @pytest.fixture
    def trial(
        self, request: pytest.FixtureRequest, tmp_path: Path, record_property: Callable[[str, object], None]
    ) -> Iterator[Trial]:
        """Start with an empty server, an empty history and an empty working folder."""
        reason = self.known_failures.get(request.function.__name__)
        if reason is not None:
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
        self.adapter.reset()
        self._proxy.reset()
        folder = tmp_path / "work"
        folder.mkdir()
        yield Trial(self.adapter, self._proxy, folder)
        record_property("faults", self._proxy.struck)

    def refusal(self, what: Says, on: Collection[int], seconds: float = 0.0, **headers: str) -> Fault:
        """Return a fault that refuses requests in the server's own words, before it applies them."""
        said = self.adapter.says(what)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = Response(said.status, said.body, {**said.headers, **named})
        return Fault("before_apply", "answer", on=on, answer=answer, seconds=seconds)

    @property
    def lanes(self) -> int:
        """Return how many write requests the target may have under way at once."""
        return max(1, self.adapter.in_flight // self.adapter.batch)
