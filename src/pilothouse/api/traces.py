"""Owns the routes of traces: OTLP in, spans, timelines and decision graphs out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from starlette.responses import Response

from pilothouse.api.endpoint import Endpoint
from pilothouse.api.guard import principal_of, studio_of
from pilothouse.api.words import json_answer
from pilothouse.kernel import DeniedError, UsageError

if TYPE_CHECKING:
    from starlette.requests import Request

    from pilothouse.traces import SpanFilter

__all__ = ["ENDPOINTS"]

BODY = 8 << 20


async def take(request: Request) -> Response:
    """Store the spans of an OTLP request; 200 means that they are committed."""
    from pilothouse.traces.otlp import CONTENT_TYPES, answer

    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = CONTENT_TYPES.get(kind)
    if form is None:
        raise UsageError(
            f"content type {kind!r} is not taken; send one of {', '.join(CONTENT_TYPES)}",
            code="api.media_type",
        )
    encoding = request.headers.get("content-encoding", "")
    body = await request.body()
    batch = await studio_of(request).traces.take(principal_of(request), body, form, encoding=encoding)
    return Response(answer(batch, form), media_type=kind)


async def spans(request: Request) -> Response:
    """Return spans that the caller may read, newest first."""
    from pilothouse.traces import next_page

    wanted = _filter(request.query_params)
    found = await studio_of(request).traces.find(principal_of(request), wanted)
    items = [{name: getattr(one, name) for name in one.__dataclass_fields__} for one in found]
    following = next_page(found, wanted)
    return json_answer({"items": items, "next": None if following is None else following.before})


async def timeline(request: Request) -> Response:
    """Return what happened in a run, as the caller may see it."""
    studio = studio_of(request)
    run = _uuid(request, "run_")
    try:
        found = await studio.traces.timeline(principal_of(request), studio.engine, run, inbox=studio.inbox)
    except DeniedError:
        # Who may not read it does not learn whether it is there.
        raise UsageError(f"there is no run {run}; see `pilothouse runs`", code="engine.unknown_run") from None
    if request.query_params.get("format") == "svg":
        from pilothouse.traces import timeline_svg

        return _picture(timeline_svg(found))
    return json_answer(found)


async def graph(request: Request) -> Response:
    """Return from which evidence to which effect a decision led, as the caller may see it."""
    from pilothouse.app import decision_graph

    found = await decision_graph(
        studio_of(request), principal_of(request), proposal_id=_uuid(request, "prop_")
    )
    form = request.query_params.get("format", "json")
    if form == "svg":
        from pilothouse.traces import graph_svg

        return _picture(graph_svg(found))
    if form in ("mermaid", "dot"):
        from pilothouse.traces import graph_dot, graph_mermaid

        return Response(
            graph_mermaid(found) if form == "mermaid" else graph_dot(found), media_type="text/plain"
        )
    return json_answer(found)


def _picture(svg: str) -> Response:
    # Opened as a page of its own, a picture must not run or fetch anything.
    return Response(
        svg,
        media_type="image/svg+xml",
        headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"},
    )


def _uuid(request: Request, prefix: str) -> UUID:
    text = str(request.path_params["id"]).removeprefix(prefix)
    try:
        return UUID(text)
    except ValueError:
        raise UsageError(f"there is no {text!r}; give the whole id", code="traces.not_found") from None


def _filter(asked: Mapping[str, str]) -> SpanFilter:
    from pilothouse.traces import SpanFilter

    fields: dict[str, Any] = {
        name: asked[name] for name in ("trace", "name", "workflow", "account") if name in asked
    }
    try:
        if "run" in asked:
            fields["run"] = UUID(asked["run"].removeprefix("run_"))
        for name in ("after", "before"):
            if name in asked:
                fields[name] = _time(asked[name])
        if "limit" in asked:
            fields["limit"] = int(asked["limit"])
        if "attributes" in asked:
            fields["attributes"] = _attributes(asked["attributes"])
    except ValueError as error:
        raise UsageError(f"the filter cannot be read: {error}", code="traces.filter") from error
    return SpanFilter(errors=asked.get("errors") in ("1", "true"), **fields)


def _time(text: str) -> datetime:
    # In a query a plus sign is a blank.
    found = datetime.fromisoformat(text.replace(" ", "+"))
    if found.tzinfo is None:
        raise ValueError(f"time {text!r} has no zone")
    return found


def _attributes(text: str) -> dict[str, str]:
    try:
        found: object = json.loads(text)
    except RecursionError:
        raise ValueError("attributes are nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError(f"attributes {text!r} are no object")
    return {str(key): str(value) for key, value in cast("dict[object, object]", found).items()}


ENDPOINTS = (
    Endpoint(method="POST", path="/v1/traces", call=take, right="traces:write", size=BODY, traced=False),
    Endpoint(method="GET", path="/v1/spans", call=spans),
    Endpoint(method="GET", path="/v1/runs/{id}/timeline", call=timeline),
    Endpoint(method="GET", path="/v1/decisions/{id}/graph", call=graph),
)
