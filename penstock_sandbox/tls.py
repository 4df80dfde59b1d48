"""Certificates for a sandbox that is served over TLS: an authority of its own, made anew each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

try:
    import trustme
except ImportError:  # an ordinary sandbox has no need of it
    trustme = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from pathlib import Path


class Certificates(NamedTuple):
    """The authority that clients are to trust, and the server's key with its certificate."""

    authority: Path
    server: Path


def make(folder: Path) -> Certificates:
    """Make certificates for this machine in a folder. Raises RuntimeError without the package trustme."""
    if trustme is None:
        raise RuntimeError("TLS needs the package trustme, which is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificates(folder / "ca.pem", folder / "server.pem")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(made.authority))
    server = authority.issue_cert("localhost", "127.0.0.1", "::1")
    server.private_key_and_cert_chain_pem.write_to_path(str(made.server))
    made.server.chmod(0o600)
    return made
