"""Seconds of processor time: what a piece of work costs, whatever else the machine is doing."""

import psutil
from django.db import connection

from dashboard.supervisor import Supervisor


def roots_of(supervisor: Supervisor) -> list[psutil.Process]:
    """This process, the database server, and whatever the supervisor keeps running."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        server = psutil.Process(cursor.fetchone()[0]).parent()
    others = [psutil.Process(child.process.pid) for child in supervisor.children]
    return [psutil.Process(), *([server] if server else []), *others]


def seconds_used(roots: list[psutil.Process]) -> float:
    """Until now, by these processes and all that they have started."""
    ours, *others = roots
    return sum(ours.cpu_times()[:2]) + sum(used_by(process) for process in others)


def used_by(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:4]) + sum(used_by(child) for child in process.children())
    except psutil.NoSuchProcess:
        return 0
