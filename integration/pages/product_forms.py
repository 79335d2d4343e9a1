"""What is typed on the pages of products."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from integration.models import Outlet, OutletProduct
from integration.pages.forms import Styled
from integration.product_update import ProductUpdateResult, apply_product_update
from integration.update_record import Sender, Source

STATES = (("", _("All products")), ("waiting", _("Waiting to be sent")), ("refused", _("Refused by the shop")))
STOCK = ((1, _("in stock")), (0, _("out of stock")))


class SearchForm(Styled, forms.Form):
    q = forms.CharField(label=_("SKU, barcode or name"), required=False, max_length=255)
    outlet = forms.ModelChoiceField(
        label=_("Outlet"),
        required=False,
        empty_label=_("All outlets"),
        queryset=Outlet.objects.defer("api_key", "api_secret").order_by("name", "pk"),
    )
    state = forms.ChoiceField(label=_("Show"), required=False, choices=STATES)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("state") and not cleaned.get("outlet") and "outlet" not in self.errors:
            self.add_error("outlet", _("Choose the outlet whose products you want to see."))
        return cleaned


class ValuesForm(Styled, forms.Form):
    """Price and stock of an outlet's product; they go the way of every product update, and its refusals come here."""

    selling_price = forms.CharField(label=_("Price"), max_length=40, widget=forms.TextInput({"inputmode": "decimal"}))
    stock_status = forms.TypedChoiceField(label=_("Stock"), choices=STOCK, coerce=int)

    def __init__(self, item: OutletProduct, data: Any = None) -> None:
        self.item = item
        held = {"selling_price": f"{item.selling_price:.2f}", "stock_status": item.stock_status}
        super().__init__(data, initial=held)

    def apply(self, user_id: int | None) -> ProductUpdateResult:
        """Write the values; what the update refuses becomes an error of the field."""
        row = {"sku": self.item.product.sku, **self.cleaned_data}
        result = apply_product_update(self.item.outlet, [row], sender=Sender(Source.PAGE, user_id=user_id))
        for bad in result.bad_rows:
            self.add_error(bad.field if bad.field in self.fields else None, bad.reason)
        return result
