"""Owns the process that serves every REST system of a world; `serve` starts it.

Run as ``python -m pilothouse_port.world.systems.servers.http_server PLAN``. The plan names port, folders and,
if the world shall not outlive a process, that process; when it is gone, the whole world is stopped.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from pilothouse_port.world.systems.servers.http_app import application

__all__ = ["main"]

_LOOK_EVERY: Final = 1.0


def main(plan_path: str) -> None:
    """Serve until stopped."""
    import uvicorn

    plan = json.loads(Path(plan_path).read_text(encoding="utf-8"))
    if plan.get("owner"):
        threading.Thread(target=_outlive_nobody, args=[plan], daemon=True).start()
    app = application(
        {name: Path(folder) for name, folder in plan["systems"].items()},
        Path(plan["run"]),
        zones=plan["zones"],
    )
    uvicorn.run(
        app, host="127.0.0.1", port=plan["port"], log_level="warning", access_log=False, lifespan="off"
    )


def _outlive_nobody(plan: dict[str, Any]) -> None:
    import psutil

    pid, started = plan["owner"]
    while True:
        time.sleep(_LOOK_EVERY)
        try:
            process = psutil.Process(pid)
            if abs(process.create_time() - started) < 1 and process.status() != psutil.STATUS_ZOMBIE:
                continue
        except psutil.NoSuchProcess:
            pass
        from pilothouse_port.world.serve import stop_servers

        stop_servers(Path(plan["run"]))
        return


if __name__ == "__main__":
    main(sys.argv[1])
