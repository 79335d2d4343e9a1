"""Forms of the JSON endpoints and the admin. Secrets go in and never come out."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from django import forms
from django.conf import settings
from django.contrib.admin.widgets import AdminURLFieldWidget
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from integration import audit
from integration.health import reset_health
from integration.models import ContractVersion, Outlet, PushHistory
from integration.models.outlets import LONGEST_INTERVAL
from integration.outlet_version import Stale, is_same, version_of
from integration.platforms import InvalidContract, UnknownPlatform, build_contract, platform_names
from integration.platforms.egress import AddressRefusedError
from integration.platforms.presets import PRESETS
from integration.platforms.transport import check_endpoint
from integration.revisions import bump
from integration.schedules import keep_intervals

SECRETS = audit.OUTLET_SECRETS
MOVED = "enter it again: the stored one belongs to another host"


def is_id(text: str) -> bool:
    """Digits, and no more of them than the largest id has."""
    return text.isascii() and text.isdigit() and len(text) < 20


def secret_field(label: Any) -> forms.CharField:
    """Browsers fill in no password of their own where a new one is asked for."""
    widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"})
    return forms.CharField(label=label, required=False, strip=True, widget=widget, validators=[require_text])


def require_text(value: str) -> None:
    """JSON can hold halves of characters, which nothing can store or send."""
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise forms.ValidationError(_("Enter a valid value.")) from exc


def require_reachable(url: str, allow_private: bool) -> None:
    """ValidationError if no request may go to this address."""
    if url and urlsplit(url).scheme not in ("http", "https"):
        raise forms.ValidationError(_("Enter an address that begins with https:// or http://."))
    try:
        if url:
            check_endpoint(url, allow_private or settings.ALLOW_PRIVATE_ADDRESSES)
    except AddressRefusedError as exc:
        raise forms.ValidationError(str(exc)) from exc
    except (httpx.InvalidURL, UnicodeError) as exc:
        raise forms.ValidationError(_("Enter a valid URL.")) from exc


def moved_secrets(outlet_id: int, before: str, after: str, known: Iterable[str]) -> list[str]:
    """The stored secrets that would be sent to another host than the one that they were entered for, or no more
    encrypted."""
    old, new = urlsplit(before), urlsplit(after)
    is_opened = (old.scheme, new.scheme) == ("https", "http")
    if not before or (new.netloc == old.netloc and not is_opened):
        return []
    return stored_secrets(outlet_id, known)


def stored_secrets(outlet_id: int, known: Iterable[str]) -> list[str]:
    state = audit.outlet_state(outlet_id)
    return [name for name in SECRETS if name not in known and state[name]]


@transaction.atomic
def save_outlet(form: "Versioned", user_id: int | None, now: datetime) -> list[str]:
    """Save what the form holds and record who did it; the names of what has changed.

    1. Two people who save at once do so one after the other, and nothing of the other's that the form does not hold is
       written. Stale where its settings are not those that it was checked against: an address would meet a newer key.
    2. What the endpoint failed at before is forgotten: the next push tries at once.
    """
    outlet = form.instance
    lock_outlet(outlet.pk)
    if not is_same(form.version, version_of(outlet.pk, form.fields_seen)):
        raise Stale
    before = audit.outlet_state(outlet.pk)
    if outlet._state.adding:
        form.save()
    else:
        begin_anew(outlet.pk, form.changed_data)
        outlet.save(update_fields=written_fields(form))
    after = audit.outlet_state(outlet.pk)
    keep_intervals()
    audit.record(user_id, outlet, before, after, now)
    return audit.changed_names(before, after)


def lock_outlet(outlet_id: int) -> None:
    """Who saves its settings waits for others who do, and nobody else does."""
    outlet = Outlet.objects.select_for_update(no_key=True).filter(pk=outlet_id)
    outlet.order_by().values_list("pk").first()


def begin_anew(outlet_id: int, changed: Collection[str]) -> None:
    """What is held is judged by the new limits, and what the endpoint failed at before is forgotten.

    Before the outlet is saved: another store id locks it for all who add rows to it, and these may have locked its
    revision or its health.
    """
    if set(audit.GUARD_FIELDS) & set(changed):
        bump(outlet_id)
    if changed:
        reset_health(outlet_id)


def written_fields(form: "Versioned") -> list[str]:
    names = [name for name in form._meta.fields or () if name in form.cleaned_data]
    kept = form.instance.get_deferred_fields()
    return [*names, *(f"{name}{part}" for name in SECRETS if name not in kept for part in ("", "_set_at", "_ending"))]


class Versioned(forms.ModelForm):
    """Knows the state of an outlet's settings that it is checked against, and whether its sender has seen that."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields_seen, self.is_told = tuple(self.fields), False
        self.version = version_of(self.instance.pk, self.fields_seen)

    @property
    def version_seen(self) -> str:
        """What the sender has seen: of who does not say, the present."""
        given = self.data.get("version") if self.is_bound and not self.is_told else ""
        return str(given or self.version)

    def show_present(self) -> None:
        """The sender is told what has changed: saved again, the form holds."""
        self.version, self.is_told = version_of(self.instance.pk, self.fields_seen), True

    @property
    def is_stale(self) -> bool:
        return not is_same(self.version_seen, self.version)


