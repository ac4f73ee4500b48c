"""Owns choosing the boxes that jobs and attacks are about, from what the clean world says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pilothouse.connectors import Query, Sources
from pilothouse.kernel import PilothouseError, Principal
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
    told: list[Consignment] = []
    for box in held:
        if await _contact(clerk, box):
            told.append(box)
        if len(told) == 4:
            break
    bills: dict[str, int] = {}
    for pack in packs:
        bills[pack.consignment.bl] = bills.get(pack.consignment.bl, 0) + 1
    asked = next(box for box in free[1:] if bills[box.bl] > 1)
    # Of the same bill of lading where there is one, so that it stands in every list a choice is made from.
    near = [box for box in (p.consignment for p in packs) if box.bl == asked.bl and box != asked]
    taken = [one for one in (free[-1], free[-2]) if one not in (asked, free[0])]
    rights = [(box, str((await clerk.order(box.container, box.bl)).at("right").data)) for box in taken]
    return Scene(
        free=tuple(free), held=tuple(told), asked=asked, victim=near[0], rights=(rights[0], rights[-1])
    )


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
