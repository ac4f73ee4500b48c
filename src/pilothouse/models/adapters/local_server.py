"""Owns the child process of the local text model: llama.cpp's HTTP server on a unix socket, nothing of ours.

Started by ``models/runtime`` as a file, not as a module, so that nothing but the native runtime is loaded. It
reads one line of JSON from its standard input, prints one line of JSON when it serves, and ends when its
standard input closes: that pipe is held by the parent, so it cannot outlive it, however the parent ends.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from typing import Any

__all__: list[str] = []


def _main() -> None:
    config: dict[str, Any] = json.loads(sys.stdin.readline())
    threading.Thread(target=_live_with_parent, daemon=True).start()
    _limit(config["memory"])
    try:
        import xllamacpp
    except ImportError as error:
        _say({"error": "no_runtime", "why": str(error)})
        raise SystemExit(3) from None
    started = time.monotonic()
    try:
        server = xllamacpp.Server(_parameters(xllamacpp, config))
    except RuntimeError as error:
        _say({"error": "load_failed", "why": str(error)})
        raise SystemExit(4) from None
    address = server.listening_address
    _say({"address": address, "seconds": time.monotonic() - started, "runtime": xllamacpp.__version__})
    while True:  # the server's own threads work; the life line ends us
        time.sleep(3600)


def _live_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def _limit(memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold prompts
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20, 8 << 20))  # it writes nothing but its errors
    if memory:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def _parameters(xllamacpp: Any, config: dict[str, Any]) -> Any:
    made = xllamacpp.CommonParams()
    made.model.path = config["model"]
    made.model_alias = {config["alias"]}
    made.hostnames = [config["socket"]]
    made.n_ctx = config["context"]
    made.n_parallel = 1
    made.n_predict = config["context"]
    made.n_threads_http = 2
    made.cpuparams.n_threads = config["threads"]
    made.cpuparams_batch.n_threads = config["threads"]
    made.cache_ram_mib = config["cache_mib"]
    made.endpoint_slots = False  # would show one caller's prompt to another
    made.endpoint_props = False
    made.ui = False
    made.offline = True
    made.verbosity = 1
    made.lora_init_without_apply = True  # a request may say which adapters it wants
    adapters: list[Any] = []
    for path, scale in config["adapters"]:
        adapter = xllamacpp.CommonAdapterLoraInfo()
        adapter.path, adapter.scale = path, scale
        adapters.append(adapter)
    made.lora_adapters = adapters
    return made


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _main()
