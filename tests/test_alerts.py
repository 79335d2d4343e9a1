"""An outlet's trouble is told once, and so is its recovery; whatever becomes of the target, pushes go on."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from integration import alert_delivery
from integration.alert_delivery import deliver, due
from integration.alert_targets import (
    CONNECT_SECONDS,
    SEND_SECONDS,
    Result,
    UnusableTarget,
    check_url,
    open_target,
    send,
)
from integration.alert_words import advise
from integration.alerts import claim_comparisons, needing_somebody, watch
from integration.checks import check_dashboard_url
from integration.holds import attend, discard_push, release_push
from integration.models import (
    Alert,
    AlertDelivery,
    AlertTarget,
    EndpointHealth,
    Outlet,
    OutletAlert,
    OutletProduct,
    PushAttempt,
    PushHistory,
    PushPause,
    Reconciliation,
    RejectedItem,
)
from integration.platforms.base import Outcome, SendResult
from integration.platforms.memory import Memory
from integration.product_update import apply_product_update
from integration.pruning import prune_alerts
from integration.push_queue import Started
from integration.push_service import PushService, run_started
from integration.reconciliation import run_reconciliation
from integration.reconciliation_queue import want_all, want_one
from tasks.alerts import TIME_LIMIT, ring_watch, send_alert, watch_outlets
from tests.conftest import make_outlet, set_price, stock
from tests.receivers import Webhook, mail_server, webhook

pytestmark = pytest.mark.django_db
REFUSED = SendResult(Outcome.REFUSED, status_code=401, error_kind="credentials", message="HTTP 401: <b>who?</b>")
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def local(settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    settings.DASHBOARD_URL = "https://prices.example.com"


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as receiver:
        yield receiver


@pytest.fixture
def target(hook: Webhook) -> AlertTarget:
    return make_target(hook.url)


def make_target(url: str = "json://127.0.0.1:9/", name: str = "Managers", **more: Any) -> AlertTarget:
    return AlertTarget.objects.create(name=name, url=url, kind="Webhook", created_at=timezone.now(), **more)


def tick(now: datetime, count: int = 1) -> datetime:
    """The sweep looks each minute, and what is due is sent; the time afterwards."""
    for _ in range(count):
        watch(now)
        send_due(now)
        now += MINUTE
    return now


def send_due(now: datetime) -> None:
    for pk in list(due(now).values_list("pk", flat=True)):
        following: int | None = pk
        while following is not None:
            following = deliver(following, now)


def push(outlet: Outlet, price: str, *answers: SendResult) -> None:
    set_price(outlet, "s00000", price)
    Memory.script[:] = answers
    PushService(outlet).push()


def fail(outlet: Outlet, price: str = "11.00") -> None:
    push(outlet, price, REFUSED)


def lines_of(message: dict[str, Any]) -> list[str]:
    """Without the alert's number at its end."""
    *lines, nothing, number = message["message"].splitlines()
    assert (nothing, number.split()[0]) == ("", "Alert")
    return lines


def titles(receiver: Webhook) -> list[str]:
    return [message["title"] for message in receiver.messages]


@pytest.fixture
def stocked(outlet: Outlet) -> Outlet:
    stock(outlet, 1)
    PushService(outlet).push()
    return outlet


# --- once -----------------------------------------------------------------------------------------------


def test_trouble_and_recovery_are_told_once_over_many_pushes_and_ticks(
    stocked: Outlet, hook: Webhook, target: AlertTarget
) -> None:
    now = tick(timezone.now(), 3)
    assert hook.messages == []
    for number in range(4):
        fail(stocked, f"{11 + number}.00")
        now = tick(now, 2)
    assert titles(hook) == ["Branch 007 (memory 007) has trouble"]
    for number in range(6):
        push(stocked, f"{31 + number}.00")
        now = tick(now, 2)
    assert titles(hook) == ["Branch 007 (memory 007) has trouble", "Branch 007 (memory 007) is well again"]
    assert list(AlertDelivery.objects.values_list("status", "attempt_count", "target_name")) == [
        ("sent", 1, "Managers"),
        ("sent", 1, "Managers"),
    ]
    target.refresh_from_db()
    assert target.last_sent_at is not None
    assert target.last_error == ""