class ContractForm(forms.ModelForm):
    platform = forms.ChoiceField(choices=lambda: [(name, name) for name in platform_names()])
    preset = forms.ChoiceField(
        choices=lambda: [("", "the platform's own"), *((name, name) for name in PRESETS)], required=False
    )

    class Meta:
        model = ContractVersion
        fields = ("platform", "preset", "changes", "note")

    def clean_changes(self) -> dict[str, Any]:
        changes = self.cleaned_data["changes"] or {}
        if not isinstance(changes, dict):
            raise forms.ValidationError('an object is needed: {"batch_size": 200}')
        return changes

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                build_contract(cleaned["platform"], cleaned["preset"], cleaned["changes"])
            except (InvalidContract, UnknownPlatform) as exc:
                self.add_error("changes", str(exc))
        return cleaned


class SettingsForm(Versioned):
    """An outlet's API settings, and the rules that hold wherever they are entered. An empty secret stays as it is."""

    api_endpoint = forms.URLField(label=_("API Endpoint"), required=False, max_length=500, assume_scheme="https")
    api_key = secret_field(_("API Key"))
    api_secret = secret_field(_("API Secret"))
    push_interval_minutes = forms.IntegerField(
        label=_("Push every … minutes"),
        required=False,
        min_value=1,
        max_value=LONGEST_INTERVAL,
        help_text=_("Leave it empty to push this outlet when all others are pushed, as the schedule says."),
    )

    class Meta:
        model = Outlet
        fields: tuple[str, ...] = (
            "api_endpoint",
            "push_enabled",
            "push_after_update",
            "push_interval_minutes",
            *audit.GUARD_FIELDS,
        )
        labels = {
            "push_enabled": _("Push Enabled"),
            "push_after_update": _("Push after update"),
            "guard_stock_percent": _("Items going out of stock, in percent"),
            "guard_price_percent": _("Move of a price, in percent"),
            "guard_items_percent": _("Items whose price moves so far, in percent"),
        }

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now
        self.before = self.instance.api_endpoint

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        try:
            require_reachable(cleaned.get("api_endpoint", ""), self.allows_private())
        except forms.ValidationError as exc:
            self.add_error("api_endpoint", exc)
        given = {name: cleaned[name] for name in SECRETS if cleaned.get(name)}
        known = {*given, *self.forgotten()}
        for name in moved_secrets(self.instance.pk, self.before, cleaned.get("api_endpoint", self.before), known):
            self.refuse_moved(name)
        for name in known:
            self.instance.set_secret(name, given.get(name, ""), self.now)
        return cleaned

    def allows_private(self) -> bool:
        return self.instance.allow_private_address

    def refuse_moved(self, name: str) -> None:
        self.add_error(name if name in self.fields else None, f"{name}: {MOVED}")

    def forgotten(self) -> list[str]:
        """The secrets whose stored value is not wanted any more."""
        return []


class NamedSettingsForm(SettingsForm):
    """As JSON has them: what is not named stays."""

    def __init__(self, data: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(data, *args, **kwargs)
        for name in [name for name in self.fields if name not in data]:
            del self.fields[name]

    def clean(self) -> dict[str, Any]:
        """A form's checkbox would take any word for yes."""
        for name, field in self.fields.items():
            if isinstance(field, forms.BooleanField) and not isinstance(self.data[name], bool):
                self.add_error(name, _("Enter true or false."))
        return super().clean()


class PushForm(forms.Form):
    push_type = forms.ChoiceField(choices=PushHistory.PushType, required=False)


class HistoryForm(forms.Form):
    push = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    outlet = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    status = forms.ChoiceField(choices=[("", ""), *PushHistory.Status.choices], required=False)
    push_type = forms.ChoiceField(choices=[("", ""), *PushHistory.PushType.choices], required=False)
    trigger = forms.ChoiceField(choices=[("", ""), *PushHistory.Trigger.choices], required=False)
    page = forms.IntegerField(min_value=1, max_value=10**6, required=False)


class OutletForm(forms.ModelForm):
    """The secrets are fields of the form only: what is left empty keeps what is stored."""

    platform = forms.ChoiceField(choices=lambda: [(name, name) for name in platform_names()])
    api_endpoint = forms.URLField(
        label="API endpoint", required=False, max_length=500, assume_scheme="https", widget=AdminURLFieldWidget
    )
    new_api_key = secret_field("API key")
    new_api_secret = secret_field("API secret")
    forget_secrets = forms.BooleanField(required=False, help_text="Remove the stored API key and secret.")

    class Meta:
        model = Outlet
        exclude = SECRETS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.before = audit.outlet_state(self.instance.pk) if self.instance.pk else {}
        for name in SECRETS:
            hint = "One is stored; leave this empty to keep it." if self.before.get(name) else "None is stored."
            self.fields[f"new_{name}"].help_text = hint

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        endpoint = cleaned.get("api_endpoint", "")
        try:
            require_reachable(endpoint, cleaned.get("allow_private_address", False))
        except forms.ValidationError as exc:
            self.add_error("api_endpoint", exc)
        before, known = self.before.get("api_endpoint", ""), self.changed_secrets()
        is_elsewhere = bool(self.before) and self.before["platform"] != cleaned.get("platform")
        moved = stored_secrets(self.instance.pk, known) if is_elsewhere else None
        for name in moved_secrets(self.instance.pk, before, endpoint, known) if moved is None else moved:
            self.add_error(f"new_{name}", MOVED)
        return cleaned

    def changed_secrets(self) -> dict[str, str]:
        """The new value of each secret that does not stay as it is; empty: it is removed."""
        given = {name: self.cleaned_data.get(f"new_{name}", "") for name in SECRETS}
        return {name: value for name, value in given.items() if value or self.cleaned_data.get("forget_secrets")}
