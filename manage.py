#!/usr/bin/env python
"""Django's command line."""

import os
import sys

from django.core.management import execute_from_command_line
from django.db import OperationalError, ProgrammingError

from dashboard.env import InvalidEnvironment

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    try:
        execute_from_command_line(sys.argv)
    except InvalidEnvironment as exc:
        sys.exit(f"error: {exc}")
    except (OperationalError, ProgrammingError) as exc:
        first = str(exc).splitlines()[0]
        sys.exit(f"error: the database cannot be used: {first}; after an upgrade or at first: manage.py migrate")
