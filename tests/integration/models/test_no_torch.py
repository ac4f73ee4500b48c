"""Training libraries stay out: not installed beside us, and never imported by what serves."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions

from pilothouse.registry.packs import Packs

JOURNEY = """
import asyncio, sys
import httpx2
import pilothouse.app, pilothouse.learning, pilothouse.learning.adapters.lora
from pilothouse.app import open_encoder, open_local_runtime, open_transcriber

async def main():
    await open_encoder().encode(["hello"])
    open_transcriber()
    async with open_local_runtime() as runtime:
        client = httpx2.AsyncClient(transport=runtime.transport, base_url=runtime.base_url, timeout=60)
        async with client:
            body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2}
            (await client.post("/chat/completions", json=body)).raise_for_status()

asyncio.run(main())
print(sorted({"torch", "transformers", "peft", "triton"} & sys.modules.keys()))
"""


def test_no_training_library_and_no_cuda_lie_beside_us() -> None:
    names = {(one.metadata["Name"] or "").lower() for one in distributions()}
    assert not {name for name in names if name.startswith("nvidia-") or name in {"triton", "torch", "peft"}}


def test_nothing_that_serves_imports_a_training_library(model_packs: Packs) -> None:
    done = subprocess.run([sys.executable, "-c", JOURNEY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
