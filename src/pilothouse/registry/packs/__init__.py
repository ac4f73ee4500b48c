"""Packs own model files: whose they are, under which licence, and that every byte is the pinned one."""

from __future__ import annotations

from pilothouse.registry.packs.types import Member, OpenPack, Pack, PackFile, PackState, Wheel

__all__ = ["Member", "OpenPack", "Pack", "PackFile", "PackState", "Wheel"]
