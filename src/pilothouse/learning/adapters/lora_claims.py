"""Owns reading claims by an adapter of the local text model: how it is trained, and how it is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pilothouse.kernel import Json, UnavailableError
from pilothouse.learning.adapters.lora import CARD, LoraJob, LoraResult, open_adapter, train_lora
from pilothouse.learning.adapters.lora_types import Example

if TYPE_CHECKING:
    from pilothouse.documents.claims import Task
    from pilothouse.labels import Label
    from pilothouse.learning.adapters.lora_served import ProgressCall
    from pilothouse.learning.data.examples import Examples
    from pilothouse.models.runtime import LocalRuntime, Weights

__all__ = ["AdapterGenerator", "claim_examples", "claim_form", "train_claims_adapter"]

_ASK = "Claims of the text with verbatim quotes, as JSON.\n"
_MOST_CLAIMS = 4
_MOST_QUOTE = 240
_KNOWN_EACH = 6
"""Every sixth text of a known layout is measured on, not learnt from."""


def claim_form(types: Sequence[str]) -> dict[str, Json]:
    """Return the JSON Schema an adapter answers in: claims of these types, each with a quote, all bounded."""
    item: dict[str, Json] = {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": list(types)},
            "quote": {"type": "string", "maxLength": _MOST_QUOTE},
        },
        "required": ["type", "quote"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"claims": {"type": "array", "maxItems": _MOST_CLAIMS, "items": item}},
        "required": ["claims"],
        "additionalProperties": False,
    }


def claim_examples(task: Task, examples: Examples, *, seed: int = 0) -> tuple[list[Example], list[Example]]:
    """Return what an adapter learns from, and what it is measured on: texts of known and of new layouts.

    It is asked without the instructions that a large model gets: a small one learns the task from examples,
    and every word of the question costs training time.

    Raises:
        DataError: ``learning.too_few``: no layout could be kept aside.
    """
    from pilothouse.documents.claims import instructions_for
    from pilothouse.learning.data.dialogues import as_dialogues

    told = instructions_for(task, tuple(one.name for one in task.types if not one.mention))
    train, new = ([_short(row, told) for row in rows] for rows in as_dialogues(task, examples, seed=seed))
    known = train[::_KNOWN_EACH] if len(train) > _KNOWN_EACH else []
    seen = {one.layout for one in train if one not in known}
    return [one for one in train if one not in known], [*(one for one in known if one.layout in seen), *new]


def _short(row: Mapping[str, str], told: str) -> Example:
    text = row["prompt"].removeprefix(told).strip()
    return Example(prompt=_ASK + text, completion=row["completion"], layout=row["layout"])


async def train_claims_adapter(
    task: Task,
    examples: Examples,
    base: Weights,
    job: LoraJob,
    *,
    progress: ProgressCall | None = None,
) -> LoraResult:
    """Train an adapter that proposes a task's claims; a fifth of the wordings is kept aside and never seen.

    Args:
        task: Names the claim types.
        examples: Texts with labels and quotes.
        base: The open pack whose weights are adapted.
        job: Name, folder, budget, interpreter and recipe; its examples and schema are filled in here.

    Raises:
        UsageError: ``learning.no_train``, ``learning.empty``.
        DataError: ``learning.too_few``.
        LimitError: ``learning.budget``.
        UnavailableError: ``learning.failed``.
    """
    train, aside = claim_examples(task, examples, seed=job.seed)
    types = sorted({name for one in examples for name in one.labels} & task.by_name.keys())
    whole = replace(job, train=train, held_out=aside, schema=claim_form(types))
    result = await train_lora(whole, base, progress=progress)
    card = {
        **result.card,
        "task": {"name": task.name, "version": task.version},
        "types": types,
        "examples_version": examples.version,
        "licence": examples.licence,
    }
    (job.folder / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return replace(result, card=card)


class AdapterGenerator:
    """A ``Generator`` of claims: the local text model with one adapter, under a grammar.

    It is asked as it was trained, whatever the caller's words; what it says beside the caller's types is
    dropped, and every quote is checked by the caller. Use it with ``async with``.

    Args:
        folder: Of the adapter and its card.
        base: The open pack it was trained on.
    """

    def __init__(self, folder: Path, base: Weights) -> None:
        from pilothouse.models.runtime import LocalRuntime

        adapter = open_adapter(folder, base)
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        self._types = frozenset(str(name) for name in card.get("types", ()))
        self._version = f"{base.name}+{adapter.name}@{card['adapter']['sha256'][:12]}"
        self._runtime: LocalRuntime = LocalRuntime(base, adapters=[adapter])
        self._lora = self._runtime.lora(adapter.name)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runtime.close()

    @property
    def version(self) -> str:
        """Base and adapter, with its hash."""
        return self._version

    @property
    def types(self) -> frozenset[str]:
        """Claim types it was trained for."""
        return self._types

    async def fill(
        self, instructions: str, text: str, *, schema: Mapping[str, Json], label: Label, language: str
    ) -> Json:
        """Return the claims it proposes of the caller's types; nothing leaves this machine.

        Raises:
            UnavailableError: ``learning.no_answer``: the local model does not answer, or not to the end.
        """
        del instructions, label, language
        import httpx2

        named = {"name": "answer", "schema": claim_form(sorted(self._types)), "strict": True}
        body = {
            "messages": [{"role": "user", "content": _ASK + text}],
            "temperature": 0,
            "max_tokens": 400,
            "lora": self._lora,
            "response_format": {"type": "json_schema", "json_schema": named},
        }
        runtime = self._runtime
        client = httpx2.AsyncClient(transport=runtime.transport, base_url=runtime.base_url, timeout=120)
        try:
            async with client:
                response = (await client.post("/chat/completions", json=body)).raise_for_status()
            choice = response.json()["choices"][0]
        except httpx2.HTTPError as error:
            raise UnavailableError(f"{self._version}: {error}", code="learning.no_answer") from error
        if choice["finish_reason"] != "stop":
            raise UnavailableError(f"{self._version} did not come to an end", code="learning.no_answer")
        wanted = _asked(schema)
        claims = json.loads(choice["message"]["content"])["claims"]
        return {"claims": [one for one in claims if one["type"] in wanted]}


def _asked(schema: Mapping[str, Any]) -> frozenset[str]:
    try:
        return frozenset(schema["properties"]["claims"]["items"]["properties"]["type"]["enum"])
    except (KeyError, TypeError):
        return frozenset()
