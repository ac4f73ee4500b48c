"""Owns the agents of a registry: put, approved, and found by name; each version is kept once read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilothouse.agents.specs.spec import KIND, AgentSpec, spec_from
from pilothouse.kernel import UsageError

if TYPE_CHECKING:
    from pilothouse.kernel import Principal
    from pilothouse.registry import Asset, Assets

__all__ = ["Published", "Shelf"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A spec and the version it was published as.

    Attributes:
        version: Number in the registry; of a spec that was never published the beginning of its hash.
    """

    spec: AgentSpec
    version: str

    @property
    def id(self) -> str:
        """Such as ``claims-reader@3``."""
        return f"{self.spec.name}@{self.version}"

    @classmethod
    def alone(cls, spec: AgentSpec) -> Published:
        """Return a spec that stands in code."""
        return cls(spec=spec, version=f"h{spec.hash[:8]}")


class Shelf:
    """Finds specs: those given in code, else the registry's.

    Args:
        assets: The registry; None for what stands in code alone.
        specs: Agents of the code, such as a solution's; the registry's version of the name goes first.
    """

    def __init__(self, assets: Assets | None = None, specs: tuple[AgentSpec, ...] = ()) -> None:
        self._assets = assets
        self._here = {spec.name: spec for spec in specs}
        self._kept: dict[tuple[str, str], Published] = {}

    def add(self, *specs: AgentSpec) -> None:
        """Add agents of the code."""
        self._here |= {spec.name: spec for spec in specs}

    def names(self) -> tuple[str, ...]:
        """Return the agents of the code, sorted."""
        return tuple(sorted(self._here))

    async def publish(self, spec: AgentSpec, by: Principal, *, approve: bool = True) -> Asset:
        """Store a version and, unless told otherwise, make it the one that runs.

        Raises:
            DeniedError: ``policy.denied``: without ``registry:publish:agent``.
            UsageError: ``agents.no_registry``.
        """
        from pilothouse.registry import APPROVED

        assets = self._need()
        asset = await assets.put(KIND, spec.name, spec.body(), by)
        if approve:
            await assets.tag(KIND, spec.name, asset.version, APPROVED, by)
        return await assets.get(KIND, spec.name, version=asset.version)

    async def listed(self) -> tuple[Asset, ...]:
        """Return every published version."""
        return () if self._assets is None else await self._assets.list(KIND)

    async def version(self, agent: AgentSpec | str) -> str:
        """Return the version that runs now; ``name@3`` asks for that one.

        Raises:
            UsageError: ``agents.no_agent``.
        """
        if isinstance(agent, AgentSpec):
            return Published.alone(agent).version
        name, _, wanted = agent.partition("@")
        asset = await self._asset(name, wanted)
        if asset is not None:
            return str(asset.version)
        here = self._here.get(name)
        if here is None or (wanted and wanted != Published.alone(here).version):
            known = ", ".join(self.names()) or "none in the code"
            raise UsageError(
                f"there is no agent {agent!r} ({known}); see `pilothouse agents list`", code="agents.no_agent"
            )
        return Published.alone(here).version

    async def find(self, name: str, version: str) -> Published:
        """Return one version of an agent.

        Raises:
            UsageError: ``agents.no_agent``.
        """
        kept = self._kept.get((name, version))
        if kept is not None:
            return kept
        asset = await self._asset(name, version)
        if asset is not None:
            found = Published(spec=spec_from(asset.body), version=version)
        elif name in self._here and Published.alone(self._here[name]).version == version:
            found = Published.alone(self._here[name])
        else:
            raise UsageError(
                f"agent {name!r} has no version {version!r} any more; start the run again",
                code="agents.no_agent",
            )
        self._kept[(name, version)] = found
        return found

    async def _asset(self, name: str, version: str) -> Asset | None:
        if self._assets is None or (version and not version.isdigit()):
            return None
        try:
            return await self._assets.get(KIND, name, version=int(version) if version else None)
        except UsageError:
            return None

    def _need(self) -> Assets:
        if self._assets is None:
            raise UsageError("no registry is bound; open the project's studio", code="agents.no_registry")
        return self._assets
