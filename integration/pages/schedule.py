"""When pushes start by themselves; and the pause of everything."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_celery_beat.models import PeriodicTask

from integration import audit
from integration.models import PushPause
from integration.obstacles import current_pause
from integration.pages.schedule_forms import PauseForm, ScheduleForm
from integration.pages.schedule_words import OwnRow, describe, own_row, task_row
from integration.pages.shell import allow
from integration.schedules import (
    PRUNE,
    PUSH,
    RECONCILE,
    SWEEP,
    change_schedule,
    count_outlets_waiting,
    count_own_intervals,
    pause_all,
    read_own_tasks,
    read_tasks,
    resume_all,
    switch_on,
)
from tasks.push import ring_all_outlets

PAUSES_PER_PAGE = 10


@require_safe
@allow("integration.view_outlet")
def show(request: HttpRequest) -> HttpResponse:
    return show_schedule(request)


def show_schedule(request: HttpRequest, form: ScheduleForm | None = None) -> HttpResponse:
    now = timezone.now()
    rows = [task_row(task, now) for task in read_tasks(PUSH, SWEEP, PRUNE, RECONCILE)]
    pushes = [row for row in rows if row.task.task == PUSH]
    main = pushes[0] if pushes else None
    context: dict[str, Any] = {"main": main, "others": pushes[1:], "form": form or ScheduleForm(main and main.task)}
    context["upkeep"] = [upkeep(name, rows) for name in (RECONCILE, SWEEP, PRUNE)]
    context["own"] = own_rows(now)
    pauses = PushPause.objects.select_related("paused_by", "ended_by").order_by("-paused_at")
    context["page"] = Paginator(pauses, PAUSES_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "integration/schedule.html", context)


def own_rows(now: datetime) -> list[OwnRow]:
    """The intervals that outlets have of their own."""
    counts = count_own_intervals()
    return [own_row(task, counts, now) for task in read_own_tasks()]


def upkeep(name: str, rows: list[Any]) -> dict[str, Any]:
    """What the service does for itself: its title, why it is needed, and its task if there is one."""
    found = next((row for row in rows if row.task.task == name), None)
    texts = {
        RECONCILE: (
            _("Compare the shops with the dashboard"),
            _("Without it, nobody notices when a shop loses or changes what it was sent."),
        ),
        SWEEP: (_("Look after pushes that got stuck"), _("Without it, a push that loses its worker never ends.")),
        PRUNE: (_("Delete old pushes"), _("Without it, the history grows until the disk is full.")),
    }
    title, why = texts[name]
    return {"row": found, "title": title, "why": why, "is_on": bool(found and found.task.enabled)}


@require_POST
@allow("django_celery_beat.change_periodictask")
def change(request: HttpRequest) -> HttpResponse:
    tasks = read_tasks(PUSH)
    task = tasks[0] if tasks else None
    form = ScheduleForm(task, request.POST)
    if not form.is_valid():
        return show_schedule(request, form)
    changed = save_schedule(request, task, form)
    if not changed.enabled:
        messages.warning(request, _("The schedule is switched off: nothing is pushed by itself."))
    else:
        messages.success(request, _("Saved: the outlets are pushed %(when)s.") % {"when": describe(changed)})
    if changed.enabled and form.is_very_short:
        messages.warning(request, _("That is very often: a shop may answer more slowly, or refuse so many requests."))
    return redirect("schedule")


@transaction.atomic
def save_schedule(request: HttpRequest, task: PeriodicTask | None, form: ScheduleForm) -> PeriodicTask:
    before = schedule_state(task) if task else {}
    changed = change_schedule(task.pk if task else None, form.when, form.cleaned_data["enabled"])
    audit.record(request.user.pk, changed, before, schedule_state(changed), timezone.now())
    return changed


def schedule_state(task: PeriodicTask) -> dict[str, Any]:
    with override("en"):  # what is written down is the same whoever reads it
        return {"schedule": str(describe(task)), "enabled": task.enabled}


@require_POST
@allow("django_celery_beat.change_periodictask")
def switch_on_task(request: HttpRequest, task_id: int) -> HttpResponse:
    with transaction.atomic():
        if task := switch_on(task_id):
            audit.record(request.user.pk, task, {"enabled": False}, {"enabled": True}, timezone.now())
    if task:
        messages.success(request, _("It runs again: %(when)s.") % {"when": describe(task)})
    return redirect("schedule")


@require_http_methods(["GET", "HEAD", "POST"])
@allow("integration.add_pushpause")
def pause(request: HttpRequest) -> HttpResponse:
    """Asks first. Pausing twice is pausing once."""
    form = PauseForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if start_pause(form.cleaned_data["reason"], request.user.pk, timezone.now()):
            messages.success(request, _("Every push is paused. What is under way stops with its next request."))
        else:
            messages.info(request, _("Every push is paused already."))
        return redirect("schedule")
    if current_pause():
        return redirect("schedule")
    return render(request, "integration/schedule_pause.html", {"form": form})


@transaction.atomic
def start_pause(reason: str, user_id: int | None, now: datetime) -> bool:
    made = pause_all(reason, user_id or 0, now)
    if made:
        audit.record(user_id, made, {}, {"reason": made.reason}, now)
    return made is not None


@require_http_methods(["GET", "HEAD", "POST"])
@allow("integration.change_pushpause")
def resume(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        end_pause(request)
        return redirect("schedule")
    if not current_pause():
        return redirect("schedule")
    return render(request, "integration/schedule_resume.html", {"count": count_outlets_waiting(timezone.now())})


@transaction.atomic
def stop_pause(user_id: int | None, now: datetime) -> bool:
    held = current_pause()
    if held is None or not resume_all(user_id or 0, now):
        return False
    audit.record(user_id, held, {"ended_at": None}, {"ended_at": now}, now)
    return True


def end_pause(request: HttpRequest) -> None:
    if not stop_pause(request.user.pk, timezone.now()):
        messages.info(request, _("Nothing was paused any more."))
    elif "push" not in request.POST or not request.user.has_perm("integration.push_outlet"):
        messages.success(request, _("Pushes start again, with the next schedule or by hand."))
    elif ring_all_outlets(request.user.pk or 0):
        messages.success(request, _("Pushes start again, and what has gathered is being pushed."))
    else:
        messages.warning(request, _("Pushes start again, but not at once: the queue does not answer."))
