"""The app that holds outlets, their products and their pushes."""

from importlib import import_module

from django.apps import AppConfig


class IntegrationConfig(AppConfig):
    name = "integration"
    verbose_name = "Shop integration"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        import_module("integration.checks")
        import_module("integration.idle_transactions")
