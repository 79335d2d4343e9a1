"""What a person types: progress and results for people, JSON for programs, one clear line for a mistake."""

import json
import signal
import subprocess
import sys
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from dashboard import env
from integration.demo_chain import Difference, compare
from integration.mock_shop import MockShop
from integration.models import Outlet, OutletProduct, PushHistory
from integration.platforms.memory import Memory
from integration.product_update import apply_product_update
from integration.push_service import PushService
from tests.conftest import KEY, dashboard_state, make_outlet, set_price, stock
from tests.faults.local import wait_until
from tests.faults.service import database_url

pytestmark = pytest.mark.django_db
Capture = pytest.CaptureFixture[str]


def last_json(capsys: Capture) -> Any:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_push_and_wait(pasons_outlet: Outlet, shop: MockShop, capsys: Capture) -> None:
    stock(pasons_outlet, 700)
    call_command("push", "--outlet", "14", "--full", "--wait")
    assert capsys.readouterr().out == "14: success: 700 of 700 items accepted\n"
    assert shop.shelf.get("14") == dashboard_state(pasons_outlet)


def test_push_with_nothing_to_push(pasons_outlet: Outlet, capsys: Capture) -> None:
    stock(pasons_outlet, 1)
    call_command("push", "--outlet", "14", "--wait")
    call_command("push", "--outlet", "14", "--wait")
    assert capsys.readouterr().out.splitlines()[-1] == "14: nothing to push"
    assert PushHistory.objects.count() == 1


def test_push_says_when_it_has_to_wait(pasons_outlet: Outlet, settings: Any, capsys: Capture, shop: MockShop) -> None:
    settings.CONTRACTS = {"pasons": {"backoff_seconds": 0.01}}
    stock(pasons_outlet, 1)
    shop.misbehave(mode="status", status=429, retry_after="1", times=1)
    call_command("push", "--outlet", "14", "--wait")
    out, err = capsys.readouterr()
    assert out == "14: success: 1 of 1 items accepted\n"
    assert err.count("14: waiting, for another process") == 1


def test_push_as_json(pasons_outlet: Outlet, capsys: Capture) -> None:
    stock(pasons_outlet, 3)
    call_command("push", "--outlet", "14", "--wait", "--json")
    (push,) = last_json(capsys)["pushes"]
    assert (push["store_id"], push["ok"], push["status"], push["accepted_count"]) == ("14", True, "success", 3)


def test_push_to_look_only(pasons_outlet: Outlet, shop: MockShop, capsys: Capture) -> None:
    stock(pasons_outlet, 501)
    call_command("push", "--outlet", "14", "--dry-run")
    assert capsys.readouterr().out == "14: 501 items in 2 requests would be sent\n"
    assert (shop.requests, PushHistory.objects.count()) == ([], 0)


def test_push_of_all_goes_on_after_one_that_fails(pasons_outlet: Outlet, shop: MockShop, capsys: Capture) -> None:
    broken = make_outlet("1", "pasons", api_endpoint=f"{shop.url}/stores/1/products", api_key="wrong")
    for outlet in (broken, pasons_outlet):
        stock(outlet, 1)
    with pytest.raises(CommandError, match="not everything was pushed: 1"):
        call_command("push", "--all", "--wait")
    assert capsys.readouterr().out.splitlines() == [
        "1: failed: 0 of 1 items accepted, 1 of 1 requests given up: credentials refused (HTTP 401): invalid key",
        "14: success: 1 of 1 items accepted",
    ]


def test_push_leaves_the_sending_to_the_workers(pasons_outlet: Outlet, shop: MockShop, capsys: Capture) -> None:
    stock(pasons_outlet, 1)
    call_command("push", "--outlet", "14")
    call_command("push", "--outlet", "14")
    push = PushHistory.objects.get()
    assert capsys.readouterr().out == f"14: started push {push.pk}\n14: joined push {push.pk}\n"
    assert shop.requests == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--outlet", "15"], r"no outlet has the store id '15'; known: 14 \(pasons\)"),
        (["--outlet", "14", "--platform", "talabat"], "no outlet has the store id '14'; there are no outlets yet"),
        (["--outlet", "14", "--all"], "not allowed with argument"),
        ([], "one of the arguments --outlet --all is required"),
    ],
)
def test_push_of_what_is_not_there(pasons_outlet: Outlet, arguments: list[str], reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        call_command("push", *arguments)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"api_endpoint": ""}, "14: Branch 14 (pasons 14) has no API endpoint: set api_endpoint"),
        ({"push_enabled": False}, "14: Branch 14 (pasons 14): pushing is switched off: set push_enabled"),
        ({"is_active": False}, "14: Branch 14 (pasons 14) is not active: activate the outlet first"),
    ],
)
def test_push_of_an_outlet_that_is_not_ready(
    pasons_outlet: Outlet, capsys: Capture, change: dict[str, Any], reason: str
) -> None:
    stock(pasons_outlet, 1)
    Outlet.objects.update(**change)
    with pytest.raises(CommandError, match="not everything was pushed: 14"):
        call_command("push", "--outlet", "14", "--wait")
    assert capsys.readouterr().out == reason + "\n"
    assert OutletProduct.objects.get().differs


