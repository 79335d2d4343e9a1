"""The alert rules and the dashboard that come with the service speak of metrics that there are."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from dashboard.env import BASE_DIR
from integration.metrics import write_metrics
from integration.models import Reconciliation, TaskRun
from integration.push_service import PushService
from integration.sums import add_up, note_run
from tests.conftest import NOW, make_outlet, stock
from tests.people import restore_migrated_rows

MONITORING = BASE_DIR / "monitoring"
# Beside Python, or installed.
PROMTOOL = shutil.which("promtool", path=str(Path(sys.executable).parent)) or shutil.which("promtool")


def promtool(*arguments: str) -> None:
    if PROMTOOL is None:
        pytest.skip("there is no promtool: Debian's package prometheus has it")
    done = subprocess.run([PROMTOOL, *arguments], cwd=MONITORING, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_valid() -> None:
    promtool("check", "rules", "rules.yml")


def test_the_example_is_a_valid_configuration() -> None:
    promtool("check", "config", "--syntax-only", "prometheus.yml")


def test_each_rule_fires_when_it_shall_and_only_then() -> None:
    promtool("test", "rules", "rules_test.yml")


def test_each_rule_has_its_test() -> None:
    rules = yaml.safe_load((MONITORING / "rules.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    tests = yaml.safe_load((MONITORING / "rules_test.yml").read_text(encoding="utf-8"))["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert fired == {rule["alert"] for rule in rules}


def named_metrics(text: str) -> set[str]:
    return set(re.findall(r"\bshop_\w+", text))


def expressions() -> str:
    """Of the rules, the dashboard's panels and its variables."""
    rules = yaml.safe_load((MONITORING / "rules.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    dashboard = json.loads((MONITORING / "grafana.json").read_text(encoding="utf-8"))
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    variables = [variable.get("definition", "") for variable in dashboard["templating"]["list"]]
    return "\n".join([*(rule["expr"] for rule in rules), *panels, *variables])


@pytest.mark.django_db
def test_every_metric_that_they_name_is_in_a_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    restore_migrated_rows()
    monkeypatch.setattr("integration.metrics.read_lengths", lambda: {"celery": 0})
    outlet = make_outlet()
    stock(outlet, 1)
    PushService(outlet).push()
    Reconciliation.objects.create(outlet=outlet, trigger="manual", status="equal", created_at=NOW, finished_at=NOW)
    add_up(NOW)
    note_run(TaskRun.Task.SWEEP, NOW)
    text = write_metrics("", NOW)[0].decode()
    sampled = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    named = named_metrics(expressions())
    assert len(named) > 15
    assert named - sampled == set()


def test_the_dashboard_s_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = json.loads((MONITORING / "grafana.json").read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
