"""The verbs of models: who serves what, how it does and what it costs; check, try, offline, online."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pilothouse.cli.console import AsOption, JsonOption, ProjectOption, console, emit, run, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pilothouse.app import Studio

__all__ = ["register"]

app = typer.Typer(help="Models: providers, routes, what they can do and cost.", no_args_is_help=True)
EMPTY = (
    "No provider is declared, so no model is asked. The embedded model needs only this in "
    'pilothouse.toml:\n\n[models.providers.here]\nkind = "local"\n\n[models.routes.chat]\nuse = ["here"]\n\n'
    'then run `pilothouse packs fetch` and `pilothouse models try "Say hello."`. A server goes by its '
    'address:\n\n[models.providers.site]\nurl = "http://127.0.0.1:8000/v1"\nmodel = "NAME"\n\n'
    '[models.routes.chat]\nuse = ["site"]\n\nthen run `pilothouse models check site`.'
)
UNROUTED = (
    "No route is declared, so no task reaches a model. Say in pilothouse.toml who serves one, first choice "
    'first:\n\n[models.routes.chat]\nuse = [{names}]\n\n("*" instead of chat serves every task.)'
)


def register(cli: typer.Typer) -> None:
    """Add the verbs to ``cli``."""
    cli.add_typer(app, name="models")


@contextlib.asynccontextmanager
async def _opened(folder: Path, acting: str | None = None) -> AsyncGenerator[Studio]:
    from pilothouse.app import open_studio

    async with open_studio(folder, acting=acting, work=False) as studio:
        yield studio


@app.command("list")
def list_models(*, project: ProjectOption = Path(), json: JsonOption = False) -> None:
    """List providers: where they are, what they can do, how they did in the last day and what it cost."""
    run(_list(project, json))


async def _list(folder: Path, json: bool) -> None:
    from pilothouse.models import Records

    async with _opened(folder) as studio:
        records = Records(studio.database, authority=studio.authority)
        totals = {one.provider: one for one in await records.totals()}
        rows: list[dict[str, Any]] = []
        for name, provider in studio.models.providers.items():
            able, done = provider.abilities, totals.get(name)
            rows.append(
                {
                    "provider": name,
                    "kind": provider.kind,
                    "model": provider.model,
                    "where": await _where(studio, name),
                    "can": _can(able),
                    "context": able.max_context or None,
                    "measured": able.measured,
                    "calls": done.calls if done else 0,
                    "ok": done.ok if done else 0,
                    "seconds": done.median_seconds if done else None,
                    "cpu_seconds": done.cpu_seconds if done else 0.0,
                    "cost": done.cost if done else 0,
                    "expires": provider.expires,
                }
            )
        data = {"offline": studio.models.offline, "providers": rows}
        emit(data, as_json=json, show=lambda: _list_shown(rows, studio.models.offline))


def _list_shown(rows: list[dict[str, Any]], offline: str) -> RenderableType:
    title = "Providers, last 24 hours" + (f" · OFFLINE: {offline}" if offline else "")
    cells = [
        [row["provider"], row["model"], row["where"], ", ".join(row["can"]), row["context"],
         row["measured"] or "declared", f"{row['ok']}/{row['calls']}", _seconds(row["seconds"]), row["cost"]]
        for row in rows
    ]  # fmt: skip
    columns = ["provider", "model", "where", "can", "context", "measured", "answered", "median", "cost"]
    return table(title, columns, cells, empty=EMPTY)


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def _can(able: Any) -> list[str]:
    names = ("stream", "json_schema", "native_tools", "logprobs", "images", "lora", "may_word")
    return [name for name in names if able.has(name)]


async def _where(studio: Studio, name: str) -> str:
    """Return where an address leads, in words."""
    from pilothouse.kernel import PilothouseError

    try:
        place = await studio.models.backend(name).locate()
    except PilothouseError as error:
        return error.code
    return "this machine" if place.local else f"outside ({place.address})"


@app.command()
def routes(*, project: ProjectOption = Path(), json: JsonOption = False) -> None:
    """List routes: which providers serve a task, first choice first, and what they need."""
    run(_routes(project, json))


async def _routes(folder: Path, json: bool) -> None:
    async with _opened(folder) as studio:
        rows = [
            {
                "task": route.task,
                "use": list(route.use),
                "template": bool(route.template),
                "needs": sorted(route.needs),
                "readers": None if route.readers is None else sorted(route.readers),
                "languages": sorted(route.languages),
                "redact": list(route.redact),
                "cache_seconds": route.cache_seconds,
                "version": route.version,
            }
            for route in studio.models.routes.values()
        ]
        names = ", ".join(f'"{name}"' for name in studio.models.providers)
    empty = UNROUTED.format(names=names) if names else EMPTY
    emit(rows, as_json=json, show=lambda: _routes_shown(rows, empty))


def _routes_shown(rows: list[dict[str, Any]], empty: str) -> RenderableType:
    cells = [
        [row["task"], " > ".join([*row["use"], *(["template"] if row["template"] else [])]),
         ", ".join(row["needs"]), ", ".join(row["redact"]), row["version"]]
        for row in rows
    ]  # fmt: skip
    return table("Routes", ["task", "providers", "needs", "redactors", "version"], cells, empty=empty)


@app.command()
def check(
    provider: Annotated[str | None, typer.Argument(help="Which one; all by default.")] = None,
    *,
    context: Annotated[int, typer.Option(min=256, help="Longest prompt to try, in tokens.")] = 2048,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Measure what providers can do, and keep it, dated: routes go by it from the next start on."""
    run(_check(project, acting, provider, context, json))