def test_the_message_says_which_outlet_why_what_to_do_and_where(
    stocked: Outlet, hook: Webhook, target: AlertTarget, settings: Any
) -> None:
    settings.ALERT_AFTER_SECONDS = 0
    fail(stocked)
    tick(timezone.now())
    (message,) = hook.messages
    assert lines_of(message) == [
        "Outlet: Branch 007 (memory 007)",
        "Cause: The last push failed: HTTP 401: <b>who?</b>",
        "What to do: Enter the outlet's API key again in the API settings. The push has stopped; nothing is lost.",
        f"https://prices.example.com/pushes/{PushHistory.objects.latest('pk').pk}/",
    ]


OPEN_THE_PUSH = "Open the push in the dashboard and read what the shop has answered."
SENT_AGAIN = "Nothing: the items are sent once more when the shop has surely done with this request."


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("http_503", SENT_AGAIN),
        ("http_404", "Check the path of the address in the API settings and in the contract."),
        ("http_302", "Ask the shop for the final address, and enter it in the API settings."),
        ("http_422", OPEN_THE_PUSH),
        ("refused", OPEN_THE_PUSH),
        ("new", OPEN_THE_PUSH),
        ("", "Nothing: the next push tries again."),
    ],
)
def test_what_to_do_is_said_of_every_error(stocked: Outlet, kind: str, advice: str) -> None:
    fail(stocked)
    PushAttempt.objects.update(error_kind=kind)
    assert advise(PushHistory.objects.latest("pk")) == advice


def test_without_the_dashboard_s_address_there_is_no_link(
    stocked: Outlet, hook: Webhook, target: AlertTarget, settings: Any
) -> None:
    settings.ALERT_AFTER_SECONDS, settings.DASHBOARD_URL = 0, ""
    fail(stocked)
    tick(timezone.now())
    assert "://" not in hook.messages[0]["message"]
    assert [found.id for found in check_dashboard_url()] == ["integration.W001"]


def test_a_state_is_told_when_it_has_held(stocked: Outlet, target: AlertTarget) -> None:
    fail(stocked)
    now = timezone.now()
    watch(now)
    watch(now + timedelta(seconds=119))
    assert not Alert.objects.exists()
    watch(now + timedelta(seconds=120))
    assert Alert.objects.count() == 1


def test_a_shop_that_comes_and_goes_is_told_of_once(stocked: Outlet, hook: Webhook, target: AlertTarget) -> None:
    fail(stocked)
    now = tick(timezone.now(), 3)
    for number in range(5):
        push(stocked, f"{20 + number}.00")
        now = tick(now)
        fail(stocked, f"{30 + number}.00")
        now = tick(now)
    assert titles(hook) == ["Branch 007 (memory 007) has trouble"]


def test_a_short_failure_is_not_told(stocked: Outlet, target: AlertTarget) -> None:
    now = timezone.now()
    for number in range(5):
        fail(stocked, f"{20 + number}.00")
        now = tick(now)
        push(stocked, f"{30 + number}.00")
        now = tick(now)
    assert not Alert.objects.exists()