def test_push_where_no_outlet_is_enabled() -> None:
    with pytest.raises(CommandError, match="no active outlet has push_enabled"):
        call_command("push", "--all")


def test_push_to_a_dead_shop_loses_nothing(pasons_outlet: Outlet, capsys: Capture, settings: Any) -> None:
    settings.CONTRACTS = {"pasons": {"backoff_seconds": 0.01}}
    stock(pasons_outlet, 2)
    Outlet.objects.update(api_endpoint="http://127.0.0.1:9/")
    with pytest.raises(CommandError):
        call_command("push", "--outlet", "14", "--wait")
    assert "Connection refused" in capsys.readouterr().out
    assert OutletProduct.objects.filter(differs=True).count() == 2
    assert PushHistory.objects.get().chunks.get().attempts.count() == 3


def test_the_secrets_of_an_outlet_that_cannot_be_read(pasons_outlet: Outlet, settings: Any) -> None:
    settings.ENCRYPTION_KEYS = ["x" * 43 + "="]
    with pytest.raises(CommandError, match="api_key: none of ENCRYPTION_KEYS decrypts the stored value"):
        call_command("push", "--outlet", "14")


def test_what_is_in_quarantine_is_always_mentioned(outlet: Outlet, capsys: Capture) -> None:
    Memory.refused = {stock(outlet, 2)[0]: "unknown product"}
    for _ in range(3):
        PushService(outlet).push()
    mentioned = "; 1 in quarantine, not sent: the shop has refused their values several times\n"
    call_command("push", "--outlet", "007", "--wait")
    assert capsys.readouterr().out == "007: nothing to push" + mentioned
    call_command("push", "--outlet", "007", "--wait", "--full")
    assert capsys.readouterr().out == "007: success: 1 of 1 items accepted" + mentioned
    call_command("push", "--outlet", "007", "--full", "--dry-run", "--json")
    assert last_json(capsys)["pushes"][0]["quarantined_count"] == 1


def test_a_mistake_is_told_as_json_too(pasons_outlet: Outlet, capsys: Capture) -> None:
    for command in (["push"], ["test_connection"], ["cancel_push"], ["import_products", "x"], ["export_feed"]):
        with pytest.raises(CommandError):
            call_command(*command, "--outlet", "15", "--json")
        assert last_json(capsys) == {"error": "no outlet has the store id '15'; known: 14 (pasons)"}


# --- test_connection ------------------------------------------------------------------------------------


def test_a_connection_that_works(pasons_outlet: Outlet, shop: MockShop, capsys: Capture) -> None:
    call_command("test_connection", "--outlet", "14")
    assert capsys.readouterr().out.startswith("Branch 14 (pasons 14): the shop answers (HTTP 200) (")
    assert shop.requests == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"api_endpoint": ""}, "has no API endpoint: set api_endpoint"),
        ({"api_endpoint": "http://127.0.0.1:9/"}, "connect: .*Connection refused"),
        ({"api_key": "wrong"}, r"credentials: the shop refused the credentials \(HTTP 401\)"),
    ],
)
def test_a_connection_that_does_not(pasons_outlet: Outlet, change: dict[str, Any], reason: str) -> None:
    for name, value in change.items():
        setattr(pasons_outlet, name, value)
    pasons_outlet.save()
    with pytest.raises(CommandError, match=reason):
        call_command("test_connection", "--outlet", "14")


def test_a_connection_as_json(pasons_outlet: Outlet, capsys: Capture) -> None:
    call_command("test_connection", "--outlet", "14", "--json")
    result = last_json(capsys)
    assert (result["ok"], result["kind"], result["status_code"]) == (True, "ok", 200)


