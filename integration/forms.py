"""Forms of the admin. Secrets go in and never come out."""

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.contrib.admin.widgets import AdminURLFieldWidget

from integration.health import reset_health
from integration.models import ContractVersion, Outlet, PushHistory
from integration.platforms import InvalidContract, UnknownPlatform, build_contract, platform_names
from integration.platforms.egress import AddressRefusedError
from integration.platforms.presets import PRESETS
from integration.platforms.transport import check_endpoint

SECRETS = ("api_key", "api_secret")


def secret_field(label: str) -> forms.CharField:
    widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"})
    return forms.CharField(label=label, required=False, strip=True, widget=widget)


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


class SettingsForm(forms.ModelForm):
    """An outlet's API settings from JSON: what is not named stays, a secret that is empty stays too."""

    api_endpoint = forms.URLField(required=False, max_length=500, assume_scheme="https")
    api_key = forms.CharField(required=False)
    api_secret = forms.CharField(required=False)

    class Meta:
        model = Outlet
        fields = ("api_endpoint", "push_enabled", "push_after_update")

    def __init__(self, data: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(data, *args, **kwargs)
        self.before = self.instance.api_endpoint
        for name in [name for name in self.fields if name not in data]:
            del self.fields[name]

    def clean_api_endpoint(self) -> str:
        url: str = self.cleaned_data["api_endpoint"]
        allowed = self.instance.allow_private_address or settings.ALLOW_PRIVATE_ADDRESSES
        try:
            if url:
                check_endpoint(url, allowed)
        except AddressRefusedError as exc:
            raise forms.ValidationError(str(exc)) from exc
        return url

    def clean(self) -> dict[str, Any]:
        """A stored key is sent to the host that it was entered for, and to no other."""
        cleaned = super().clean() or self.cleaned_data
        given = {name: cleaned[name] for name in SECRETS if cleaned.get(name)}
        moved = urlsplit(cleaned.get("api_endpoint", self.before)).netloc != urlsplit(self.before).netloc
        for name in [name for name in SECRETS if moved and self.before and name not in given]:
            if Outlet.objects.filter(pk=self.instance.pk).exclude(**{name: ""}).exists():
                message = "enter it again: the stored one belongs to another host"
                self.add_error(name if name in self.fields else None, f"{name}: {message}")
        for name, value in given.items():
            setattr(self.instance, name, value)
        return cleaned

    def save(self, commit: bool = True) -> Any:
        if self.has_changed():
            reset_health(self.instance.pk)
        return super().save(commit)


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
        for name in SECRETS:
            stored = self.instance.pk and Outlet.objects.filter(pk=self.instance.pk).exclude(**{name: ""}).exists()
            hint = "One is stored; leave this empty to keep it." if stored else "None is stored."
            self.fields[f"new_{name}"].help_text = hint

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        allowed = cleaned.get("allow_private_address") or settings.ALLOW_PRIVATE_ADDRESSES
        if endpoint := cleaned.get("api_endpoint"):
            try:
                check_endpoint(endpoint, allowed)
            except AddressRefusedError as exc:
                self.add_error("api_endpoint", str(exc))
        return cleaned

    def save(self, commit: bool = True) -> Any:
        for name in SECRETS:
            if value := self.cleaned_data[f"new_{name}"]:
                setattr(self.instance, name, value)
            elif self.cleaned_data["forget_secrets"]:
                setattr(self.instance, name, "")
        if self.instance.pk and self.has_changed():
            reset_health(self.instance.pk)
        return super().save(commit)
