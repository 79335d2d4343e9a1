"""Secrets at rest."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.db import connection

from integration.encryption import WrongEncryptionKey
from integration.models import Outlet
from tests.conftest import KEY, make_outlet

pytestmark = pytest.mark.django_db


def stored() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT api_key FROM integration_outlet ORDER BY id")
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


def test_all_secrets_are_encrypted_anew_and_the_old_key_can_go(settings: Any, capsys: Any) -> None:
    make_outlet("1", api_key=KEY, api_secret="pair")
    make_outlet("2")
    new = Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [new, *settings.ENCRYPTION_KEYS]
    call_command("rotate_keys")
    assert capsys.readouterr().out == "the secrets of 2 outlets are encrypted with the first key\n"
    settings.ENCRYPTION_KEYS = [new]
    assert Outlet.objects.values_list("api_key", "api_secret").get(store_id="1") == (KEY, "pair")


def test_secrets_that_no_key_decrypts_are_named_and_the_others_are_done(settings: Any, capsys: Any) -> None:
    make_outlet("1", api_key=KEY)
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    make_outlet("2", api_key=KEY)
    before = stored()
    with pytest.raises(CommandError, match=r"none of the keys decrypts the secrets of 1 \(memory\): enter them again"):
        call_command("rotate_keys")
    assert stored() == before
    assert "the secrets of 1 outlets" in capsys.readouterr().out


def test_a_check_names_the_outlets_whose_secrets_cannot_be_read(settings: Any) -> None:
    make_outlet("7", api_key="key")
    make_outlet("8")
    call_command("check", "--database", "default")
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(SystemCheckError, match=r"decrypts the secrets of 7 \(memory\)"):
        call_command("check", "--database", "default")