# --- as processes ---------------------------------------------------------------------------------------


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=env.BASE_DIR,
        env=env.changed(**{"DATABASE_URL": "", **variables}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_port_that_is_taken_is_one_clear_line(shop: MockShop) -> None:
    port = str(shop.server.server_address[1])
    for command in (["mock_shop", "--port", port], ["serve", "--port", port], ["serve", "--shop-port", port]):
        done = run(*command)
        assert done.returncode == 1
        assert f"port {port}" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"PUSH_WINDOW": "four"}, "error: PUSH_WINDOW='four' is not a whole number"),
        ({"CONTRACTS": "{"}, "error: CONTRACTS is not JSON"),
        ({"CONTRACTS": '{"pason": {}}'}, "CONTRACTS: unknown platform 'pason'; known: memory, pasons"),
        ({"CONTRACTS": '{"pasons": {"batch_size": 0}}'}, "the contract of pasons: batch_size: Input should be greater"),
        ({"ENCRYPTION_KEYS": "abc"}, "error: ENCRYPTION_KEYS: key 1 is no Fernet key"),
        ({"DATABASE_URL": "foo://x"}, "error: DATABASE_URL cannot be read"),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}, "error: the database cannot be used"),
        ({"DATABASE_URL": "sqlite:////tmp/empty-of-tables.sqlite3"}, "at first: manage.py migrate"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_one_clear_line(variables: dict[str, str], reason: str) -> None:
    done = run("push", "--all", **variables)
    assert done.returncode == 1
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_a_push_that_is_interrupted_is_taken_up_by_the_next(
    transactional_db: None, shop: MockShop, capsys: Capture
) -> None:
    outlet = make_outlet("14", "pasons", api_endpoint=f"{shop.url}/stores/14/products", api_key=KEY)
    stock(outlet, 1500)
    shop.misbehave(mode="slow", seconds=1)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "push", "--outlet", "14", "--wait"],
        cwd=env.BASE_DIR,
        env=env.changed(DATABASE_URL=database_url()),
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: len(shop.requests) == 2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in said) == (130, False)
    assert "interrupted" in said
    shop.misbehave(mode="ok")
    call_command("push", "--outlet", "14", "--wait")
    assert shop.shelf.get("14") == dashboard_state(outlet)
    assert PushHistory.objects.get().status == "success"


def test_the_demo_ends_well() -> None:
    done = run("demo", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["different"] == 0
    assert [(row["products"], row["pushed_in_full"], row["pushed_as_changes"]) for row in result["outlets"]] == [
        (2000, 2000, 100)
    ] * 5


def test_the_demo_leaves_a_folder_with_something_in_it_alone(tmp_path: Any) -> None:
    (tmp_path / "mine").touch()
    done = run("demo", "--in", str(tmp_path))
    assert (done.returncode, "is not empty" in done.stderr) == (1, True)


# --- the comparison that the demo rests on --------------------------------------------------------------


def test_a_comparison_finds_what_differs_in_both_directions(outlet: Outlet) -> None:
    skus = stock(outlet, 3)
    shop = dashboard_state(outlet)
    assert compare(outlet, shop) == []
    set_price(outlet, skus[0], "11")
    del shop[skus[1]]
    shop["stranger"] = ("1.00", 1)
    assert compare(outlet, shop) == [
        Difference(skus[0], ("11.00", 1), ("10.00", 1)),
        Difference(skus[1], ("10.00", 1), None),
        Difference("stranger", None, ("1.00", 1)),
    ]


def test_a_key_is_never_printed(pasons_outlet: Outlet, capsys: Capture) -> None:
    stock(pasons_outlet, 1)
    call_command("push", "--outlet", "14", "--wait", "--json")
    call_command("test_connection", "--outlet", "14", "--json")
    out, err = capsys.readouterr()
    assert KEY not in out + err


def hold(outlet: Outlet) -> None:
    """The outlet's next push would put everything out of stock."""
    skus = stock(outlet, 20)
    call_command("push", "--outlet", outlet.store_id, "--wait")
    apply_product_update(outlet, [{"sku": sku, "selling_price": "10.00", "stock_status": 0} for sku in skus])


def test_a_push_that_is_held_ends_the_command_with_a_code_of_its_own(outlet: Outlet, capsys: Capture) -> None:
    hold(outlet)
    with pytest.raises(CommandError, match="not everything was pushed: 007") as caught:
        call_command("push", "--outlet", "007", "--wait")
    push = PushHistory.objects.get(status="held")
    assert caught.value.returncode == 3
    said = f"007: push {push.pk} is held until somebody says so: manage.py held_push --push {push.pk}"
    assert capsys.readouterr().out.splitlines()[-1] == said


def test_a_held_push_is_looked_at_sent_or_discarded_by_a_command(
    outlet: Outlet, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integration.management.commands.held_push.ring", lambda rings: None)
    hold(outlet)
    PushService(outlet).push()
    push = PushHistory.objects.get(status="held")
    call_command("held_push", "--push", str(push.pk), "--json")
    assert last_json(capsys)["stock_count"] == 20
    call_command("held_push", "--push", str(push.pk), "--discard")
    assert "is discarded: 20 items going out of stock, 0 prices moving far" in capsys.readouterr().out
    with pytest.raises(CommandError, match="is not held"):
        call_command("held_push", "--push", str(push.pk), "--release")
    PushService(outlet).push()
    push = PushHistory.objects.get(status="held")
    call_command("held_push", "--push", str(push.pk), "--release")
    assert PushHistory.objects.get(pk=push.pk).status == "queued"
