"""Whom to tell of trouble, and what was told."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from integration import audit
from integration.alert_delivery import give_up, send_test
from integration.alert_targets import UnusableTarget, check_url
from integration.models import Alert, AlertDelivery, AlertTarget
from integration.pages.forms import Styled
from integration.pages.shell import allow

PAGE_SIZE = 25
EXAMPLES = (
    (gettext_lazy("E-mail"), "mailtos://user:password@smtp.example.com?to=managers@example.com"),
    ("Slack", "https://hooks.slack.com/services/T…/B…/…"),
    ("Teams", "https://….logic.azure.com/workflows/…"),
    ("Telegram", "tgram://bot-token/chat-id"),
    (gettext_lazy("Webhook"), "jsons://example.com/path"),
)
RESULTS: dict[str, tuple[Any, str, str]] = {
    AlertDelivery.Status.WAITING: (gettext_lazy("to be sent"), "blue", "clock"),
    AlertDelivery.Status.SENDING: (gettext_lazy("being sent"), "blue", "send"),
    AlertDelivery.Status.SENT: (gettext_lazy("sent"), "green", "check"),
    AlertDelivery.Status.FAILED: (gettext_lazy("not sent"), "red", "x"),
}
LOOKS: dict[str, tuple[Any, str, str]] = {
    Alert.Kind.TROUBLE: (gettext_lazy("trouble"), "red", "triangle-alert"),
    Alert.Kind.RECOVERY: (gettext_lazy("well again"), "green", "check"),
    Alert.Kind.HELD: (gettext_lazy("held"), "red", "hand"),
    Alert.Kind.LET_GO: (gettext_lazy("no longer held"), "green", "check"),
    Alert.Kind.DIFFERS: (gettext_lazy("shop differs"), "red", "triangle-alert"),
    Alert.Kind.SETTLED: (gettext_lazy("settled"), "green", "check"),
    Alert.Kind.PAUSE: (gettext_lazy("paused"), "yellow", "octagon-pause"),
    Alert.Kind.RESUME: (gettext_lazy("resumed"), "green", "play"),
}


class TargetForm(Styled, forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=100, help_text=gettext_lazy("Who gets the alerts: “Branch managers”")
    )
    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=2000,
        help_text=gettext_lazy("As in the examples. It is kept encrypted and never shown again."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if AlertTarget.objects.filter(name=name).exists():
            raise forms.ValidationError(_("There is a target of this name already."))
        return name

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            self.kind = check_url(url)
        except UnusableTarget as exc:
            raise forms.ValidationError(str(exc)) from exc
        return url


@sensitive_post_parameters("url")
@require_http_methods(["GET", "HEAD", "POST"])
@allow("integration.view_alerttarget")
def list_alerts(request: HttpRequest) -> HttpResponse:
    return add(request) if request.method == "POST" else show(request)


@allow("integration.add_alerttarget")
def add(request: HttpRequest) -> HttpResponse:
    form = TargetForm(request.POST)
    if not form.is_valid():
        return show(request, form)
    now, name = timezone.now(), form.cleaned_data["name"]
    with transaction.atomic():
        target = AlertTarget.objects.create(
            name=name, url=form.cleaned_data["url"], kind=form.kind, created_at=now, created_by_id=request.user.pk
        )
        audit.record(request.user.pk, target, {}, {"name": name, "kind": target.kind, "is_active": True}, now)
    messages.success(
        request, _("“%(name)s” gets alerts from now on. Send a test to see whether they arrive.") % {"name": name}
    )
    return redirect("alerts")


def show(request: HttpRequest, form: TargetForm | None = None) -> HttpResponse:
    rows = Alert.objects.prefetch_related("deliveries").order_by("-created_at", "-pk")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "targets": AlertTarget.objects.defer("url").select_related("created_by").order_by("name"),
        "page": page,
        "alerts": [told(alert) for alert in page],
        "examples": EXAMPLES,
        "form": form or (TargetForm() if request.user.has_perm("integration.add_alerttarget") else None),
    }
    return render(request, "integration/alerts.html", context)


def told(alert: Alert) -> dict[str, Any]:
    look = dict(zip(("label", "colour", "icon"), LOOKS[alert.kind], strict=True))
    results = [
        dict(zip(("label", "colour", "icon"), RESULTS[one.status], strict=True)) | {"delivery": one}
        for one in alert.deliveries.all()
    ]
    return {"alert": alert, "look": look, "results": results}


def find(target_id: int) -> AlertTarget:
    return get_object_or_404(AlertTarget.objects.defer("url"), pk=target_id)


@require_POST
@allow("integration.change_alerttarget")
def test(request: HttpRequest, target_id: int) -> HttpResponse:
    target = find(target_id)
    facts = {"name": target.name, "error": send_test(target, timezone.now())}
    if facts["error"]:
        messages.error(request, _("The test did not reach “%(name)s”: %(error)s") % facts)
    else:
        messages.success(request, _("The test was sent to “%(name)s”. See whether it has arrived.") % facts)
    return redirect("alerts")


@require_POST
@allow("integration.change_alerttarget")
def switch(request: HttpRequest, target_id: int) -> HttpResponse:
    """On or off, as the form says: sent twice, it does the same."""
    target, is_active, now = find(target_id), request.POST.get("on") == "1", timezone.now()
    with transaction.atomic():
        if AlertTarget.objects.filter(pk=target.pk, is_active=not is_active).update(is_active=is_active):
            audit.record(request.user.pk, target, {"is_active": not is_active}, {"is_active": is_active}, now)
    text = _("“%(name)s” gets alerts again.") if is_active else _("“%(name)s” gets no alerts until it is switched on.")
    messages.success(request, text % {"name": target.name})
    return redirect("alerts")


@require_http_methods(["GET", "HEAD", "POST"])
@allow("integration.delete_alerttarget")
def delete(request: HttpRequest, target_id: int) -> HttpResponse:
    """Asks first."""
    target = find(target_id)
    if request.method != "POST":
        return render(request, "integration/alert_delete.html", {"target": target})
    with transaction.atomic():
        before = {"name": target.name, "kind": target.kind, "is_active": target.is_active}
        audit.record(request.user.pk, target, before, {}, timezone.now())
        give_up(target)
        target.delete()
    messages.success(request, _("“%(name)s” has been deleted.") % {"name": target.name})
    return redirect("alerts")
