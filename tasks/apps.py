"""Tasks as a Django app, so that every process that commits a product update can ring the workers."""

from django.apps import AppConfig


class TasksConfig(AppConfig):
    name = "tasks"
