"""What the list of rejected items can be narrowed to."""

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from integration.models import Outlet, RejectedItem
from integration.outlet_state import is_refused_as_it_is
from integration.pages.forms import FilterForm


class RejectedFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=_("SKU, name or reason"), method="search", max_length=255)
    outlet = django_filters.ModelChoiceFilter(
        label=_("Outlet"),
        field_name="outlet_product__outlet",
        empty_label=_("All outlets"),
        queryset=Outlet.objects.defer("api_key", "api_secret").order_by("name", "pk"),
    )
    held = django_filters.BooleanFilter(
        label=_("Only those not sent any more"), method="only_held", widget=forms.CheckboxInput
    )

    class Meta:
        model = RejectedItem
        fields: list[str] = []
        form = FilterForm

    def search(self, items: QuerySet[RejectedItem], name: str, text: str) -> QuerySet[RejectedItem]:
        product = Q(outlet_product__product__sku__istartswith=text) | Q(outlet_product__product__name__icontains=text)
        return items.filter(product | Q(reason__icontains=text))

    def only_held(self, items: QuerySet[RejectedItem], name: str, value: bool) -> QuerySet[RejectedItem]:
        return items.filter(is_refused_as_it_is()) if value else items
