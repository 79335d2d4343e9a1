"""Encrypt the stored secrets anew, with the first of ENCRYPTION_KEYS."""

from typing import Any

from django.core.management.base import CommandError

from integration.encryption import WrongEncryptionKey
from integration.management.base import JsonCommand
from integration.models import AlertTarget, Outlet
from integration.tokens import forget_tokens


class Command(JsonCommand):
    help = "Encrypt all stored secrets with the first of ENCRYPTION_KEYS; the other keys can go afterwards."

    def handle(self, *args: Any, **options: Any) -> None:
        names = Outlet.objects.values_list("pk", "platform", "store_id")
        failed = [f"{store_id} ({platform})" for pk, platform, store_id in names if not rotate(pk)]
        count = len(names) - len(failed)
        self.stdout.write(f"the secrets of {count} outlets are encrypted with the first key")
        failed += [f"alert target {name}" for name in targets_not_rotated()]
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


def targets_not_rotated() -> list[str]:
    names = AlertTarget.objects.values_list("pk", "name")
    return [name for pk, name in names if not rotate_target(pk)]


def rotate_target(target_id: int) -> bool:
    try:
        AlertTarget.objects.only("url").get(pk=target_id).save(update_fields=["url"])
    except WrongEncryptionKey:
        return False
    return True
