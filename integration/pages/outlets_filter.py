"""Which outlets are listed."""

from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from integration.models import Outlet
from integration.outlet_state import State
from integration.pages.forms import FilterForm

INACTIVE = "inactive"
STATES = [*((state.name.lower(), state.label) for state in State), (INACTIVE, _("not active"))]


def known(field: str) -> Any:
    """The values that outlets have there, as choices that are read when the form is."""

    def read() -> list[tuple[str, str]]:
        values = Outlet.objects.exclude(**{field: ""}).order_by(field).values_list(field, flat=True).distinct()
        return [(value, value) for value in values]

    return read


class OutletFilter(django_filters.FilterSet):
    # Not `q`, which is what the page's header searches products for.
    search = django_filters.CharFilter(
        method="find",
        label=_("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Name, store id, location")}),
    )
    state = django_filters.ChoiceFilter(choices=STATES, method="in_state", label=_("State"), empty_label=_("Any"))
    platform = django_filters.ChoiceFilter(choices=known("platform"), label=_("Platform"), empty_label=_("Any"))
    location = django_filters.ChoiceFilter(choices=known("location"), label=_("Location"), empty_label=_("Any"))

    class Meta:
        form = FilterForm

    def find(self, outlets: QuerySet[Any], name: str, words: str) -> QuerySet[Any]:
        return outlets.filter(Q(name__icontains=words) | Q(store_id__icontains=words) | Q(location__icontains=words))

    def in_state(self, outlets: QuerySet[Any], name: str, state: str) -> QuerySet[Any]:
        """An outlet that is not active is found as that alone."""
        if state == INACTIVE:
            return outlets.filter(is_active=False)
        return outlets.filter(is_active=True, state=State[state.upper()])
