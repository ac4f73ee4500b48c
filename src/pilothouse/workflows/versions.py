"""Owns the versions in force: a part that owns a policy or table tells the door which one holds now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

__all__ = ["DeclaredVersions", "version_of"]

Version = Callable[[str], Awaitable[str]]
_declared: dict[str, Version] = {}


def version_of(name: str) -> Callable[[Version], Version]:
    """Declare an async function that returns the version in force now of ``name`` or ``name:which``.

    It gets what stands behind the colon. An approval that names it among its ``data_versions`` (or as
    ``policy_version``) opens nothing once the version has moved. Without a declaration the workflow's own
    memory counts.
    """

    def register(function: Version) -> Version:
        _declared[name] = function
        return function

    return register


class DeclaredVersions:
    """Answers the door from what was declared; see :class:`~pilothouse.effects.Versions`."""

    async def current(self, names: Sequence[str]) -> Mapping[str, str]:
        """Return the versions in force of the declared among ``names``."""
        known = {name: name.partition(":") for name in names}
        return {
            name: await _declared[kind](which)
            for name, (kind, _, which) in known.items()
            if kind in _declared
        }
