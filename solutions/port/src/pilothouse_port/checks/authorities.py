"""Owns the rules on authorities and hazards: customs, health, dangerous goods, stops."""

from __future__ import annotations

from datetime import datetime

from pilothouse_port.checks.rules import Params, See, rule

__all__: list[str] = []


@rule("customs", "not_declared")
def _not_declared(see: See, params: Params, at: datetime) -> bool:
    return see("customs.state") in (None, "declared")


def _customs(state: str) -> None:
    @rule("customs", state)
    def _state(see: See, params: Params, at: datetime) -> bool:
        return see("customs.state") == state


for _word in ("held", "inspection", "cancelled", "refused"):
    _customs(_word)


@rule("health", "pending")
def _health_pending(see: See, params: Params, at: datetime) -> bool:
    return _needs_health(see, params) and see("health.state") in (None, "pending")


@rule("health", "refused")
def _health_refused(see: See, params: Params, at: datetime) -> bool:
    return _needs_health(see, params) and see("health.state") == "refused"


@rule("health", "expired")
def _health_expired(see: See, params: Params, at: datetime) -> bool:
    if not _needs_health(see, params) or see("health.state") != "cleared":
        return False
    until = see("health.valid_until")
    return until is not None and until < at.date()


def _needs_health(see: See, params: Params) -> bool:
    chapters = tuple(str(chapter).zfill(2) for chapter in params.get("chapters", ()))
    return any(code.startswith(chapters) for code in see("goods.hs")) if chapters else False


@rule("dangerous", "undeclared")
def _undeclared(see: See, params: Params, at: datetime) -> bool:
    return bool(set(see("goods.un")) - set(see("dangerous.un")))


@rule("dangerous", "class_missing")
def _class_missing(see: See, params: Params, at: datetime) -> bool:
    return len([c for c in see("dangerous.class") if c]) < len(see("dangerous.un"))


@rule("stop", "listed")
def _stop_listed(see: See, params: Params, at: datetime) -> bool:
    return see("stop.listed") == "active"
