"""Owns a scripted model server: real HTTP on a real socket, OpenAI's protocol, and every way to fail."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

__all__ = ["Reply", "Script", "ScriptedServer", "scripted_server"]

Fault = Literal["", "hang", "cut", "cut_at_start", "rubbish", "wrong_model", "no_choice", "endless"]
PIECE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server answers once.

    Attributes:
        text: The words, or the JSON of a structured answer.
        tools: Native tool calls: name and arguments.
        status: HTTP status; anything but 200 is an error with ``text`` as its message.
        retry_after: Seconds in ``Retry-After``.
        fault: ``hang`` never answers, ``cut`` breaks off in the middle, ``cut_at_start`` before a byte,
            ``rubbish`` is no JSON, ``wrong_model`` names another model, ``endless`` never stops.
        delay: Seconds before the answer.
        pace: Seconds between two pieces of a stream.
        usage: Whether usage is told.
        reason: ``finish_reason``.
    """

    text: str = ""
    tools: Sequence[tuple[str, Mapping[str, Any]]] = ()
    status: int = 200
    retry_after: float | None = None
    fault: Fault = ""
    delay: float = 0.0
    pace: float = 0.0
    usage: bool = True
    reason: str = ""


Script = Callable[[dict[str, Any]], "Reply | Awaitable[Reply]"]


