"""Amazon SQS in the place of Redis, as moto's server plays it. Neither is among the service's own requirements."""

from importlib.util import find_spec
from typing import Any

import pytest

from dashboard import env, processes
from dashboard.processes import LOOPBACK, PYTHON, listens
from dashboard.supervisor import Program
from integration.mock_shop import MockShop
from integration.models import Outlet
from tests.conftest import stock
from tests.parts.proof import prove_alive, prove_settled
from tests.parts.test_rabbitmq import ask

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not all(map(find_spec, ("boto3", "pycurl", "moto"))), reason="needs celery[sqs] and moto[server]"
    ),
]
OPTIONS = '{"region": "us-east-1", "is_secure": false, "queue_name_prefix": "push-", "polling_interval": 0.2}'
SERVER = "from moto.server import main; main(['--host', '{host}', '--port', '{port}'])"


def test_a_push_and_a_change_go_through_sqs(start: Any, branch: Outlet, shop: MockShop, every_second: None) -> None:
    port = processes.free_port()
    server = [PYTHON, "-c", SERVER.format(host=LOOPBACK, port=port)]
    start(Program("moto", server, lambda child: listens(port), environment=env.changed()))
    url = f"sqs://a-key:a-secret@{LOOPBACK}:{port}//"
    variables = {"BROKER_URL": url, "REDIS_URL": "", "BROKER_OPTIONS": OPTIONS, "AWS_EC2_METADATA_DISABLED": "true"}
    stock(branch, 3000)
    worker = start(processes.worker(), **variables)
    start(processes.beat(), **variables)
    ask(branch, variables)
    prove_settled(shop, branch)
    prove_alive(shop, branch)
    assert worker.status == "running"