async def _check(folder: Path, acting: str | None, name: str | None, context: int, json: bool) -> None:
    from pilothouse.app.models import permit_check
    from pilothouse.kernel import PilothouseError
    from pilothouse.models import measure, store_check

    async with _opened(folder, acting) as studio:
        names = [name] if name else list(studio.models.providers)
        rows: list[dict[str, Any]] = []
        for one in names:
            console(stderr=True).print(f"{one}: measuring ...", markup=False)
            backend = studio.models.backend(one)
            try:
                await permit_check(studio.models, one, studio.principal)
                found = await measure(backend, context=context)
            except PilothouseError as error:
                rows.append({"provider": one, "error": error.code, "why": error.message})
                continue
            await store_check(studio.database, backend.provider, found, by=studio.principal.id)
            able = found.abilities
            rows.append(
                {"provider": one, "can": _can(able), "context": able.max_context, "figures": found.figures}
            )
        emit(rows, as_json=json, show=lambda: _check_shown(rows))


def _check_shown(rows: list[dict[str, Any]]) -> RenderableType:
    cells = [
        [row["provider"], row.get("error") or ", ".join(row["can"]), row.get("context"),
         row.get("why") or ", ".join(f"{name} {value}" for name, value in row["figures"].items())]
        for row in rows
    ]  # fmt: skip
    return table("Measured", ["provider", "can", "context", "figures"], cells, empty=EMPTY)


