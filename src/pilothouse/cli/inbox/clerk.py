"""Owns the keyboard loop of ``pilothouse inbox``: one item at a time, one key an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from pilothouse.cli.console import console
from pilothouse.cli.inbox.keys import ask_line, read_key
from pilothouse.cli.inbox.panel import evidence_page, item_page
from pilothouse.cli.inbox.verbs import colleague, parse_args, parse_until
from pilothouse.kernel import PilothouseError

if TYPE_CHECKING:
    from pilothouse.app import Studio
    from pilothouse.decisions import InboxFilter, Item, ItemView

__all__ = ["Clerk"]

KEYS = (
    "a approve · r reject · e edit · d delegate · s snooze · u undo last · 1-9 evidence · n next "
    "· p previous · q quit > "
)


class Clerk:
    """Walks one person through the queue; every key acts on the item shown.

    The item on screen is claimed, so that two clerks never work on the same one, and given back when
    the clerk moves on. An answer that no longer fits is refused with the reason and the queue goes on.
    """

    def __init__(self, studio: Studio, wanted: InboxFilter) -> None:
        self._studio = studio
        self._inbox = studio.inbox
        self._who = studio.principal
        self._wanted = wanted
        self._answered = 0
        self._last: UUID | None = None

    async def work(self) -> None:
        """Run until the queue is empty or the person leaves."""
        index = 0
        while True:
            page = await self._inbox.list(self._who, self._wanted)
            if not page.items:
                break
            index %= len(page.items)
            step = await self._one(page.items[index], f"{index + 1} of {page.total}")
            if step is None:
                break
            index += step
        left = (await self._inbox.list(self._who, self._wanted)).total
        console().print(f"{self._answered} answered, {left} open.", markup=False)

    async def _one(self, item: Item, place: str) -> int | None:
        """Show one item and take keys until the clerk moves on: how far, or None to leave."""
        if not await self._claimed(item):
            return 1
        try:
            view = await self._inbox.show(item.id, self._who)
            console().print(item_page(view, place=place))
            while True:
                step = await self._key(view, await read_key(KEYS))
                if step != "stay":
                    return {"next": 1, "previous": -1, "answered": 0, "quit": None}[step]
        finally:
            await self._inbox.release(item.id, self._who)

    async def _claimed(self, item: Item) -> bool:
        try:
            await self._inbox.claim(item.id, self._who)
        except PilothouseError as error:
            console().print(f"skipped {item.title}: {error.message}", markup=False)
            return False
        return True

    async def _key(self, view: ItemView, key: str) -> str:
        if key in "q\x04":
            return "quit"
        if key in "n ":
            return "next"
        if key == "p":
            return "previous"
        if key.isdigit():
            self._evidence(view, int(key))
            return "stay"
        answer = {
            "a": self._approve,
            "r": self._reject,
            "e": self._edit,
            "d": self._delegate,
            "s": self._snooze,
            "u": self._undo,
        }
        if key not in answer:
            console().print(f"{key!r} does nothing here", markup=False)
            return "stay"
        try:
            done = await answer[key](view)
        except PilothouseError as error:
            console().print(f"not done: {error.message}", style="yellow", markup=False)
            return "stay"
        self._answered += done
        return "answered" if done else "stay"

    def _evidence(self, view: ItemView, number: int) -> None:
        from pilothouse.decisions import evidence_rows

        rows = evidence_rows(view.proposal.evidence)
        if not 1 <= number <= len(rows):
            console().print(f"there is no evidence {number}; this item has {len(rows)}", markup=False)
            return
        console().print(evidence_page(rows[number - 1]))

    async def _approve(self, view: ItemView) -> bool:
        confirm = str(view.proposal.preview.get("confirm", ""))
        typed = None
        if view.item.tier >= 4 and confirm:
            typed = await ask_line(f"type the last four characters of {confirm[:-4]}…: ")
            if not typed:
                return False
        answer = await self._inbox.approve(view.item.id, self._who, typed=typed, screen=view.screen)
        if answer.verdict == "pending":
            console().print(f"noted; {view.item.needed} people must say yes", markup=False)
        await self._told(view)
        return True

    async def _reject(self, view: ItemView) -> bool:
        reason = await ask_line("why? ")
        if not reason:
            return False
        await self._inbox.reject(view.item.id, self._who, reason, screen=view.screen)
        await self._told(view)
        return True

    async def _told(self, view: ItemView) -> None:
        """Show what was held back until the person had answered."""
        self._last = view.item.id
        after = await self._inbox.show(view.item.id, self._who)
        if after.fault:
            console().print(f"this was a planted sample: {after.fault}", style="yellow", markup=False)
        elif view.item.blind and after.proposal.verdict:
            console().print(f"the rules advised {after.proposal.verdict}", markup=False)

    async def _undo(self, view: ItemView) -> bool:
        if self._last is None:
            console().print("you have answered nothing yet", markup=False)
            return False
        item = await self._inbox.undo(self._last, self._who)
        console().print(f"taken back: {item.title}", markup=False)
        self._last = None
        self._answered -= 1
        return False

    async def _edit(self, view: ItemView) -> bool:
        text = await ask_line(f"new arguments as JSON (now {view.proposal.args}): ")
        if not text:
            return False
        await self._inbox.edit(view.item.id, self._who, parse_args(text))
        return True

    async def _delegate(self, view: ItemView) -> bool:
        name = await ask_line("to whom? ")
        if not name:
            return False
        await self._inbox.delegate(view.item.id, self._who, await colleague(self._studio, name))
        return True

    async def _snooze(self, view: ItemView) -> bool:
        text = await ask_line("until (30m, 2h, 3d, 2026-01-31)? ")
        if not text:
            return False
        await self._inbox.snooze(view.item.id, self._who, parse_until(text))
        return True