@dataclass(slots=True, kw_only=True)
class ScriptedServer:
    """A running server.

    Attributes:
        url: Base address for a provider.
        path: Of its socket; None listens on a port.
        model: As whom it answers.
        requests: Every body it got.
        written: Pieces of streams it has sent.
        left: Streams whose reader went away.
        connections: How many were opened.
    """

    model: str
    script: Script | Sequence[Reply]
    url: str = ""
    port: int = 0
    path: Path | None = None
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    written: int = 0
    left: int = 0
    connections: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set["asyncio.StreamWriter"])

    async def start(self) -> None:
        """Listen, on the port it had before if there was one."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._serve, str(self.path))
            self.url = f"unix://{self.path}"
            return
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"

    async def kill(self) -> None:
        """Stop as if the process had died: no more connections, and those that are open break."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for peer in list(self._writers):
            peer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, peer: asyncio.StreamWriter) -> None:
        self._writers.add(peer)
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._answered(reader, peer):
                    pass
        finally:
            self._writers.discard(peer)
            peer.close()

    async def _answered(self, reader: asyncio.StreamReader, peer: asyncio.StreamWriter) -> bool:
        """Answer one request; False when the connection is over."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, path, _ = head[0].split(" ")
        if method == "GET":
            return await _sent(peer, 200, {"object": "list", "data": [{"id": self.model, "object": "model"}]})
        asked: dict[str, Any] = json.loads(body)
        if path.endswith("/embeddings"):
            return await _sent(peer, 200, _vectors(asked, self.model))
        self.requests.append(asked)
        self.headers.append(headers)
        reply = self._reply(asked)
        if not isinstance(reply, Reply):
            reply = await reply
        return await self._played(reply, asked, peer)

    def _reply(self, asked: dict[str, Any]) -> Reply | Awaitable[Reply]:
        if callable(self.script):
            return self.script(asked)
        # The last one is said again and again.
        return self.script[min(len(self.requests), len(self.script)) - 1]

    async def _played(self, reply: Reply, asked: dict[str, Any], peer: asyncio.StreamWriter) -> bool:
        if reply.delay:
            await asyncio.sleep(reply.delay)
        if reply.fault == "hang":
            await asyncio.sleep(3600)
        if reply.fault == "cut_at_start":
            peer.transport.abort()
            return False
        if reply.status != 200:
            more = {} if reply.retry_after is None else {"Retry-After": str(reply.retry_after)}
            return await _sent(peer, reply.status, {"error": {"message": reply.text or "no"}}, more)
        if asked.get("stream"):
            return await self._streamed(reply, asked, peer)
        if reply.fault == "cut":
            peer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
            await peer.drain()
            peer.transport.abort()
            return False
        return await _sent(peer, 200, self._whole(reply, asked))

    def _whole(self, reply: Reply, asked: dict[str, Any]) -> object:
        if reply.fault == "rubbish":
            return None
        message: dict[str, Any] = {"role": "assistant", "content": reply.text}
        if reply.fault == "endless":
            message["content"] = "again " * 1_000_000
        if reply.tools:
            message["tool_calls"] = _calls(reply)
        choice = {"index": 0, "message": message, "finish_reason": _reason(reply)}
        answer = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "another" if reply.fault == "wrong_model" else self.model,
            "choices": [] if reply.fault == "no_choice" else [choice],
        }
        return answer | ({"usage": _usage(asked, reply)} if reply.usage else {})

    async def _streamed(self, reply: Reply, asked: dict[str, Any], peer: asyncio.StreamWriter) -> bool:
        peer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        model = "another" if reply.fault == "wrong_model" else self.model
        deltas = [] if reply.fault == "no_choice" else _deltas(reply)
        half = len(deltas) // 2 + 1
        number = 0
        try:
            while reply.fault == "endless" or number < len(deltas):
                if reply.fault == "cut" and number >= half:
                    peer.transport.abort()
                    return False
                await _piece(peer, self._event(model, deltas[number % len(deltas)], None))
                number += 1
                self.written += 1
                if reply.pace:
                    await asyncio.sleep(reply.pace)
        except ConnectionError:
            self.left += 1
            return False
        if reply.fault == "rubbish":
            await _piece(peer, "this is no JSON")
        elif reply.fault == "no_choice":
            await _piece(peer, json.dumps({"model": model, "choices": []}))
        else:
            await _piece(peer, self._event(model, {}, _reason(reply)))
            if reply.usage:
                await _piece(peer, json.dumps({"model": model, "choices": [], "usage": _usage(asked, reply)}))
            await _piece(peer, "[DONE]")
        peer.write(b"0\r\n\r\n")
        await peer.drain()
        return True

    def _event(self, model: str, delta: dict[str, Any], reason: str | None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return json.dumps(
            {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model,
             "choices": [choice]}
        )  # fmt: skip


@contextlib.asynccontextmanager
async def scripted_server(
    script: Script | Sequence[Reply] | str = "OK", *, model: str = "scripted", path: Path | None = None
) -> AsyncGenerator[ScriptedServer]:
    """Run a server for the block.

    Args:
        script: A function from the request's body to a reply, replies in order (the last is repeated), or
            words that are always said.
        model: As whom it answers.
        path: Listen on this socket instead of a port.
    """
    chosen = cast("Script | Sequence[Reply]", [Reply(text=script)] if isinstance(script, str) else script)
    server = ScriptedServer(model=model, script=chosen, path=path)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


def _deltas(reply: Reply) -> list[dict[str, Any]]:
    if reply.tools:
        return [{"tool_calls": [dict(one, index=n)]} for n, one in enumerate(_calls(reply))]
    text = reply.text or "again "
    return [{"content": text[at : at + PIECE]} for at in range(0, len(text), PIECE)]


def _calls(reply: Reply) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{n}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(dict(arguments))},
        }
        for n, (name, arguments) in enumerate(reply.tools)
    ]


def _reason(reply: Reply) -> str:
    return reply.reason or ("tool_calls" if reply.tools else "stop")


def _usage(asked: dict[str, Any], reply: Reply) -> dict[str, Any]:
    prompt = sum(len(str(one.get("content") or "")) for one in asked.get("messages", [])) // 4
    output = len(reply.text) // 4 + 1
    return {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}


def _vectors(asked: dict[str, Any], model: str) -> dict[str, Any]:
    texts = cast("list[str]", asked["input"] if isinstance(asked["input"], list) else [asked["input"]])
    rows = [
        {"object": "embedding", "index": n, "embedding": [float(len(t)), 1.0]} for n, t in enumerate(texts)
    ]
    return {"object": "list", "model": model, "data": rows, "usage": {"prompt_tokens": 1, "total_tokens": 1}}


async def _sent(
    peer: asyncio.StreamWriter, status: int, body: object, headers: Mapping[str, str] | None = None
) -> bool:
    content = b"this is no JSON" if body is None else json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status} Scripted",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    ]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    peer.write("\r\n".join([*lines, "", ""]).encode() + content)
    await peer.drain()
    return True


async def _piece(peer: asyncio.StreamWriter, data: str) -> None:
    line = f"data: {data}\n\n".encode()
    peer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
    await peer.drain()
    if peer.transport.is_closing():
        raise ConnectionResetError("the reader went away")
