"""Owns the rules on the box: seal, damage, changed contacts, free time, gate."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal

from pilothouse_port.checks.rules import Params, See, rule

__all__ = ["counted_days"]


@rule("seal", "mismatch")
def _mismatch(see: See, params: Params, at: datetime) -> bool:
    manifest, found = see("seal.manifest"), see("seal.terminal")
    return bool(manifest) and bool(found) and _bare(manifest) != _bare(found)


def _bare(seal: str) -> str:
    return re.sub(r"[^0-9A-Z]", "", seal.upper())


@rule("damage", "coded")
def _damage_coded(see: See, params: Params, at: datetime) -> bool:
    return see("damage.code") in tuple(params.get("codes", ("major",)))


@rule("fraud", "contact_changed")
def _contact_changed(see: See, params: Params, at: datetime) -> bool:
    changed = see("party.contact_changed_at")
    return changed is not None and at - changed <= timedelta(days=int(params.get("days", 14)))


@rule("free_time", "demurrage_due")
def _demurrage_due(see: See, params: Params, at: datetime) -> bool:
    discharged = see("discharge.at")
    if discharged is None:
        return False
    planned = see("pickup.at")
    last = (planned or at).astimezone(at.tzinfo).date()
    first = discharged.astimezone(at.tzinfo).date()
    counted = counted_days(
        first,
        last,
        working=params.get("count") == "working",
        holidays=frozenset(str(day) for day in params.get("holidays", ())),
        first_day=int(params.get("first_day", 1)),
    )
    return counted > _free_days(see, params)


def _free_days(see: See, params: Params) -> int:
    free = params.get("free_days", 0)
    if isinstance(free, int):
        return free
    by_size = {str(size): int(days) for size, days in dict(free).items()}
    size = str(see("box.size"))
    return by_size.get(size, by_size.get("other", min(by_size.values())))


def counted_days(
    first: date, last: date, *, working: bool, holidays: frozenset[str] = frozenset(), first_day: int = 1
) -> int:
    """Count days from discharge to pick-up.

    Args:
        first: Day of discharge.
        last: Day of pick-up, counted.
        working: Leave out Saturdays, Sundays and ``holidays`` (ISO dates).
        first_day: 1 counts from the day after discharge, 0 counts the day of discharge too.
    """
    days = ((last - first).days + 1) - first_day
    if days <= 0:
        return 0
    start = first + timedelta(days=first_day)
    if not working:
        return days
    each = (start + timedelta(days=n) for n in range(days))
    return sum(day.weekday() < 5 and day.isoformat() not in holidays for day in each)


@rule("gate", "no_slot")
def _no_slot(see: See, params: Params, at: datetime) -> bool:
    return see("pickup.at") is None


@rule("gate", "mass_missing")
def _mass_missing(see: See, params: Params, at: datetime) -> bool:
    return see("mass.verified") is None


@rule("gate", "mass_differs")
def _mass_differs(see: See, params: Params, at: datetime) -> bool:
    verified = see("mass.verified")
    if verified is None:
        return False
    tare = see("box.tare") or Decimal(0)
    weight = see("goods.box_weight")
    percent = Decimal(str(params.get("tolerance_percent", 5)))
    return abs(verified - tare - weight) > weight * percent / 100


@rule("gate", "empty_outstanding")
def _empty_outstanding(see: See, params: Params, at: datetime) -> bool:
    if see("pickup.haulier") is None:
        return False
    return (see("empty.outstanding") or 0) > int(params.get("empties_allowed", 0))