@app.command("try")
def try_model(
    words: Annotated[str, typer.Argument(help="What to say.")],
    *,
    task: Annotated[str, typer.Option(help="The route.")] = "chat",
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Say something through a route, as yourself; what you type stays yours: only you may read it."""
    run(_try(project, acting, task, words, json))


async def _try(folder: Path, acting: str | None, task: str, words: str, json: bool) -> None:
    from pilothouse.labels import unknown
    from pilothouse.models import ChatRequest, Message, Part

    async with _opened(folder, acting) as studio:
        said = Part(text=words, label=unknown(studio.principal.id))
        request = ChatRequest(
            task=task,
            messages=(Message(role="user", parts=(said,)),),
            principal=studio.principal,
            caller="cli.try",
        )
        answer = await studio.models.chat(request)
        data = {
            "text": answer.text,
            "provider": answer.provider,
            "model": answer.model,
            "call": answer.call,
            "degraded": answer.degraded,
            "usage": answer.usage,
        }
        by = f"\n\n{answer.provider} ({answer.model})" + (
            f", degraded: {answer.degraded}" if answer.degraded else ""
        )
        emit(data, as_json=json, show=lambda: answer.text + by)


@app.command()
def offline(
    reason: Annotated[str, typer.Argument(help="Why.")],
    *,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Let no prompt leave this machine any more, in all processes at once."""
    run(_switch(project, acting, reason, True, json))


@app.command()
def online(
    reason: Annotated[str, typer.Argument(help="Why.")],
    *,
    project: ProjectOption = Path(),
    acting: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Let prompts leave again, each through the door; people only."""
    run(_switch(project, acting, reason, False, json))


async def _switch(folder: Path, acting: str | None, reason: str, offline: bool, json: bool) -> None:
    from pilothouse.app import switch_egress

    async with _opened(folder, acting) as studio:
        await switch_egress(studio.door, studio.principal, reason, offline=offline)
    words = "offline: no prompt leaves this machine" if offline else "online: prompts leave through the door"
    emit({"offline": offline, "reason": reason}, as_json=json, show=lambda: words)


@app.command()
def calls(
    *,
    run_id: Annotated[str | None, typer.Option("--run", help="Only those of this run.")] = None,
    task: Annotated[str | None, typer.Option(help="Only those of this task.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 20,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """List recorded calls, newest first: who answered, what went wrong, what it cost. No words are shown."""
    run(_calls(project, run_id, task, limit, json))


async def _calls(folder: Path, run_id: str | None, task: str | None, limit: int, json: bool) -> None:
    from pilothouse.models import Records

    async with _opened(folder) as studio:
        found = await Records(studio.database).attempts(run=run_id, task=task, limit=limit)
        data = [{name: getattr(one, name) for name in one.__slots__} for one in found]
        rows = [
            [f"{one.at:%d %b %H:%M:%S}", one.task, one.provider, one.outcome, one.code, one.principal,
             one.prompt_tokens, one.output_tokens, _seconds(one.seconds), one.cost]
            for one in found
        ]  # fmt: skip
    columns = ["at", "task", "provider", "outcome", "why", "who", "in", "out", "took", "cost"]
    emit(data, as_json=json, show=lambda: table("Calls", columns, rows, empty="No call was made yet."))


@app.command()
def prune(*, project: ProjectOption = Path(), json: JsonOption = False) -> None:
    """Forget calls older than PILOTHOUSE_MODELS_KEEP_DAYS; a serving project does so once a day."""
    run(_prune(project, json))


async def _prune(folder: Path, json: bool) -> None:
    from pilothouse.models import ModelsSettings, prune

    days = ModelsSettings().keep_days
    async with _opened(folder) as studio:
        console(stderr=True).print(f"forgetting calls older than {days} days ...", markup=False)
        done = await prune(studio.database, keep_days=days)
    data = {
        "keep_days": days,
        "calls": done.calls,
        "threads": done.threads,
        "bodies": done.bodies,
        "busy": done.busy,
    }
    words = (
        "Another process is pruning; nothing was done here."
        if done.busy
        else f"Forgot {done.calls} calls older than {days} days, and {done.bodies} bodies only they named."
    )
    emit(data, as_json=json, show=lambda: words)


@app.command()
def budgets(*, project: ProjectOption = Path(), json: JsonOption = False) -> None:
    """List budgets, fullest first."""
    run(_budgets(project, json))


async def _budgets(folder: Path, json: bool) -> None:
    from pilothouse.models import Budgets

    async with _opened(folder) as studio:
        found = await Budgets(studio.database).states()
    data = [{name: getattr(one, name) for name in one.__slots__} for one in found]
    rows = [
        [one.scope, one.name, one.period, one.unit, one.used, one.reserved, one.most, one.lost]
        for one in found
    ]
    columns = ["scope", "whose", "period", "unit", "used", "reserved", "limit", "lost"]
    empty = "No budget was touched yet; limits stand in [[models.budgets]] of pilothouse.toml."
    emit(data, as_json=json, show=lambda: table("Budgets", columns, rows, empty=empty))
