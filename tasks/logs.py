"""Log lines of workers and beat: in the service's format, and with the ids of whoever asked for the task."""

import logging.config
from typing import Any

from celery import Task
from celery.signals import before_task_publish, setup_logging, task_postrun, task_prerun
from django.conf import settings

from integration import log_context

CARRIED = ("request_id", "user_id")


@setup_logging.connect
def set_up_logging(**kwargs: Any) -> None:
    """Instead of Celery's own lines."""
    logging.config.dictConfig(settings.LOGGING)


@before_task_publish.connect
def send_ids(headers: dict[str, Any], **kwargs: Any) -> None:
    """Who asked goes with the message, however many tasks are between."""
    headers.update({name: value for name in CARRIED if (value := log_context.current(name)) is not None})


@task_prerun.connect
def take_ids(task: "Task[Any, Any]", kwargs: dict[str, Any], **more: Any) -> None:
    """Who asked comes with the message, the others are what the task is about."""
    carried = {name: value for name in CARRIED if (value := getattr(task.request, name, None)) is not None}
    about = {name: value for name, value in kwargs.items() if name.endswith("_id") and value is not None}
    log_context.start(**{**carried, **about}, task=task.name)


@task_postrun.connect
def drop_ids(**kwargs: Any) -> None:
    log_context.start()
