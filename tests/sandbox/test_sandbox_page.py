"""The commands of docs/sandbox.md do what they say."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.sandbox.conftest import Api

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sandbox.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page uses curl")
def test_the_pages_commands(api: Api) -> None:
    sandbox = api.sandbox
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    *all_but_the_last, reset = [block.replace("http://127.0.0.1:8470", sandbox.url) for block in blocks]
    setup = all_but_the_last[0]
    for block in all_but_the_last[1:]:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", setup + block], check=False, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
    assert api.call("GET", "/crm/v3/properties/p12345678_car").status_code == 200
    assert api.call("GET", "/crm/v3/objects/contacts").headers["X-HubSpot-RateLimit-Max"] == "100"
    assert sandbox.lists() == {"Trial ends": []}
    assert [each.properties["Loyalty_Key__c"] for each in sandbox.salesforce.objects("Contact")] == ["L-1"]
    assert sandbox.salesforce.objects("Order__c") == []
    with urlopen(sandbox.url + "/") as page:
        assert "Trial ends" in page.read().decode()
    subprocess.run(["bash", "-euo", "pipefail", "-c", setup + reset], check=True, capture_output=True)
    assert sandbox.lists() == {}
