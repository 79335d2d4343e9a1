"""Pasons' shop: the default contract, a bare JSON array by POST."""

from integration.platforms.http import HttpPlatform


class Pasons(HttpPlatform):
    pass
