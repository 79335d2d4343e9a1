"""gunicorn's settings."""

from typing import Any

from dashboard.supervisor import die_with_parent

wsgi_app = "dashboard.wsgi"
workers = 2
control_socket_disable = True  # nobody uses it, and a container's file system is read-only
# Longer than clients and proxies keep a connection (most 60 s): with gunicorn's 2 s, one is closed now and then
# just as a request is on its way, and that gets no answer.
keepalive = 75
threads = 4  # a worker without threads is killed when an upload or a download takes longer than its time-out


def post_fork(server: Any, worker: Any) -> None:
    """A worker would look for its parent only once in half a minute."""
    die_with_parent()
