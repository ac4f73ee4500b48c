"""Owns the tools of the working directory, and what a long conversation moves there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from pilothouse.agents.files.shell import changed, run_command
from pilothouse.agents.files.tree import WorkingDirectory
from pilothouse.agents.loop.conversation import offers
from pilothouse.agents.loop.conversation.messages import pointing
from pilothouse.agents.loop.conversation.shown import marked, words
from pilothouse.agents.values import plain
from pilothouse.labels import Label, condensed_label, join
from pilothouse.models import Message, ToolSpec

if TYPE_CHECKING:
    from pilothouse.agents.loop.conversation.shown import Shown
    from pilothouse.agents.loop.steps import Steps
    from pilothouse.agents.session import Session

__all__ = ["Filing"]

Shows = tuple[str, Label]


class Filing:
    """The working directory as an agent uses it.

    Args:
        session: Its context.
        shown: How values stand in its conversation.
        wanted: Whether its spec names ``files``; else it can only read what moved there.
    """

    def __init__(self, session: Session, shown: Shown, *, wanted: bool) -> None:
        self._session, self._shown, self._wanted = session, shown, wanted
        self.tree = WorkingDirectory()
        self.tools: dict[str, Callable[[Mapping[str, Any]], Awaitable[Shows]]] = {
            "write_file": self._write,
            "read_file": self._read,
            "list_files": self._list,
            "search": self._search,
        }

    def offered(self) -> tuple[ToolSpec, ...]:
        """Return what may be called now."""
        if self._wanted:
            return (*offers.OTHER_FILES, offers.READ_FILE)
        return (offers.READ_FILE,) if len(self.tree) else ()

    def moved(self, place: int, message: Message) -> Message:
        """Keep an older result as a file and return the message that says where."""
        path = f"results/{place}.txt"
        label = join(message.parts[0].label, *(part.label for part in message.parts[1:]))
        text = "".join(part.text for part in message.parts)
        self.tree.write(path, plain(text, label), text, label)
        return pointing(message, path)

    async def _write(self, args: Mapping[str, Any]) -> Shows:
        content = args.get("content", "")
        value = self._session.argument(self._shown.argument(content))
        outside = self._session.outside
        file = self.tree.write(str(args.get("path", "")), value, words(value.data), outside)
        return f"kept, {len(file.text)} letters", join(outside, file.label)

    async def _read(self, args: Mapping[str, Any]) -> Shows:
        file = self.tree.read(str(args.get("path", "")))
        return self._shown.clear(self._shown.know(self._session.hold(file.value)))

    async def command(self, steps: Steps, args: Mapping[str, Any]) -> Shows:
        """Run a command over the files; what comes out rests on all of them."""
        order = str(args.get("command", ""))
        outside = self._session.outside
        label = condensed_label(
            join(outside, *(one for file in self.tree for one in (file.label, file.named)))
        )

        async def body() -> Any:
            return await run_command(self.tree, order)

        found = await steps.tool("shell", body, inputs={"command": order}, label=lambda: label)
        for path, text in changed(self.tree, found.pop("files")).items():
            self.tree.write(path, plain(text, label, which=label.integrity), text, label)
        return self._shown.result(self._session.hold(plain(found, label, which=label.integrity)))

    async def _list(self, args: Mapping[str, Any]) -> Shows:
        lines = [
            f"{file.path} ({file.label.integrity.name.lower()}, {len(file.text)} letters)"
            for file in self.tree
        ]
        label = join(
            self._session.outside, *(label for file in self.tree for label in (file.label, file.named))
        )
        self._session.see(join(self._session.pc, *(file.named for file in self.tree)))
        return marked("\n".join(lines)) if lines else "no files", label

    async def _search(self, args: Mapping[str, Any]) -> Shows:
        found = self.tree.search(str(args.get("words", "")), self._session.outside)
        return self._shown.result(self._session.hold(found))
