"""The cast: who they are, and what they may do."""

import importlib
from types import SimpleNamespace

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client

PASSWORD = "a-long-password"
ROLES = ("nobody", "Viewer", "Operator", "Manager")


def restore_migrated_rows() -> None:
    """What migrations have written, for a database that a test has emptied: groups and schedules."""
    schema_editor = SimpleNamespace(connection=connection)
    importlib.import_module("integration.migrations.0002_schedule").create_schedule(apps, schema_editor)
    importlib.import_module("integration.migrations.0004_prune_daily").create_schedule(apps, schema_editor)
    importlib.import_module("integration.migrations.0007_roles").make_roles(apps, schema_editor)
    importlib.import_module("integration.migrations.0008_pages").add_rights(apps, schema_editor)
    importlib.import_module("integration.migrations.0013_alerts").add_rights(apps, schema_editor)
    reconcile = importlib.import_module("integration.migrations.0019_reconcile")
    reconcile.add_rights(apps, schema_editor)
    reconcile.create_schedule(apps, schema_editor)


def make_person(role: str, name: str = "", password: str | None = None) -> str:
    """Somebody with this role ("nobody": signed in, without a group); the user name. A password takes half a second."""
    users = get_user_model().objects
    name = name or role.lower()
    if role == "administrator":
        users.create_superuser(name, password=password)
        return name
    user = users.create_user(name, password=password)
    if role != "nobody":
        user.groups.add(Group.objects.get(name=role))
    return name


def signed_in(role: str) -> Client:
    name = make_person(role)
    client = Client()
    client.force_login(get_user_model().objects.get(username=name))
    return client
