"""Run the whole service on this machine, until Ctrl-C."""

import json
import secrets
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from django.utils import timezone

from dashboard import env, processes
from dashboard.processes import PortInUse, require_free
from dashboard.supervisor import AlreadyRunning, Program, StartFailed, Supervisor
from integration.demo_chain import DEMO_KEY
from integration.demo_trouble import MISBEHAVIOURS, make_sample, move_sample, slow_outlet
from integration.mock_shop import MockShop
from integration.models import Outlet, PushHistory
from tasks.push import ring_outlet

ROLES = ("Viewer", "Operator", "Manager")
SHOP_STATE = settings.DATA_DIR / "shop.sqlite3"


class Command(BaseCommand):
    help = "Run broker, worker, beat, web server and flower, and a mock shop with a sample chain, until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="of the web server")
        parser.add_argument("--flower-port", type=int, default=5555)
        parser.add_argument("--shop-port", type=int, default=8800, help="of the mock shop")
        parser.add_argument("--no-sample", action="store_true", help="no mock shop and no sample chain")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with Supervisor(self.programs(options), settings.DATA_DIR / "logs", self.stdout.write) as supervisor:
                is_new = self.prepare(options)
                supervisor.start()
                if is_new:
                    self.push_slowly()
                self.show(options)
                supervisor.run()
        except (AlreadyRunning, PortInUse, StartFailed) as exc:
            raise CommandError(str(exc)) from exc
        except OperationalError as exc:
            raise CommandError(f"the database does not answer: {exc}") from exc
        except KeyboardInterrupt:
            self.stdout.write("stopped")

    def programs(self, options: dict[str, Any]) -> list[Program]:
        shop, web, flower = options["shop_port"], options["port"], options["flower_port"]
        require_free(web, "--port")
        require_free(flower, "--flower-port")
        programs = [processes.broker()] if env.broker_is_embedded() else []
        if not options["no_sample"]:
            require_free(shop, "--shop-port")
            programs.append(processes.mock_shop(shop, DEMO_KEY, SHOP_STATE, [json.dumps(how) for how in MISBEHAVIOURS]))
        return [*programs, processes.worker(), processes.beat(), processes.web(web), processes.flower(flower)]

    def prepare(self, options: dict[str, Any]) -> bool:
        """Whether the sample chain was made."""
        call_command("migrate", verbosity=0)
        if not get_user_model().objects.exists():
            self.make_people(with_roles=not options["no_sample"])
        return False if options["no_sample"] else self.prepare_sample(options["shop_port"])

    def make_people(self, with_roles: bool) -> None:
        password = secrets.token_urlsafe(12)
        get_user_model().objects.create_superuser("admin", password=password)
        self.stdout.write(f"made the user admin with the password {password} (shown only now)")
        for role in ROLES if with_roles else ():
            password = secrets.token_urlsafe(12)
            user = get_user_model().objects.create_user(role.lower(), password=password)
            user.groups.add(Group.objects.get(name=role))
            self.stdout.write(f"made the user {user.get_username()} with the password {password} (shown only now)")

    def prepare_sample(self, port: int) -> bool:
        """An empty database gets the sample chain. Where somebody has outlets of their own, nothing is touched."""
        if not Outlet.objects.exists():
            self.stdout.write("making a sample chain, with two days of pushes ...")
            with MockShop(port, DEMO_KEY, SHOP_STATE) as shop:
                make_sample(shop, timezone.now())
            return True
        if not Outlet.objects.exclude(api_endpoint="").exclude(api_endpoint__contains="127.0.0.1").exists():
            move_sample(f"http://127.0.0.1:{port}")
        return False

    def push_slowly(self) -> None:
        """Something to watch: a push that takes half a minute."""
        if outlet := slow_outlet():
            ring_outlet(outlet.pk, push_type=PushHistory.PushType.FULL)

    def show(self, options: dict[str, Any]) -> None:
        self.stdout.write(f"dashboard  http://127.0.0.1:{options['port']}/")
        self.stdout.write(f"flower     http://127.0.0.1:{options['flower_port']}/")
        if not options["no_sample"]:
            self.stdout.write(f"mock shop  http://127.0.0.1:{options['shop_port']}/_state/007")
        self.stdout.write(f"logs       {settings.DATA_DIR / 'logs'}")
        self.stdout.write("Ctrl-C stops everything")
        self.stdout.flush()  # into a file, nothing would stand there until it ends