def test_two_sweeps_at_the_same_time_tell_it_once(
    stocked: Outlet, target: AlertTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(stocked)
    now = timezone.now()
    watch(now)
    later = now + 5 * MINUTE
    monkeypatch.setattr("integration.alerts.tell_changes", twice("integration.alerts.tell_changes"))
    watch(later)
    assert Alert.objects.count() == 1


def twice(name: str) -> Callable[..., None]:
    module, _, function = name.rpartition(".")
    original = getattr(__import__(module, fromlist=[function]), function)

    def call(*args: Any) -> None:
        original(*args)
        original(*args)

    return call


def test_outlets_that_change_together_share_a_message(hook: Webhook, target: AlertTarget) -> None:
    outlets = [make_outlet(f"{number:02d}") for number in range(23)]
    for outlet in outlets:
        EndpointHealth.objects.create(outlet=outlet, open_until=timezone.now(), reason="HTTP 503")
    now = tick(timezone.now(), 4)
    EndpointHealth.objects.all().delete()
    tick(now, 4)
    assert titles(hook) == ["23 outlets have trouble", "23 outlets are well again"]
    text = hook.messages[0]["message"]
    assert text.count("Outlet: ") == 20
    assert text.count("left alone for a while: HTTP 503") == 20
    assert text.endswith(f"and 3 more outlets\n\nAlert {Alert.objects.earliest('pk').pk}")


def test_quarantine_is_trouble(stocked: Outlet, hook: Webhook, target: AlertTarget) -> None:
    product = OutletProduct.objects.get()
    RejectedItem.objects.create(
        outlet_product=product,
        reason="no",
        rejected_price=product.selling_price,
        rejected_stock_status=product.stock_status,
        first_rejected_at=timezone.now(),
        last_rejected_at=timezone.now(),
        quarantined_at=timezone.now(),
    )
    tick(timezone.now(), 4)
    assert "Cause: 1 item refused by the shop" in hook.messages[0]["message"]
    assert f"/rejected-items/?outlet={stocked.pk}" in hook.messages[0]["message"]


@pytest.mark.parametrize("change", [{"is_active": False}, {"push_enabled": False}, {"platform": "pasons"}])
def test_an_outlet_that_is_paused_or_not_set_up_alerts_nobody(
    stocked: Outlet, target: AlertTarget, change: dict[str, Any]
) -> None:
    fail(stocked)
    Outlet.objects.update(**change)
    tick(timezone.now(), 5)
    assert not Alert.objects.exists()


def test_a_cleared_breaker_is_no_recovery_before_a_push_has_succeeded(
    stocked: Outlet, hook: Webhook, target: AlertTarget
) -> None:
    set_price(stocked, "s00000", "12.00")
    EndpointHealth.objects.create(outlet=stocked, open_until=timezone.now(), reason="HTTP 503")
    PushHistory.objects.update(finished_at=timezone.now() - 60 * MINUTE)
    now = tick(timezone.now() - 10 * MINUTE, 4)
    EndpointHealth.objects.all().delete()
    now = tick(now, 4)
    assert len(hook.messages) == 1
    PushService(stocked).push()
    set_price(stocked, "s00000", "13.00")
    tick(now, 4)
    assert titles(hook)[1:] == ["Branch 007 (memory 007) is well again"]


def test_the_pause_of_everything_is_told_and_its_end(stocked: Outlet, hook: Webhook, target: AlertTarget) -> None:
    fail(stocked)
    now = timezone.now()
    pause = PushPause.objects.create(paused_at=now, reason="the shop moves")
    now = tick(now, 6)
    assert titles(hook) == ["Every push is paused."]
    assert "the shop moves" in hook.messages[0]["message"]
    PushPause.objects.filter(pk=pause.pk).update(ended_at=now)
    push(stocked, "15.00")
    tick(now, 6)
    assert titles(hook) == ["Every push is paused.", "Pushes are no longer paused"]


def test_a_short_pause_is_not_told(target: AlertTarget) -> None:
    now = timezone.now()
    pause = PushPause.objects.create(paused_at=now)
    tick(now)
    PushPause.objects.filter(pk=pause.pk).update(ended_at=now + MINUTE)
    tick(now + MINUTE, 5)
    assert not Alert.objects.exists()


def test_who_is_switched_off_is_told_nothing(stocked: Outlet, target: AlertTarget, hook: Webhook) -> None:
    fail(stocked)
    now = timezone.now()
    watch(now)
    watch(now + 3 * MINUTE)
    AlertTarget.objects.update(is_active=False)
    tick(now + 4 * MINUTE, 3)
    assert hook.messages == []
    assert AlertDelivery.objects.get().status == "failed"


# --- targets that fail ----------------------------------------------------------------------------------


@pytest.fixture
def waiting(stocked: Outlet, target: AlertTarget) -> AlertDelivery:
    """A trouble that is to be told."""
    fail(stocked)
    now = timezone.now() - 10 * MINUTE
    watch(now)
    watch(now + 3 * MINUTE)
    return AlertDelivery.objects.get()


def test_a_target_that_fails_is_told_later(waiting: AlertDelivery, hook: Webhook, target: AlertTarget) -> None:
    hook.status = 500
    now = timezone.now()
    assert deliver(waiting.pk, now) is None
    waiting.refresh_from_db()
    assert (waiting.status, waiting.attempt_count, waiting.not_before) == ("waiting", 1, now + timedelta(seconds=30))
    assert "500" in waiting.error
    hook.status = 200
    deliver(waiting.pk, now + timedelta(seconds=29))
    assert len(hook.messages) == 1
    deliver(waiting.pk, now + timedelta(seconds=30))
    waiting.refresh_from_db()
    target.refresh_from_db()
    assert (waiting.status, waiting.attempt_count, waiting.error, target.last_error) == ("sent", 2, "", "")


def test_a_target_that_fails_five_times_is_given_up(waiting: AlertDelivery, target: AlertTarget, hook: Webhook) -> None:
    hook.status = 500
    tick(timezone.now(), 20)
    waiting.refresh_from_db()
    target.refresh_from_db()
    assert (waiting.status, waiting.attempt_count, len(hook.messages)) == ("failed", 5, 5)
    assert "500" in target.last_error


def test_a_target_that_drips_is_left_in_time(
    waiting: AlertDelivery, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integration.alert_targets.SEND_SECONDS", 0.5)
    hook.drip = True
    began = time.monotonic()
    deliver(waiting.pk, timezone.now())
    assert time.monotonic() - began < 3
    waiting.refresh_from_db()
    assert (waiting.status, waiting.error) == ("waiting", "There was no answer in time. It may have arrived.")


def test_a_target_that_answers_too_late_is_told_twice_at_most(
    waiting: AlertDelivery, hook: Webhook, target: AlertTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integration.alert_targets.SEND_SECONDS", 2.0)
    hook.wait.clear()
    now = timezone.now()
    deliver(waiting.pk, now)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.not_before) == ("waiting", now + timedelta(seconds=30))
    tick(now + MINUTE, 20)
    waiting.refresh_from_db()
    target.refresh_from_db()
    assert (waiting.status, waiting.attempt_count, target.last_error) == ("failed", 2, waiting.error)
    first, second = hook.messages
    assert first == second
    assert first["message"].splitlines()[-2:] == ["", f"Alert {waiting.alert_id}"]


def test_what_comes_after_an_alert_without_an_answer_is_told(
    waiting: AlertDelivery, stocked: Outlet, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_delivery, "send", lambda *words: Result("no answer", may_have_arrived=True))
    now = timezone.now()
    deliver(waiting.pk, now)
    deliver(waiting.pk, now + timedelta(seconds=30))
    monkeypatch.undo()
    push(stocked, "40.00")
    watch(now)
    watch(now + 3 * MINUTE)
    send_due(now + 3 * MINUTE)
    assert titles(hook) == ["Branch 007 (memory 007) is well again"]


def test_a_name_that_takes_too_long_to_be_found_is_no_message_that_may_have_arrived(
    waiting: AlertDelivery, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = threading.Event()
    monkeypatch.setattr("integration.alert_targets.SEND_SECONDS", 0.2)
    monkeypatch.setattr("integration.alert_targets.check_address", lambda target: fail_when(looked_up))
    assert send(hook.url, "a", "b") == Result("There was no answer in time.")
    looked_up.set()
    assert hook.messages == []


def fail_when(event: threading.Event) -> None:
    event.wait()
    raise UnusableTarget("too late")


@pytest.mark.parametrize(
    ("url", "seconds"),
    [
        ("json://127.0.0.1:9/", (CONNECT_SECONDS, SEND_SECONDS + 1)),
        ("json://127.0.0.1:9/?rto=1&cto=1", (CONNECT_SECONDS, SEND_SECONDS + 1)),
        ("mailto://127.0.0.1?from=push@example.com&to=managers@example.com", (SEND_SECONDS + 1, SEND_SECONDS + 1)),
    ],
)
def test_a_read_never_ends_before_a_message_is_given_up(url: str, seconds: tuple[float, float]) -> None:
    assert open_target(url).request_timeout == seconds
    assert max(seconds) < TIME_LIMIT


def test_one_dead_target_keeps_nothing_from_the_others(stocked: Outlet, hook: Webhook, target: AlertTarget) -> None:
    make_target(name="A dead one")
    fail(stocked)
    tick(timezone.now(), 4)
    assert len(hook.messages) == 1
    assert sorted(AlertDelivery.objects.values_list("target_name", "status")) == [
        ("A dead one", "waiting"),
        ("Managers", "sent"),
    ]


def test_a_recovery_never_overtakes_the_trouble(waiting: AlertDelivery, stocked: Outlet, hook: Webhook) -> None:
    hook.status = 500
    now = timezone.now()
    deliver(waiting.pk, now)
    push(stocked, "40.00")
    watch(now)
    watch(now + 3 * MINUTE)
    hook.status = 200
    hook.messages.clear()
    assert list(due(now).values_list("pk", flat=True)) == []
    send_due(now + 3 * MINUTE)
    assert titles(hook) == ["Branch 007 (memory 007) has trouble", "Branch 007 (memory 007) is well again"]


def test_a_claim_that_holds_is_left_alone_and_one_that_ran_out_is_taken(waiting: AlertDelivery) -> None:
    now = timezone.now()
    assert alert_delivery.claim(waiting.pk, now) is not None
    assert alert_delivery.claim(waiting.pk, now) is None
    AlertDelivery.objects.update(claimed_until=now - timedelta(hours=1))
    assert alert_delivery.claim(waiting.pk, now) is not None


def test_a_target_that_hangs_delays_no_push(waiting: AlertDelivery, stocked: Outlet) -> None:
    assert alert_delivery.claim(waiting.pk, timezone.now()) is not None
    push(stocked, "50.00")
    assert PushHistory.objects.latest("pk").status == "success"


def test_the_tasks_ring_what_is_due(waiting: AlertDelivery, hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[Any] = []
    monkeypatch.setattr(send_alert, "apply_async", lambda kwargs: rung.append(kwargs))
    monkeypatch.setattr(watch_outlets, "apply_async", lambda expires: rung.append(expires))
    ring_watch()
    watch_outlets()
    assert rung == [60, {"delivery_id": waiting.pk}]
    send_alert(**rung[1])
    assert len(hook.messages) == 1


def test_without_a_target_nothing_is_rung(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_outlets, "apply_async", lambda expires: pytest.fail("nobody is to be told"))
    ring_watch()


# --- addresses and secrets ------------------------------------------------------------------------------


def test_a_secret_stands_nowhere(
    waiting: AlertDelivery, hook: Webhook, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    hook.status = 500
    deliver(waiting.pk, timezone.now())
    make_target("json://u:s3cr3t-password@127.0.0.1:9/hook-key-12345", "dead")
    with pytest.raises(CommandError) as caught:
        call_command("test_alert", "--target", "dead")
    seen = caplog.text + "".join(capfd.readouterr()) + str(caught.value)
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            seen += str(cursor.fetchall())
    for secret in ("s3cr3t-password", "hook-key-12345"):
        assert secret not in seen


def test_an_e_mail_arrives() -> None:
    with mail_server() as (port, mails):
        url = f"mailto://127.0.0.1:{port}?from=push@example.com&to=managers@example.com&mode=insecure"
        assert check_url(url) == "E-mail"
        assert send(url, "A title", "Line <b>one</b>\nLine two") == Result()
    (mail,) = mails
    assert "Subject: A title" in mail
    assert "To: managers@example.com" in mail


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "Slack"),
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", "Telegram"),
        ("jsons://127.0.0.1/path", "Webhook"),
    ],
)
def test_what_is_taken(url: str, kind: str) -> None:
    assert check_url(url) == kind


@pytest.mark.parametrize(
    "url", ["", "rubbish", "https://example.com/", "syslog://", "file:///etc/passwd", "json://", "dbus://", "x" * 2000]
)
def test_what_is_no_target(url: str) -> None:
    with pytest.raises(UnusableTarget, match="no address"):
        check_url(url)


@pytest.mark.parametrize("option", ["template=/etc/passwd", "PGPKEY=/etc/x", "%74emplate=/etc/passwd"])
def test_files_of_this_machine_are_not_read(option: str) -> None:
    with pytest.raises(UnusableTarget, match="not taken"):
        check_url(f"slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?{option}")


def test_private_addresses_are_refused_when_entered_and_when_sent(hook: Webhook, settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    with pytest.raises(UnusableTarget, match="private network"):
        check_url(hook.url)
    assert "private network" in send(hook.url, "a", "b").error
    assert hook.messages == []


def test_a_redirect_is_not_followed(hook: Webhook) -> None:
    with webhook() as other:
        hook.status, hook.location = 307, other.url.replace("json://", "http://").replace("user:s3cr3t-password@", "")
        assert "307" in send(f"{hook.url}?redirect=yes", "a", "b").error
        assert other.messages == []


# --- the command and the pruning ------------------------------------------------------------------------


def test_the_command_sends_a_test(target: AlertTarget, hook: Webhook) -> None:
    out = StringIO()
    call_command("test_alert", "--target", "Managers", stdout=out)
    assert out.getvalue() == "Managers: sent\n"
    assert titles(hook) == ["Test of the alerts"]
    assert "https://prices.example.com/alerts/" in hook.messages[0]["message"]
    with pytest.raises(CommandError, match="no such target"):
        call_command("test_alert", "--target", "nobody")


def test_keys_are_rotated_for_targets_too(target: AlertTarget, hook: Webhook) -> None:
    call_command("rotate_keys")
    assert AlertTarget.objects.get().url == hook.url


def test_old_alerts_go_unless_they_are_still_needed(waiting: AlertDelivery, target: AlertTarget) -> None:
    now = timezone.now() + timedelta(days=91)
    pause = PushPause.objects.create(paused_at=timezone.now())
    Alert.objects.create(kind="pause", title="t", body="b", pause=pause, created_at=timezone.now())
    assert prune_alerts(now) == 0
    AlertDelivery.objects.update(status="sent")
    assert prune_alerts(now) == 1
    assert Alert.objects.get().pause == pause
    assert OutletAlert.objects.count() == 1


# --- pushes that are held -------------------------------------------------------------------------------


def hold(outlet: Outlet) -> PushHistory:
    """Everything of the outlet goes out of stock."""
    update_stock(outlet, list(outlet.products.values_list("product__sku", flat=True)), 0)
    PushService(outlet).push()
    return PushHistory.objects.filter(outlet=outlet).latest("pk")


def update_stock(outlet: Outlet, skus: list[str], stock_status: int) -> None:
    rows = [{"sku": sku, "selling_price": "10.00", "stock_status": stock_status} for sku in skus]
    apply_product_update(outlet, rows)


@pytest.fixture
def full_outlet(outlet: Outlet) -> Outlet:
    stock(outlet, 20)
    PushService(outlet).push()
    return outlet


def test_a_held_push_is_told_once_over_many_ticks_and_once_when_it_went_on(
    full_outlet: Outlet, hook: Webhook, target: AlertTarget
) -> None:
    push = hold(full_outlet)
    assert push.status == "held"
    now = timezone.now()
    for _ in range(5):
        PushService(full_outlet).push()
        now = tick(now)
    assert titles(hook) == ["A push to Branch 007 (memory 007) is held"]
    assert lines_of(hook.messages[0]) == [
        "Outlet: Branch 007 (memory 007)",
        "Cause: 20 items would go out of stock",
        "What to do: Look at what it would do. Send it if that is meant, or correct the prices and stock.",
        f"https://prices.example.com/pushes/{push.pk}/",
    ]
    release_push(push.pk, now)
    PushService(full_outlet).push()
    tick(now, 3)
    assert titles(hook)[1:] == ["The push to Branch 007 (memory 007) is no longer held"]
    assert "Sent after all by" in hook.messages[1]["message"]


def test_a_hold_that_lasts_no_time_is_not_told(full_outlet: Outlet, hook: Webhook, target: AlertTarget) -> None:
    push = hold(full_outlet)
    watch(timezone.now())
    discard_push(push.pk, "asha", timezone.now())
    update_stock(full_outlet, list(full_outlet.products.values_list("product__sku", flat=True)), 1)
    tick(timezone.now(), 4)
    assert hook.messages == []


def test_a_discarded_push_and_one_that_went_on_by_itself_are_told_as_such(
    full_outlet: Outlet, hook: Webhook, target: AlertTarget
) -> None:
    push = hold(full_outlet)
    now = tick(timezone.now(), 4)
    discard_push(push.pk, "asha", now)
    now = tick(now, 2)
    assert "It was ended: discarded by asha." in hook.messages[-1]["message"]
    hold(full_outlet)
    now = tick(timezone.now() + 4 * MINUTE, 2)
    update_stock(full_outlet, list(full_outlet.products.values_list("product__sku", flat=True)), 1)
    attend(PushHistory.objects.get(status="held").pk, now)
    tick(now, 2)
    assert "went on by itself" in hook.messages[-1]["message"]
    assert len(hook.messages) == 4


def test_pushes_that_are_held_at_the_same_time_share_a_message(hook: Webhook, target: AlertTarget) -> None:
    outlets = [make_outlet(store_id) for store_id in ("1", "2", "3")]
    for outlet in outlets:
        stock(outlet, 12)
        PushService(outlet).push()
        hold(outlet)
    tick(timezone.now(), 4)
    assert titles(hook) == ["3 pushes are held"]


# --- comparisons that need somebody ---------------------------------------------------------------------


@pytest.fixture
def set_back(outlet: Outlet) -> Outlet:
    """The shop has the prices of long ago, and all is acknowledged."""
    stock(outlet, 60)
    PushService(outlet).push()
    Memory.shops[outlet.store_id] = {sku: (Decimal("1"), 1) for sku in Memory.shops[outlet.store_id]}
    return outlet


def compare(outlet: Outlet, sends: str = "usual", trigger: str = "manual") -> Reconciliation:
    row, _ = want_one(outlet.pk, timezone.now(), sends=sends)
    Reconciliation.objects.filter(pk=row.pk).update(trigger=trigger)
    run_reconciliation(row.pk, timezone.now())
    row.refresh_from_db()
    return row


def finish_pushes(outlet: Outlet) -> None:
    run_started(Started(PushHistory.objects.get(outlet=outlet, status__in=PushHistory.OPEN)))


def test_a_comparison_of_which_nothing_is_sent_is_told_once_over_many_nights_and_once_when_it_is_settled(
    set_back: Outlet, hook: Webhook, target: AlertTarget
) -> None:
    row = compare(set_back)
    now = tick(timezone.now() + 3 * MINUTE, 3)
    for _ in range(2):
        compare(set_back)
        now = tick(now + 3 * MINUTE, 2)
    assert titles(hook) == ["The shop of Branch 007 (memory 007) has other prices or stock"]
    assert lines_of(hook.messages[0]) == [
        "Outlet: Branch 007 (memory 007)",
        "Cause: 60 of 60 compared items are otherwise in the shop: so many that nothing was sent again",
        "What to do: Look at the comparison. Send them again if the dashboard is right, or correct the contract.",
        f"https://prices.example.com/shop-integration/comparison/{row.pk}/",
    ]
    compare(set_back, "all")
    finish_pushes(set_back)
    now = tick(now + 3 * MINUTE, 2)
    assert len(hook.messages) == 1  # sent again, and not yet seen there
    last = compare(set_back)
    tick(now + 3 * MINUTE, 3)
    assert titles(hook)[1:] == ["The comparison with the shop of Branch 007 (memory 007) is settled"]
    assert lines_of(hook.messages[1]) == [
        "Outlet: Branch 007 (memory 007)",
        "60 of 60 compared items are as they should be, and none is to be sent again.",
        f"https://prices.example.com/shop-integration/comparison/{last.pk}/",
    ]


def test_what_is_sent_again_is_told_only_if_it_is_not_there_afterwards(
    outlet: Outlet, hook: Webhook, target: AlertTarget
) -> None:
    stock(outlet, 3)
    PushService(outlet).push()
    shop = Memory.shops[outlet.store_id]
    shop["s00001"] = (Decimal("1"), 1)
    assert compare(outlet).sent_count == 1
    finish_pushes(outlet)
    now = tick(timezone.now() + 3 * MINUTE, 3)
    assert hook.messages == []
    shop["s00001"] = (Decimal("1"), 1)  # accepted, and not done
    row = compare(outlet, trigger="follow_up")
    tick(now + 3 * MINUTE, 3)
    assert lines_of(hook.messages[0]) == [
        "Outlet: Branch 007 (memory 007)",
        "Cause: 1 item was sent again, and is still otherwise in the shop",
        "What to do: Look at the comparison. Ask the shop why it takes what it does not show, or correct the contract.",
        f"https://prices.example.com/shop-integration/comparison/{row.pk}/",
    ]


def test_comparisons_of_a_night_wait_for_each_other_and_share_a_message(
    set_back: Outlet, hook: Webhook, target: AlertTarget
) -> None:
    other = make_outlet("8", name="Marina")
    stock(other, 60)
    compare(set_back)
    now = timezone.now()
    want_all(now)
    tick(now + 3 * MINUTE, 3)
    assert hook.messages == []
    (last,) = Reconciliation.objects.filter(outlet=other)
    PushService(other).push()
    Memory.shops["8"] = {}
    run_reconciliation(last.pk, timezone.now())
    Reconciliation.objects.filter(status="waiting").delete()
    tick(now + 6 * MINUTE, 3)
    assert titles(hook) == ["2 shops have other prices or stock"]


@pytest.mark.parametrize("sends", ["usual", "nothing"])
def test_a_look_that_sends_nothing_is_told_to_nobody_and_settles_nothing(
    set_back: Outlet, hook: Webhook, target: AlertTarget, sends: str
) -> None:
    compare(set_back, sends)
    now = tick(timezone.now() + 3 * MINUTE, 3)
    compare(set_back, "nothing")
    tick(now + 3 * MINUTE, 3)
    assert len(hook.messages) == (sends == "usual")


def test_two_sweeps_tell_a_comparison_once(set_back: Outlet, hook: Webhook, target: AlertTarget) -> None:
    compare(set_back)
    now = timezone.now() + 3 * MINUTE
    found = list(needing_somebody(now))
    assert len(claim_comparisons(needing_somebody(now), now)) == 1
    assert claim_comparisons(needing_somebody(now), now) == []
    assert len(found) == 1
