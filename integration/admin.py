"""Django's admin: outlets can be set up and pushed; what happened can be read and not changed."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from integration import audit
from integration.contracts import store_contract
from integration.forms import ContractForm, OutletForm, begin_anew, lock_outlet
from integration.models import (
    ContractVersion,
    DailySum,
    EndpointHealth,
    Outlet,
    OutletProduct,
    PushAttempt,
    PushHistory,
    RejectedItem,
    Rescue,
)
from integration.obstacles import CannotPush
from integration.product_update import apply_product_update
from integration.push_queue import cancel_push
from integration.rejections import release_items
from integration.schedules import keep_intervals
from integration.sign_in_limit import AdminSignInForm
from integration.update_record import Sender, Source
from tasks.push import ring_outlet

admin.site.login_form = AdminSignInForm
admin.site.unregister(User)


class PersonForm(UserChangeForm):
    class Meta(UserChangeForm.Meta):
        help_texts = {
            "is_active": "Untick this when somebody leaves: they cannot sign in, and their tokens end. People are not "
            "deleted, so that it stays known who changed what."
        }


@admin.register(User)
class PersonAdmin(UserAdmin):
    """With somebody who is deleted their entries in the log and their tokens would go."""

    form = PersonForm

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Outlet)
class OutletAdmin(admin.ModelAdmin):
    form = OutletForm
    list_display = ("name", "location", "platform", "store_id", "is_active", "push_enabled", "push_after_update")
    list_filter = ("platform", "is_active", "push_enabled")
    search_fields = ("name", "location", "store_id")
    actions = ("push_changes", "push_everything")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Outlet]:
        """Without the secrets: the pages do not need them, and open even if they cannot be decrypted."""
        return super().get_queryset(request).defer("api_key", "api_secret")

    def save_model(self, request: HttpRequest, obj: Outlet, form: Any, change: bool) -> None:
        for name, value in form.changed_secrets().items():
            obj.set_secret(name, value, timezone.now())
        if change:
            lock_outlet(obj.pk)
            begin_anew(obj.pk, form.changed_data)
        super().save_model(request, obj, form, change)
        keep_intervals()

    def delete_model(self, request: HttpRequest, obj: Outlet) -> None:
        super().delete_model(request, obj)
        keep_intervals()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Outlet]) -> None:
        super().delete_queryset(request, queryset)
        keep_intervals()

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[dict[str, Any]]:
        """With the values before and after, and nothing of a secret."""
        return audit.describe(Outlet, form.before, audit.outlet_state(form.instance.pk))

    def has_push_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("integration.push_outlet")

    @admin.action(description="Push what changed", permissions=["push"])
    def push_changes(self, request: HttpRequest, queryset: QuerySet[Outlet]) -> None:
        push_each(request, queryset, PushHistory.PushType.PARTIAL)

    @admin.action(description="Push everything", permissions=["push"])
    def push_everything(self, request: HttpRequest, queryset: QuerySet[Outlet]) -> None:
        push_each(request, queryset, PushHistory.PushType.FULL)


def push_each(request: HttpRequest, outlets: QuerySet[Outlet], push_type: str) -> None:
    for outlet in outlets:
        try:
            started = ring_outlet(outlet.pk, push_type=push_type, user_id=request.user.pk)
        except CannotPush as exc:
            messages.error(request, str(exc))
            continue
        if started.push is None:
            messages.info(request, f"{outlet}: nothing to push")
        elif started.joined:
            messages.warning(request, f"{outlet}: push {started.push.pk} is under way; this one follows it")
        else:
            messages.success(request, f"{outlet}: push {started.push.pk} has been started")


@admin.register(ContractVersion)
class ContractVersionAdmin(admin.ModelAdmin):
    """A version that is stored is never changed: the next one takes its place."""

    form = ContractForm
    list_display = ("platform", "number", "preset", "note", "created_at", "created_by")
    list_filter = ("platform",)
    actions = ("restore",)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What holds now, to be changed."""
        platform = request.GET.get("platform", "pasons")
        last = ContractVersion.objects.filter(platform=platform).order_by("-number").first()
        held = {"preset": last.preset, "changes": last.changes} if last else {}
        return {"platform": platform, "changes": {}, **held}

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ContractVersion, form: Any, change: bool) -> None:
        stored = store_contract(obj.platform, obj.preset, obj.changes, timezone.now(), request.user.pk, obj.note)
        obj.pk, obj.number = stored.pk, stored.number

    @admin.action(description="Let this version hold again", permissions=["add"])
    def restore(self, request: HttpRequest, queryset: QuerySet[ContractVersion]) -> None:
        for old in queryset:
            note = f"version {old.number} again"
            stored = store_contract(old.platform, old.preset, old.changes, timezone.now(), request.user.pk, note)
            messages.success(request, f"{stored} holds now")


