"""Forms of the API settings, of a branch, and of a new outlet."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from integration import audit
from integration.contracts import contract_or_default
from integration.forms import SECRETS, SettingsForm, Versioned, require_reachable
from integration.models import Outlet
from integration.pages.forms import Styled
from integration.platforms import platform_names

OWN_NETWORK = _("The shop is in our own network")
OWN_NETWORK_HELP = _(
    "Only then may the API endpoint lead to a private address or to this machine. Leave "
    "it off for shops on the internet."
)
STORE_ID_HELP = _("The shop's own id of this branch, exactly as the shop writes it: 007 stays 007.")
PUSH_HELP = {
    "push_enabled": _("Prices and stock of this outlet are sent to its shop."),
    "push_after_update": _("Changes are sent as soon as they come in, not only when the schedule says so."),
}
BRANCH_LABELS = {
    "name": _("Name"),
    "location": _("Location"),
    "store_id": _("Store id"),
    "is_active": _("Active"),
    "allow_private_address": OWN_NETWORK,
}


class ApiSettingsForm(Styled, SettingsForm):
    """What is stored of a secret stays while its field is empty and it is not to be removed."""

    forget_api_key = forms.BooleanField(label=_("Remove the stored API key"), required=False)
    forget_api_secret = forms.BooleanField(label=_("Remove the stored API secret"), required=False)

    class Meta(SettingsForm.Meta):
        help_texts = PUSH_HELP

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        theirs = contract_or_default(self.instance.platform).guard
        for name in audit.GUARD_FIELDS:
            self.fields[name].widget.attrs["placeholder"] = getattr(theirs, name.removeprefix("guard_"))
        self.state = audit.outlet_state(self.instance.pk)
        for name in [name for name in SECRETS if not self.state[name]]:
            del self.fields[f"forget_{name}"]
        for name in SECRETS:
            self.fields[name].widget.attrs["placeholder"] = (
                _("Leave empty to keep the stored one") if self.state[name] else ""
            )

    def forgotten(self) -> list[str]:
        return [name for name in SECRETS if self.cleaned_data.get(f"forget_{name}")]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for name in [name for name in self.forgotten() if cleaned.get(name)]:
            self.add_error(name, _("Either enter a new one or remove the stored one, not both."))
        return cleaned

    def refuse_moved(self, name: str) -> None:
        self.add_error(name, _("Enter it again: the stored one belongs to another server and is not sent to this one."))


class StoreId:
    """Beside a form with a store id: two branches of a platform cannot have the same."""

    instance: Outlet
    cleaned_data: dict[str, Any]

    def clean_store_id(self) -> str:
        store_id: str = self.cleaned_data["store_id"]
        platform = self.cleaned_data.get("platform", self.instance.platform)
        others = Outlet.objects.filter(platform=platform, store_id=store_id).exclude(pk=self.instance.pk)
        if name := others.values_list("name", flat=True).first():
            text = _("%(name)s has this store id on %(platform)s already.")
            raise forms.ValidationError(text, params={"name": name, "platform": platform})
        return store_id


class BranchForm(Styled, StoreId, Versioned):
    class Meta:
        model = Outlet
        fields = ("name", "location", "store_id", "is_active", "allow_private_address")
        labels = BRANCH_LABELS
        help_texts = {
            "store_id": STORE_ID_HELP,
            "is_active": _("An outlet that is not active keeps its products and history, and nothing is pushed."),
            "allow_private_address": OWN_NETWORK_HELP,
        }

    def clean(self) -> dict[str, Any]:
        """What is stored must be allowed by what is ticked."""
        cleaned = super().clean() or self.cleaned_data
        if "allow_private_address" in self.changed_data and not cleaned.get("allow_private_address"):
            try:
                require_reachable(self.instance.api_endpoint, False)
            except forms.ValidationError:
                text = _("The API endpoint of this outlet lies in a private network: it would not be reached any more.")
                self.add_error("allow_private_address", text)
        return cleaned


class NewOutletForm(Styled, StoreId, SettingsForm):
    # Memory is no shop: it is for trying things out in code.
    platform = forms.ChoiceField(
        label=_("Platform"),
        choices=lambda: [(name, name) for name in platform_names() if name != "memory"],
        help_text=_("The e-commerce platform on which this branch sells."),
    )

    class Meta(SettingsForm.Meta):
        # The platform stands before the store id, which is looked up on it.
        fields = (
            "name",
            "location",
            "platform",
            "store_id",
            "api_endpoint",
            "push_enabled",
            "push_after_update",
            "push_interval_minutes",
            "allow_private_address",
        )
        labels = {**BRANCH_LABELS, **SettingsForm.Meta.labels}
        help_texts = {**PUSH_HELP, "store_id": STORE_ID_HELP, "allow_private_address": OWN_NETWORK_HELP}

    field_order = ("name", "location", "platform", "store_id", "api_endpoint", "api_key", "api_secret")

    def allows_private(self) -> bool:
        return bool(self.cleaned_data.get("allow_private_address"))
