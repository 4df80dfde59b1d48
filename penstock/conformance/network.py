"""B. The network and the answers (F5 to F10)."""

from __future__ import annotations

from penstock.conformance.base import Base
from penstock.conformance.faults import Fault
from penstock.conformance.trial import Trial
from penstock.conformance.wire import Response, bomb

PAGE = b"<!doctype html><title>Maintenance</title><p>We are back soon."
BOMB_MB = 600
PEAK_MB = 400


class Network(Base):
    """Connections break, answers are late, spoilt or somebody else's."""

    def test_f05_lost_before_the_server_applied(self, trial: Trial) -> None:
        """The connection breaks before the server saw the write: it is sent again in the same run."""
        trial.rows(4 * self.adapter.batch)
        ended = trial.struck(Fault("before_apply", "reset", on=[1, 3]))
        trial.claim(ended.code == 0, "two lost connections ended the run")
        trial.arrived()

    def test_f06_lost_after_the_server_applied(self, trial: Trial) -> None:
        """The connection breaks when the write is applied and not answered: it is sent again, nothing is doubled."""
        trial.rows(4 * self.adapter.batch)
        ended = trial.struck(Fault("after_apply", "reset", on=[1, 3]))
        trial.claim(ended.code == 0, "two lost answers ended the run")
        trial.arrived()

    def test_f07_an_answer_that_drips(self, trial: Trial) -> None:
        """One answer's headers drip, another's body: each byte is in time, and the whole is not.

        Where the adapter states a deadline, the call is given up by then (and 10 %); else arrival is all that can be
        told from outside.
        """
        deadline = self.adapter.deadline
        seconds = 3 * deadline if deadline else 1.0
        trial.rows(2 * self.adapter.batch)
        trial.struck(
            Fault("in_answer", "drip_head", on=[1], seconds=seconds),
            Fault("in_answer", "drip_body", on=[2], seconds=seconds),
        )
        for dripped in [write for write in trial.proxy.writes if write.struck and deadline]:
            took = (dripped.left or dripped.ended or 0.0) - dripped.at
            allowed = (deadline or 0.0) * 1.1 + 0.5
            trial.claim(took <= allowed, f"write {dripped.write} was waited for {took:.1f} s, allowed {allowed:.1f}")
        trial.finish()

    def test_f08_connections_that_end(self, trial: Trial) -> None:
        """RST on accept, FIN after the request, FIN in the answer, a kept connection closed, a black hole.

        Each strikes once in one run, which must go on. The black hole ends after a while where the target's deadline
        is not known.
        """
        trial.rows(6 * self.adapter.batch)
        ended = trial.struck(
            Fault("before_apply", "close", on=[1]),
            Fault("in_answer", "truncate", on=[2]),
            Fault("in_answer", "leave", on=[3]),
            Fault("before_apply", "hang", on=[4], seconds=2 * (self.adapter.deadline or 1.0)),
            Fault("on_connect", "reset", on=[2, 4]),
        )
        trial.claim(ended.code == 0, "connections that end ended the run")
        trial.arrived()

    def test_f09_redirects_are_never_followed(self, trial: Trial) -> None:
        """A write answered with 301, 302, 303, 307 or 308 is a write that did not happen."""
        for n, status in enumerate((301, 302, 303, 307, 308)):
            trial.rows(10, start=10 * n)
            answer = Response(status, b"", {"Location": trial.proxy.astray()})
            trial.struck(Fault("before_apply", "answer", on=[1], answer=answer))
            followed = [exchange.request.method for exchange in trial.proxy.followed]
            trial.claim(not followed, f"the target followed a {status} with {', '.join(followed)}")
        trial.finish()

    def test_f10_answers_that_say_nothing(self, trial: Trial) -> None:
        """HTML with 200, an empty body, half a JSON, JSON of another kind, a result too few, a gzip bomb.

        None of them says that the rows were written, and indeed most of them were not.
        """
        bodies = (PAGE, b"", b'{"results": [{"id"', b"[]", b"null")
        trial.rows(6 * self.adapter.batch)
        said = [
            Fault("before_apply", "answer", on=[n], answer=Response(200, body), said=f"200 with {body[:9]!r}")
            for n, body in enumerate(bodies, start=1)
        ]
        trial.struck(*said, Fault("in_answer", "shorten", on=[7]))
        trial.rows(self.adapter.batch, value="b")
        unpacked = Fault("after_apply", "answer", on=[1], answer=bomb(BOMB_MB), said=f"{BOMB_MB} MB of gzip")
        peak = trial.struck(unpacked).peak_mb
        trial.claim(peak < PEAK_MB, f"an answer of {BOMB_MB} MB was unpacked: the peak was {peak:.0f} MB")
        trial.finish()
