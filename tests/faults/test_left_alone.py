"""The whole service, left alone for two minutes with changes, faults and a deploy; `make soak` takes an hour."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.env import BASE_DIR

pytestmark = pytest.mark.soak
MINUTES = "2"


def test_two_minutes_alone(tmp_path: Path) -> None:
    database = os.environ.get("TEST_DATABASE", "sqlite")
    output, logs = tmp_path / "soak.json", tmp_path / "logs"
    command = [sys.executable, "-m", "benchmarks.soak", "--minutes", MINUTES, "--database", database]
    command += ["--output", str(output), "--logs", str(logs)]
    ended = subprocess.run(command, cwd=BASE_DIR, check=False)
    found = json.loads(output.read_text())
    assert (ended.returncode, found["problems"]) == (0, [])
    assert found["shelves"]["equal"] == 13 * 2000
    assert found["alerts"]["expected"] == 2 * sum(
        fault["ended_at"] - fault["began_at"] > 60 for fault in found["fault_list"]
    )
