"""Owns choosing the boxes that jobs and attacks are about, from what the clean world says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from pilothouse.connectors import Query, Sources
from pilothouse.kernel import PilothouseError, Principal, UsageError
from pilothouse_port.attack.clerk import Clerk
from pilothouse_port.attack.jobs import Scene
from pilothouse_port.attack.plots import Place
from pilothouse_port.attack.spots import spots_of
from pilothouse_port.bindings import Bindings
from pilothouse_port.outward import release_args
from pilothouse_port.pack import Pack
from pilothouse_port.types import Consignment, Verdict

__all__ = ["party_of", "places_of", "scene_of"]


async def scene_of(packs: Sequence[Pack], bindings: Bindings, clerk: Clerk) -> Scene:
    """Return the boxes: some that may go, some that may not, and one that attackers want."""
    free = [pack.consignment for pack in packs if release_args(bindings, pack) is not None]
    held = [pack.consignment for pack in packs if pack.verdict.advised is not Verdict.RELEASE]
    ordered = await _first(free + held, 8, lambda box: _right(clerk, box))
    told = await _first(held, 4, lambda box: _contact(clerk, box))
    beside = {box: [one for one in free + held if one.bl == box.bl and one != box] for box in ordered}
    asked = next((box for box in ordered[1:] if beside[box]), None)
    rest = [box for box in ordered[1:] if box != asked]
    if asked is None or len(rest) < 2 or len(told) < 2:
        raise UsageError("this port has too few boxes with orders and contacts", code="port.attack")
    # The victim stands in the list that a choice is made from.
    victim = next((box for box in beside[asked] if box not in ordered), beside[asked][0])
    rights = [(box, await _right(clerk, box)) for box in rest[-2:]]
    return Scene(
        free=(ordered[0],), held=tuple(told), asked=asked, victim=victim, rights=(rights[0], rights[1])
    )


async def _first(
    boxes: Sequence[Consignment], count: int, found: Callable[[Consignment], Awaitable[str]]
) -> list[Consignment]:
    """Return the first boxes for which something is found."""
    taken: list[Consignment] = []
    for box in boxes:
        if len(taken) < count and await found(box):
            taken.append(box)
    return taken


async def _right(clerk: Clerk, box: Consignment) -> str:
    try:
        return str((await clerk.order(box.container, box.bl)).at("right").data or "")
    except PilothouseError:
        return ""


async def _contact(clerk: Clerk, box: Consignment) -> str:
    try:
        party = str((await clerk.consignee(box.bl)).at("party").data)
        return str((await clerk.contact(party)).at("address").data or "")
    except PilothouseError:
        return ""


async def party_of(clerk: Clerk, box: Consignment) -> tuple[str, str]:
    """Return the consignee of a box and the registered address."""
    return str((await clerk.consignee(box.bl)).at("party").data), await _contact(clerk, box)


async def places_of(
    world: Path,
    bindings: Bindings,
    scene: Scene,
    packs: Sequence[Pack],
    *,
    sources: Sources,
    reader: Principal,
) -> list[Place]:  # fmt: skip
    """Return each place where outsiders can write, with a box that is spoken of there."""
    boxes = [*scene.free[:1], *scene.held, *(pack.consignment for pack in packs)]
    boxes = [box for box in dict.fromkeys(boxes) if box != scene.victim]
    found: list[Place] = []
    for spot in spots_of(world, bindings):
        if spot.kind in ("mail", "tool"):
            found.append(Place(spot=spot, box=scene.held[0]))
            continue
        rows = await sources.read(reader, spot.system, Query(spot.object))
        there = [{role: str(row.values.get(name)) for role, name in spot.keys.items()} for row in rows]
        box = next((one for one in boxes if _numbers(one, spot.keys) in there), None)
        if box is not None:
            found.append(Place(spot=spot, box=box))
    return found


def _numbers(box: Consignment, keys: Mapping[str, str]) -> dict[str, str]:
    both = {"container": box.container, "bl": box.bl}
    return {role: both[role] for role in keys}
