"""Owns reading the ladder's rows: a unit's standing, the rung held in an intent, the key of the lot."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from pilothouse.decisions.ladder.draws import KEY_BYTES
from pilothouse.decisions.ladder.maths.evidence import labels_more, log_evidence, upper_bound
from pilothouse.decisions.ladder.policy import LadderPolicy, cap_of
from pilothouse.decisions.ladder.types import Rung, Standing, Unit
from pilothouse.kernel import DeniedError, decode
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.decisions.ladder.types import Certificate
    from pilothouse.storage import Database, Tx

__all__ = [
    "catch_bound",
    "certificate_of",
    "effective",
    "key_of",
    "require_rung",
    "standing_of",
    "unit_values",
]

Q = load_queries("pilothouse.decisions.ladder")


def unit_values(unit: Unit) -> dict[str, Any]:
    """Return the unit as query parameters."""
    return {"action": unit.action, "tier": unit.tier, "site": unit.site, "version": unit.version}


def effective(row: Mapping[str, Any], tier: int) -> Rung:
    """Return the rung in force: the lowest of what was earned, the tier's cap and the switch."""
    waived = None if row["waived"] is None else Rung(row["waived"])
    highest = Rung.APPROVE if row["dropped"] else cap_of(tier, waived)
    return min(Rung(row["rung"]), highest)


async def require_rung(tx: Tx, unit: Unit, rung: Rung) -> None:
    """Refuse unless ``unit`` stands at ``rung`` or higher; keeps it there until ``tx`` ends.

    Raises:
        DeniedError: ``ladder.below``.
    """
    row = await tx.fetch_one(Q.hold_rung, unit_values(unit))
    now = Rung.APPROVE if row is None else effective(row, unit.tier)
    if now < rung:
        raise DeniedError(
            f"{unit!s} stands at {now.name.lower()!r}, this needs {rung.name.lower()!r}; ask a person",
            code="ladder.below",
            reasons=("ladder.below",),
        )


def catch_bound(shown: int, caught: int, policy: LadderPolicy) -> float:
    """Return the lower bound of the share of bad cases the reviewers catch; 0 while none was shown."""
    if policy.catch == "assumed":
        return 1.0
    return 1 - upper_bound(shown, shown - caught, policy.alpha)


def certificate_of(row: Mapping[str, Any]) -> Certificate | None:
    """Return the certificate in a unit's row."""
    return cast("Certificate | None", decode(row["certificate"]))


def standing_of(row: Mapping[str, Any] | None, unit: Unit, policy: LadderPolicy) -> Standing:
    """Return the standing of a unit from its row; without one it is at ``APPROVE`` with no label."""
    if row is None:
        return Standing(
            unit=unit, rung=Rung.APPROVE, review=1.0, n=0, k=0, log_e=0.0, bound=1.0, cap=cap_of(unit.tier)
        )
    rung = effective(row, unit.tier)
    waived = None if row["waived"] is None else Rung(row["waived"])
    known: dict[str, Any] = {
        "unit": unit,
        "rung": rung,
        "earned": Rung(row["rung"]),
        "review": policy.review_of(rung),
        "cap": cap_of(unit.tier, waived),
        "dropped": row["dropped"],
        "certificate": certificate_of(row),
    }
    return Standing(**known, **_figures(row, policy, climbs=known["earned"] < known["cap"]))


def _figures(row: Mapping[str, Any], policy: LadderPolicy, *, climbs: bool) -> dict[str, Any]:
    n, k, eps, alpha = row["n"], row["k"], row["eps"], row["alpha"]
    catch = catch_bound(row["shown"], row["caught"], policy)
    provable = catch > 0 and alpha > 0
    # The true share is at most the one seen divided by the share of bad cases that are seen at all.
    bound = min(1.0, upper_bound(n, k, policy.alpha) / catch) if catch > 0 else 1.0
    return {
        "n": n,
        "k": k,
        "eps": eps,
        "catch": catch,
        "bound": bound,
        "log_e": log_evidence(n, k, eps * catch) if catch > 0 else 0.0,
        "needed": -math.log(alpha) if provable else math.inf,
        "more": labels_more(n, k, eps * catch, alpha) if provable and climbs else None,
    }


async def key_of(database: Database) -> bytes:
    """Return the key of the lot; the first who asks makes it."""
    key = await database.fetch_value(Q.key)
    if key is None:
        await database.execute(Q.make_key, {"key": secrets.token_bytes(KEY_BYTES)})
        key = await database.fetch_value(Q.key)
    return bytes(key)
