"""Forms of the admin. Secrets go in and never come out."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin.widgets import AdminURLFieldWidget

from integration.models import Outlet

SECRETS = ("api_key", "api_secret")


def secret_field(label: str) -> forms.CharField:
    widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"})
    return forms.CharField(label=label, required=False, strip=True, widget=widget)


class OutletForm(forms.ModelForm):
    """The secrets are fields of the form only: what is left empty keeps what is stored."""

    platform = forms.ChoiceField(choices=lambda: [(name, name) for name in settings.PLATFORMS])
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

    def save(self, commit: bool = True) -> Any:
        for name in SECRETS:
            if value := self.cleaned_data[f"new_{name}"]:
                setattr(self.instance, name, value)
            elif self.cleaned_data["forget_secrets"]:
                setattr(self.instance, name, "")
        return super().save(commit)
