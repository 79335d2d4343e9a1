"""Secrets at rest: a text field that the database only sees encrypted."""

import functools
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class WrongEncryptionKey(Exception):
    """A stored secret was encrypted with a key that ENCRYPTION_KEYS does not hold."""


def cipher() -> MultiFernet:
    return cipher_of(tuple(settings.ENCRYPTION_KEYS))


@functools.lru_cache(maxsize=4)
def cipher_of(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


class EncryptedTextField(models.TextField):
    """Text, encrypted with the first of ENCRYPTION_KEYS; empty text stays empty. Cannot be searched."""

    def get_prep_value(self, value: Any) -> Any:
        plain = super().get_prep_value(value)
        return cipher().encrypt(plain.encode()).decode("ascii") if plain else plain

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        if not value:
            return value
        try:
            return cipher().decrypt(value.encode("ascii")).decode()
        except InvalidToken as exc:
            raise WrongEncryptionKey(f"{self.name}: none of ENCRYPTION_KEYS decrypts the stored value") from exc
