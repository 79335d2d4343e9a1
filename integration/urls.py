"""The addresses of the pages and of the JSON endpoints."""

from django.urls import path
from django.views.generic import RedirectView

from integration import views
from integration.pages import (
    api_settings,
    contract,
    export_feed,
    outlets,
    product_update,
    products,
    push,
    push_list,
    rejected_items,
    schedule,
    timeline,
    tokens,
)

TAB = "shop-integration"

urlpatterns = [
    path("", outlets.list_outlets, name="outlets"),
    path("outlets/act/", outlets.act_on_outlets, name="outlets_act"),
    path("outlets/add/", api_settings.add_outlet, name="outlet_add"),
    path("outlets/<int:outlet_id>/push/", push.start, name="push_start"),
    path(f"{TAB}/", RedirectView.as_view(pattern_name="api_settings"), name="shop_integration"),
    path(f"{TAB}/export-feed/", export_feed.show, name="export_feed"),
    path(f"{TAB}/export-feed/download/", export_feed.download, name="export_feed_download"),
    path(f"{TAB}/product-update/", product_update.list_uploads, name="product_update"),
    path(f"{TAB}/product-update/<int:upload_id>/", product_update.show, name="upload"),
    path(f"{TAB}/product-update/<int:upload_id>/apply/", product_update.apply, name="upload_apply"),
    path(f"{TAB}/product-update/<int:upload_id>/discard/", product_update.discard, name="upload_discard"),
    path(f"{TAB}/product-update/<int:upload_id>/undo/", product_update.undo, name="upload_undo"),
    path(f"{TAB}/product-update/<int:upload_id>/bad-rows/", product_update.bad_rows, name="upload_bad_rows"),
    path(f"{TAB}/api-settings/", api_settings.edit, name="api_settings"),
    path(f"{TAB}/api-settings/test/", api_settings.test_connection, name="api_settings_test"),
    path(f"{TAB}/contract/", contract.edit, name="contract"),
    path(f"{TAB}/contract/preview/", contract.preview, name="contract_preview"),
    path(f"{TAB}/contract/<int:version_id>/", contract.show_version, name="contract_version"),
    path(f"{TAB}/contract/<int:version_id>/restore/", contract.restore, name="contract_restore"),
    path(f"{TAB}/push-history/", push_list.list_pushes, name="push_list"),
    path(f"{TAB}/tokens/", tokens.list_tokens, name="tokens"),
    path(f"{TAB}/tokens/<int:token_id>/revoke/", tokens.revoke, name="token_revoke"),
    path("pushes/<int:push_id>/", push.show, name="push"),
    path("pushes/<int:push_id>/cancel/", push.cancel, name="push_cancel"),
    path("pushes/<int:push_id>/again/", push.push_again, name="push_again"),
    path("pushes/<int:push_id>/rejected/", push.download_rejected, name="push_rejected"),
    path("pushes/<int:push_id>/attempts/<int:attempt_id>/", push.show_attempt, name="attempt"),
    path("products/", products.search, name="products"),
    path("products/<int:product_id>/", products.show, name="product"),
    path("products/<int:product_id>/<int:outlet_id>/change/", products.change, name="product_change"),
    path("products/<int:product_id>/<int:outlet_id>/send/", products.send, name="product_send"),
    path("rejected-items/", rejected_items.list_items, name="rejected_items"),
    path("rejected-items/release/", rejected_items.release, name="rejected_items_release"),
    path("rejected-items/download/", rejected_items.download, name="rejected_items_download"),
    path("schedule/", schedule.show, name="schedule"),
    path("schedule/change/", schedule.change, name="schedule_change"),
    path("schedule/<int:task_id>/switch-on/", schedule.switch_on_task, name="schedule_switch_on"),
    path("schedule/pause/", schedule.pause, name="schedule_pause"),
    path("schedule/resume/", schedule.resume, name="schedule_resume"),
    path("changes/", timeline.list_changes, name="timeline"),
    path("api/outlet-api-settings/", views.save_outlet_api_settings, name="save_outlet_api_settings"),
    path("api/test-api-connection/", views.test_outlet_api_connection, name="test_api_connection"),
    path("api/push-to-ecommerce/", views.push_to_ecommerce_api, name="push_to_ecommerce"),
    path("api/push-history/", views.get_push_history_api, name="push_history"),
]
