"""Packs own model files: whose they are, under which licence, and that every byte is the pinned one."""

from __future__ import annotations

from pilothouse.registry.packs.fetch import fetch
from pilothouse.registry.packs.manifest import read_pack, shipped
from pilothouse.registry.packs.mirror import import_pack, mirror
from pilothouse.registry.packs.ports import PackSource, Progress
from pilothouse.registry.packs.store import Packs, open_store
from pilothouse.registry.packs.types import Member, OpenPack, Pack, PackFile, PackState, Wheel

__all__ = [
    "Member",
    "OpenPack",
    "Pack",
    "PackFile",
    "PackSource",
    "PackState",
    "Packs",
    "Progress",
    "Wheel",
    "fetch",
    "import_pack",
    "mirror",
    "open_store",
    "read_pack",
    "shipped",
]
