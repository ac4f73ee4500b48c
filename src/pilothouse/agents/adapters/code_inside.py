"""Owns the inside of the room for code: jobs as JSON lines, a sandbox for each, questions for what it calls.

Run by itself, in a cage where there is one, and never by import: it must need nothing of ours.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def _told(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _heard() -> dict[str, Any]:
    line = sys.stdin.readline()
    if not line:
        raise SystemExit(0)
    return json.loads(line)


def _asking(name: str) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        _told({"call": name, "args": list(args), "kwargs": kwargs})
        answer = _heard()
        if "failed" in answer:
            raise RuntimeError("the tool failed")
        return answer["value"]

    return call


def _run(session: Any, job: dict[str, Any]) -> dict[str, Any]:
    from pydantic_monty import CollectString, MontyError, MontyRuntimeError, MontySyntaxError

    lookup = {name: _asking(name) for name in job["functions"]}
    try:
        value = session.feed_run(
            job["python"], inputs=job["inputs"], external_lookup=lookup, print_callback=CollectString(100_000)
        )
        text = json.dumps({"value": value}, allow_nan=False)
    except MontyError as error:
        known = isinstance(error, MontyRuntimeError | MontySyntaxError)
        frames = error.traceback() if known else []
        line = getattr(frames[-1], "line", 0) if frames else 0
        # Its words may hold what the code has read; its kind and its place are the model's own.
        return {"failed": type(error.exception()).__name__, "line": line}
    except (TypeError, ValueError, RecursionError):
        return {"failed": "no plain value", "line": 0}
    return {"value": value} if len(text) <= job["longest"] else {"failed": "too long", "line": 0}


def main() -> None:
    """Serve until the input ends."""
    from pydantic_monty import Monty, MontyCrashedError

    with Monty(min_processes=1, max_processes=1, request_timeout=30.0) as pool:
        _told({"ready": True})
        while True:
            job = _heard()
            try:
                with pool.checkout(limits=job["limits"]) as session:
                    answer = _run(session, job)
            except MontyCrashedError:
                answer = {"failed": "MemoryError", "line": 0}
            _told(answer)


if __name__ == "__main__":
    main()
