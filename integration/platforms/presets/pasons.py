"""Pasons' shop as planned: the default contract, a bare JSON array by POST."""

from integration.platforms.contract import Contract

CONTRACT = Contract()
