"""Owns the rules on money: open charges, cover, payments that fit no charge."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from pilothouse_port.checks.rules import Params, See, rule

__all__: list[str] = []


@rule("money", "unpaid")
def _unpaid(see: See, params: Params, at: datetime) -> bool:
    return _owes(see, params) and not _explained(see, params) and not _covered(see, params, at)


@rule("money", "credit_exceeded")
def _credit_exceeded(see: See, params: Params, at: datetime) -> bool:
    if not _owes(see, params) or _explained(see, params) or not _covered(see, params, at):
        return False
    used = see("credit.used") or Decimal(0)
    return used + see("charge.open_amount") > see("credit.limit")


@rule("money", "unmatched_payment")
def _unmatched_payment(see: See, params: Params, at: datetime) -> bool:
    return _owes(see, params) and _explained(see, params)


def _tolerance(params: Params) -> Decimal:
    return Decimal(str(params.get("tolerance", 0)))


def _owes(see: See, params: Params) -> bool:
    amount = see("charge.open_amount")
    return amount is not None and amount > _tolerance(params)


def _explained(see: See, params: Params) -> bool:
    """Whether money came in that would settle the charge once somebody matches it."""
    received = see("payment.unmatched")
    return bool(received) and received >= see("charge.open_amount") - _tolerance(params)


def _covered(see: See, params: Params, at: datetime) -> bool:
    if params.get("cover") is False:
        return False
    limit = see("credit.limit")
    if limit is None or limit <= 0:
        return False
    until = see("credit.valid_until")
    if until is not None and until < at.date():
        return False
    max_age = params.get("cover_max_age_days")
    if max_age is None:
        return True
    drawn_up = see("credit.as_of")
    return drawn_up is not None and at.date() - drawn_up <= timedelta(days=int(max_age))
