"""Owns taking the power from control tokens that stand in somebody's words."""

from __future__ import annotations

import json
from typing import cast

import httpx2

__all__ = ["defused"]


async def defused(request: httpx2.Request) -> httpx2.Request:
    """Take the power from control tokens such as ``<|im_end|>`` that stand in somebody's words.

    The server would read them as the end of a turn, and what follows as the words of another role.
    """
    if not request.url.path.endswith("/chat/completions"):
        return request
    content = await request.aread()
    if b"<|" not in content and b"\\u003c" not in content:
        return request
    try:
        body = json.loads(content)
        for message in body["messages"]:
            message["content"] = _plain(message.get("content"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return request  # the server says what is wrong with it
    headers = {name: value for name, value in request.headers.items() if name != "content-length"}
    return httpx2.Request(
        request.method, request.url, headers=headers, json=body, extensions=request.extensions
    )


def _plain(content: object) -> object:
    if isinstance(content, str):
        return content.replace("<|", "< |")
    if isinstance(content, list):
        return [_plain(part) for part in cast("list[object]", content)]
    if isinstance(content, dict):
        fields = cast("dict[str, object]", content)
        return {name: _plain(value) if name == "text" else value for name, value in fields.items()}
    return content
