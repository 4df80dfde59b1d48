"""The command: it says when it is ready, and it does not open to other machines unasked."""

import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from penstock_sandbox.cli import app
from penstock_sandbox.server import is_loopback, listen


def test_the_ready_line_is_true() -> None:
    command = [sys.executable, "-m", "penstock_sandbox.cli", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert line.startswith("sandbox ready on http://127.0.0.1:")
        with urllib.request.urlopen(line.rpartition(" ")[2], timeout=5) as page:
            assert page.status == 200
        process.terminate()


def test_over_tls(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "penstock_sandbox.cli", "serve", "--port", "0", "--tls", str(tmp_path / "made")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert line.startswith("sandbox ready on https://127.0.0.1:")
        trust = ssl.create_default_context(cafile=tmp_path / "made" / "ca.pem")
        with urllib.request.urlopen(line.rpartition(" ")[2], timeout=5, context=trust) as page:
            assert page.status == 200
        process.terminate()


def test_other_interfaces_are_refused() -> None:
    assert CliRunner().invoke(app, ["serve", "--host", "0.0.0.0"]).exit_code == 2
    assert CliRunner().invoke(app, ["serve", "--host", "example.com"]).exit_code == 2


@pytest.mark.parametrize(("host", "loopback"), [("localhost", True), ("::1", True), ("127.8.0.1", True), ("::", False)])
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_taken_port_is_a_configuration_error() -> None:
    with listen("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        assert CliRunner().invoke(app, ["serve", "--port", str(port)]).exit_code == 2


def test_behaviours_are_listed_and_counted() -> None:
    result = CliRunner().invoke(app, ["behaviours"])
    assert result.exit_code == 0
    assert "documented" in result.stdout
    assert "assumed" in result.stdout
