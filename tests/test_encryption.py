"""Secrets at rest."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection

from integration.encryption import WrongEncryptionKey
from integration.models import Outlet
from tests.conftest import KEY, make_outlet

pytestmark = pytest.mark.django_db


def stored() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT api_key FROM integration_outlet")
        return str(cursor.fetchone()[0])


def test_the_database_sees_no_secret() -> None:
    make_outlet(api_key=KEY)
    assert KEY not in stored()
    assert Outlet.objects.get().api_key == KEY


def test_no_secret_stays_no_secret() -> None:
    make_outlet(api_key="")
    assert (stored(), Outlet.objects.get().api_key) == ("", "")


def test_an_old_key_still_decrypts_and_the_new_one_encrypts(settings: Any) -> None:
    make_outlet(api_key=KEY)
    new = Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [new, *settings.ENCRYPTION_KEYS]
    outlet = Outlet.objects.get()
    assert outlet.api_key == KEY
    outlet.save()
    settings.ENCRYPTION_KEYS = [new]
    assert Outlet.objects.get().api_key == KEY


def test_a_wrong_key_is_an_error_and_never_the_stored_text(settings: Any) -> None:
    make_outlet(api_key=KEY)
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(WrongEncryptionKey, match="api_key: none of ENCRYPTION_KEYS decrypts the stored value"):
        Outlet.objects.get()
