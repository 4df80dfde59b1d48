"""The README shows what a real `make demo` prints, and its commands run."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from bench.plugins import ROOT
from demo import readme

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module", autouse=True)
def demo() -> subprocess.CompletedProcess[str]:
    """Run the demo once."""
    return subprocess.run(
        [sys.executable, "-m", "demo.demo"], cwd=ROOT, check=False, capture_output=True, text=True, timeout=900
    )


def test_the_demo_prints_what_the_readme_shows(demo: subprocess.CompletedProcess[str]) -> None:
    assert demo.returncode == 0, demo.stdout[-3000:] + demo.stderr[-3000:]
    output = readme.OUTPUT.read_text("utf-8")
    assert readme.steady(output) == readme.steady(readme.shown()), "run `make demo` and `python -m demo.readme`"


def test_the_readme_shows_what_the_ledger_holds_after_the_demo() -> None:
    page = (ROOT / "README.md").read_text("utf-8")
    shown = re.search(r"<!-- ledger output.*?-->\n```\n(.*?)```", page, re.DOTALL)
    assert shown is not None
    told = ""
    for command in re.findall(r"^\$ \.venv/bin/penstock (.*)$", shown[1], re.MULTILINE):
        told += f"$ .venv/bin/penstock {command}\n"
        run = [sys.executable, "-m", "penstock.upkeep_cli", *command.split()]
        told += subprocess.run(run, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert blotted(told) == blotted(shown[1])


def blotted(text: str) -> str:
    text = re.sub(r"\d{4}-\d\d-\d\dT\S+", "TIME", text)
    text = re.sub(r"API calls \d+", "API calls SOME", text)
    return re.sub(r"\d+\.\d s", "SECONDS", text)


def test_the_make_targets_of_the_readme_exist() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in set(re.findall(r"(?:^    |`)make ([a-z]+)", text, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_links_in_the_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "transform/README.md"]:
        for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_prod_asks_for_credentials() -> None:
    """`prod` has none of its own, and says so before anything is sent."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("TAP_", "TARGET_"))}
    meltano = ROOT / ".venv-meltano" / "bin" / "meltano"
    run = subprocess.run(
        [meltano, "--environment", "prod", "invoke", "target-hubspot"],
        cwd=ROOT, env=clean, input="", check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode != 0
    assert "setting token: is required" in run.stderr
