"""Tasks as a Django app, so that every process that commits a product update can ring the workers."""

from importlib import import_module

from django.apps import AppConfig


class TasksConfig(AppConfig):
    name = "tasks"

    def ready(self) -> None:
        import_module("tasks.receivers")  # only now are the models there
