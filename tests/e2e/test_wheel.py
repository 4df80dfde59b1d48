"""The wheel, installed as a user would, not editable: every executable starts and tells about itself."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bench.plugins import ROOT

pytestmark = pytest.mark.e2e
PLUGINS = ["tap-duckdb", "target-hubspot", "target-intercom"]
UV = Path(sys.executable).parent / "uv"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder / "dist"), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    [wheel] = (folder / "dist").glob("*.whl")
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    lock = ROOT / "requirements" / "penstock.txt"
    install: list[str | Path] = [UV, "pip", "install", "--quiet", "--python", python]
    subprocess.run([*install, "--require-hashes", "-r", lock], check=True)
    subprocess.run([*install, "--no-deps", wheel], check=True)
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert not [name for name in names if name.startswith(("tests/", "bench/", "taps/", "targets/", "demo/"))]
    assert "target_hubspot/target.py" in names
    assert "target_intercom/target.py" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    return folder / "venv" / "bin"


def run(command: list[str | Path], cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_executable_tells_its_version_and_help(installed: Path, tmp_path: Path) -> None:
    for name in [*PLUGINS, "penstock", "penstock-sandbox"]:
        assert "0.1.0" in run([installed / name, "--version"], tmp_path), name
        assert "--help" in run([installed / name, "--help"], tmp_path), name


@pytest.mark.parametrize("name", PLUGINS)
def test_every_plugin_tells_about_itself(installed: Path, tmp_path: Path, name: str) -> None:
    told = json.loads(run([installed / name, "--about", "--format", "json"], tmp_path))
    assert told["name"] == name
    assert "about" in told["capabilities"]
    assert name in run([installed / name, "--about"], tmp_path)