class ReadOnlyAdmin(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(PushHistory)
class PushHistoryAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "outlet",
        "push_type",
        "trigger",
        "status",
        "item_count",
        "accepted_count",
        "rejected_count",
        "response_code",
        "push_timestamp",
        "created_by",
    )
    list_filter = ("status", "push_type", "trigger", "platform")
    list_select_related = ("created_by",)
    date_hierarchy = "push_timestamp"
    actions = ("cancel",)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Who may start a push may stop one."""
        return request.user.has_perm("integration.push_outlet")

    @admin.action(description="Cancel", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[PushHistory]) -> None:
        for push in queryset.filter(status__in=PushHistory.OPEN):
            cancel_push(push.pk, request.user.get_username(), timezone.now())
            messages.success(request, f"{push} sends nothing more")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PushHistory]:
        pushes = super().get_queryset(request).select_related("outlet", "created_by")
        return pushes.defer("outlet__api_key", "outlet__api_secret")


@admin.register(PushAttempt)
class PushAttemptAdmin(ReadOnlyAdmin):
    list_display = ("id", "chunk", "number", "started_at", "outcome", "response_code", "error_kind", "item_count")
    list_filter = ("outcome", "error_kind")
    list_select_related = ("chunk",)
    exclude = ("items",)
    show_full_result_count = False


@admin.register(RejectedItem)
class RejectedItemAdmin(ReadOnlyAdmin):
    list_display = (
        "outlet_product",
        "reason",
        "rejected_price",
        "rejection_count",
        "last_rejected_at",
        "quarantined_at",
    )
    list_filter = (("quarantined_at", admin.EmptyFieldListFilter),)
    list_select_related = ("outlet_product",)
    actions = ("release",)

    def has_release_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("integration.change_outlet")

    @admin.action(description="Release from quarantine", permissions=["release"])
    def release(self, request: HttpRequest, queryset: QuerySet[RejectedItem]) -> None:
        count, _ = release_items(queryset)
        messages.success(request, f"{count} items are sent again by the next push")

    search_fields = ("outlet_product__product__sku", "reason")


@admin.register(OutletProduct)
class OutletProductAdmin(admin.ModelAdmin):
    """A change made here goes the way of every product update."""

    list_display = (
        "product",
        "outlet",
        "selling_price",
        "stock_status",
        "pushed_price",
        "pushed_stock_status",
        "differs",
    )
    list_filter = ("outlet", "differs", "stock_status")
    search_fields = ("product__sku", "product__name", "product__barcode")
    fields = ("outlet", "product", "selling_price", "stock_status", "pushed_price", "pushed_stock_status", "pushed_at")
    readonly_fields = ("outlet", "product", "pushed_price", "pushed_stock_status", "pushed_at")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutletProduct]:
        items = super().get_queryset(request).select_related("outlet", "product")
        return items.defer("outlet__api_key", "outlet__api_secret")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: OutletProduct, form: Any, change: bool) -> None:
        values = {name: getattr(obj, name) for name in ("selling_price", "stock_status")}
        sender = Sender(Source.PAGE, user_id=request.user.pk)
        result = apply_product_update(obj.outlet, [{"sku": obj.product.sku, **values}], sender=sender)
        for bad in result.bad_rows:
            messages.error(request, str(bad))


@admin.register(EndpointHealth)
class EndpointHealthAdmin(ReadOnlyAdmin):
    list_display = ("outlet", "failure_count", "open_until", "reason")

    def get_queryset(self, request: HttpRequest) -> QuerySet[EndpointHealth]:
        health = super().get_queryset(request).select_related("outlet")
        return health.defer("outlet__api_key", "outlet__api_secret")


@admin.register(DailySum)
class DailySumAdmin(ReadOnlyAdmin):
    list_display = ("date", "outlet", "push_count", "failed_count", "item_count", "accepted_count", "rejected_count")
    date_hierarchy = "date"

    def get_queryset(self, request: HttpRequest) -> QuerySet[DailySum]:
        sums = super().get_queryset(request).select_related("outlet")
        return sums.defer("outlet__api_key", "outlet__api_secret")


@admin.register(Rescue)
class RescueAdmin(ReadOnlyAdmin):
    list_display = ("date", "kind", "count")
