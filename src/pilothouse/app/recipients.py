"""Owns what a recipient of an effect may read: a declared principal by id or address, else the public."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilothouse.app.project import Project
    from pilothouse.connectors import Sources
    from pilothouse.kernel import Authority

__all__ = ["Recipients"]


class Recipients:
    """Looks up ACL ids of recipients that the project declares (``[principals.NAME] addresses``)."""

    def __init__(self, project: Project, sources: Sources, authority: Authority) -> None:
        self._project = project
        self._authority = authority
        self._acls = sources.readers()
        self._names = {
            address.casefold(): name
            for name, entry in project.file.principals.items()
            for address in (name, *entry.addresses)
        }

    def acls(self, recipient: str) -> frozenset[str]:
        """Return the declared ACL ids that ``recipient`` satisfies today; none for who is not declared."""
        who = self._project.declared(self._names.get(recipient.casefold(), ""))
        if who is None:
            return frozenset()
        own = {f"user:{who.id}", *(f"group:{group}" for group in who.groups)}
        return frozenset(acl for acl in self._acls | own if self._authority.reads(who, acl))
