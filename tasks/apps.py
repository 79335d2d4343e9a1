"""Tasks as a Django app, so that every process that commits a product update can ring the workers."""

from django.apps import AppConfig
from importlib import import_module


class TasksConfig(AppConfig):
    name = "tasks"

    def ready(self) -> None:
        import_module("tasks.receivers")  # only now are the models there
