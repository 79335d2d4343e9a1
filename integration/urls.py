"""The addresses of the service's JSON endpoints."""

from django.urls import path

from integration import views

urlpatterns = [
    path("api/outlet-api-settings/", views.save_outlet_api_settings, name="save_outlet_api_settings"),
    path("api/test-api-connection/", views.test_outlet_api_connection, name="test_api_connection"),
    path("api/push-to-ecommerce/", views.push_to_ecommerce_api, name="push_to_ecommerce"),
    path("api/push-history/", views.get_push_history_api, name="push_history"),
]
