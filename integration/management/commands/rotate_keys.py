"""Encrypt the stored secrets anew, with the first of ENCRYPTION_KEYS."""

from typing import Any

from django.core.management.base import CommandError

from integration.encryption import WrongEncryptionKey
from integration.management.base import JsonCommand
from integration.models import Outlet
from integration.tokens import forget_tokens


class Command(JsonCommand):
    help = "Encrypt all stored secrets with the first of ENCRYPTION_KEYS; the other keys can go afterwards."

    def handle(self, *args: Any, **options: Any) -> None:
        names = Outlet.objects.values_list("pk", "platform", "store_id")
        failed = [f"{store_id} ({platform})" for pk, platform, store_id in names if not rotate(pk)]
        count = len(names) - len(failed)
        self.stdout.write(f"the secrets of {count} outlets are encrypted with the first key")
        forget_tokens()
        if options["json"]:
            self.say({"rotated_count": count, "failed": failed})
        if failed:
            raise CommandError(f"none of the keys decrypts the secrets of {', '.join(failed)}: enter them again")


def rotate(outlet_id: int) -> bool:
    try:
        Outlet.objects.only("api_key", "api_secret").get(pk=outlet_id).save(update_fields=["api_key", "api_secret"])
    except WrongEncryptionKey:
        return False
    return True
