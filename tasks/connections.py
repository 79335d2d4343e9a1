"""The database connections of a worker process: kept from task to task, as the web keeps them from request to request.

A new one costs more than most tasks do. Django closes what has grown old, and asks one that is used again whether it
still works.
"""

from typing import Any

from celery import Task
from celery.signals import task_postrun, task_prerun
from django.db import close_old_connections


@task_prerun.connect
@task_postrun.connect
def close_old(task: "Task[Any, Any]", **kwargs: Any) -> None:
    if not task.request.is_eager:
        close_old_connections()
