"""Products: found by SKU, barcode or name; what each shop knows of one, and what it was sent and when."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from integration.item_history import read_item_history
from integration.models import OutletProduct, Product
from integration.obstacles import CannotPush
from integration.pages.item_state import row_of, sent_row
from integration.pages.parts import read_part
from integration.pages.product_forms import SearchForm, ValuesForm
from integration.pages.shell import allow
from integration.product_search import count_outlets, find_product, outlet_items, product_items, search_products
from integration.proof import seen_otherwise
from integration.push_service import send_again
from tasks.push import ring_outlet

PER_PAGE = 50


@require_safe
@allow("integration.view_outletproduct")
def search(request: HttpRequest) -> HttpResponse:
    """An exact SKU, or a barcode that only one product has, leads straight to its product."""
    form = SearchForm(request.GET)
    context: dict[str, Any] = {"form": form, "page": None}
    if form.is_valid():
        text, outlet = form.cleaned_data["q"], form.cleaned_data["outlet"]
        if text and not outlet and (product := find_product(text)):
            return redirect("product", product_id=product.pk)
        context |= {"text": text, "outlet": outlet, "state": form.cleaned_data["state"]}
        context |= read_outlet_items(request, form) if outlet else read_products(request, text)
    return render(request, "integration/products.html", context)


def read_products(request: HttpRequest, text: str) -> dict[str, Any]:
    products = search_products(text) if text else Product.objects.order_by("sku")
    page = read_part(products, request.GET.get("page"))
    counts = count_outlets(page.rows)
    return {"page": page, "products": [(product, counts.get(product.pk, 0)) for product in page.rows]}


def read_outlet_items(request: HttpRequest, form: SearchForm) -> dict[str, Any]:
    found = form.cleaned_data
    items = outlet_items(found["outlet"], found["state"], found["q"], timezone.now())
    page = read_part(items, request.GET.get("page"))
    return {"page": page, "rows": [row_of(item) for item in page.rows]}


@require_safe
@allow("integration.view_outletproduct")
def show(request: HttpRequest, product_id: int) -> HttpResponse:
    product = get_object_or_404(Product, pk=product_id)
    return show_product(request, product, number(request.GET.get("outlet")))


def number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


def show_product(
    request: HttpRequest, product: Product, outlet_id: int | None, form: ValuesForm | None = None
) -> HttpResponse:
    """Every outlet's values; and of the chosen outlet, or the only one, all that is known."""
    items = product_items(product)
    page = Paginator(items, PER_PAGE).get_page(request.GET.get("page"))
    chosen = items.filter(outlet=outlet_id).first() if outlet_id else None
    if outlet_id is None and page.paginator.count == 1:
        chosen = page.object_list[0]
    context: dict[str, Any] = {"product": product, "page": page, "rows": [row_of(item) for item in page]}
    context["outlet_ids"] = items.order_by("outlet__name").values_list("outlet", "outlet__name")
    context["is_missing"] = outlet_id is not None and chosen is None
    if chosen:
        history = read_item_history(chosen, number(request.GET.get("before")))
        context["seen"] = seen_otherwise(chosen)
        context |= {"chosen": row_of(chosen), "form": form or ValuesForm(chosen), "history": history}
        context["sent"] = [sent_row(sent) for sent in history.entries]
    return render(request, "integration/product.html", context)


def find_item(product_id: int, outlet_id: int) -> OutletProduct:
    items = OutletProduct.objects.select_related("outlet", "product")
    return get_object_or_404(items.defer("outlet__api_key", "outlet__api_secret"), product=product_id, outlet=outlet_id)


def address(item: OutletProduct) -> str:
    return f"{reverse('product', args=[item.product_id])}?outlet={item.outlet_id}"


@require_POST
@allow("integration.change_outletproduct")
def change(request: HttpRequest, product_id: int, outlet_id: int) -> HttpResponse:
    item = find_item(product_id, outlet_id)
    form = ValuesForm(item, request.POST)
    result = form.apply(request.user.pk) if form.is_valid() else None
    if result is None or result.bad_count:
        return show_product(request, item.product, outlet_id, form)
    if result.changed_count:
        messages.success(request, _("Saved. It goes to the shop with the next push."))
    else:
        messages.info(request, _("Price and stock are what they were: nothing was changed."))
    return redirect(address(item))


@require_POST
@allow("integration.push_outlet")
@allow("integration.change_rejecteditem")
def send(request: HttpRequest, product_id: int, outlet_id: int) -> HttpResponse:
    """Send what the dashboard says, even if the shop knows it or has refused it, which ends its quarantine."""
    item = find_item(product_id, outlet_id)
    send_again(item.outlet, [item.product.sku], timezone.now())
    try:
        started = ring_outlet(item.outlet_id, user_id=request.user.pk)
    except CannotPush as exc:
        messages.error(request, _("It is sent with the next push, which cannot start now: %(why)s") % {"why": exc})
        return redirect(address(item))
    if started.push and started.joined:
        text = _("Push %(number)s is under way; this product is sent with it or right after it.")
        messages.info(request, text % {"number": started.push.pk})
    elif started.push:
        messages.success(request, _("Push %(number)s has been started.") % {"number": started.push.pk})
    else:
        messages.info(request, _("The shop may still be working on an earlier request; it is sent again after that."))
    return redirect(address(item))
