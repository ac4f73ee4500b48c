"""The embedded models on this machine: speed, memory, load time, and whether structured output holds.

Text model: the same prompts through our runtime (child process, unix socket, fair queue) and through a bare
xllamacpp server called in process, alternating, one thread each; CPU-seconds, so that a busy machine counts
less. Encoder: ours against ONNX Runtime and tokenizers used plainly (fixed batches of 32). Structured output:
random JSON schemas; what comes back whole must fit, by a validator that is not ours (jsonschema).
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import time
from statistics import median
from typing import Any, cast

import httpx2
import psutil

from pilothouse.app import open_encoder, open_local_runtime, open_packs

ROUNDS = int(os.environ.get("ROUNDS", "6"))
SCHEMAS = int(os.environ.get("SCHEMAS", "100"))
OUTPUT = 96
STORY = (
    "Container MSKU1234567 of Nordlicht Foods arrived at berth 4 in Rotterdam on Monday. The reefer stood at "
    "nine degrees for two hours. The customs declaration is complete, the freight is paid, the seal whole. "
)


def _body(number: int, *, output: int = OUTPUT) -> dict[str, Any]:
    words = f"Case {number}. {STORY * 3}Tell what happened, in detail."
    return {
        "messages": [{"role": "user", "content": words}],
        "max_tokens": output,
        "temperature": 0,
        "seed": 1,
    }


def _bare(path: str, pipe: Any) -> None:
    """A bare server in a process of its own, called in process."""
    import xllamacpp

    told = xllamacpp.CommonParams()
    told.model.path = path
    told.n_ctx, told.n_parallel, told.verbosity, told.cache_ram_mib = 4096, 1, 0, 0
    told.cpuparams.n_threads = told.cpuparams_batch.n_threads = 1
    began = time.monotonic()
    server = xllamacpp.Server(told)
    pipe.send(time.monotonic() - began)
    while (body := pipe.recv()) is not None:
        began = time.process_time()
        answer = server.handle_chat_completions(body)
        answer = json.loads(answer) if isinstance(answer, str | bytes) else answer
        pipe.send((answer, time.process_time() - began))


def _figures(answer: dict[str, Any], cpu: float, known: list[dict[str, float]]) -> None:
    timings, usage = answer["timings"], answer["usage"]
    known.append(
        {
            "prompt": timings["prompt_per_second"],
            "output": timings["predicted_per_second"],
            "tokens": usage["completion_tokens"],
            "cpu": cpu,
            "per_cpu": (usage["prompt_tokens"] + usage["completion_tokens"]) / cpu,
        }
    )


async def _text() -> bool:
    path = str(open_packs().open("smollm2").only(".gguf"))
    here, there = multiprocessing.get_context("spawn").Pipe()
    bare = multiprocessing.get_context("spawn").Process(target=_bare, args=(path, there), daemon=True)
    bare.start()
    bare_load = here.recv()
    ours: list[dict[str, float]] = []
    peer: list[dict[str, float]] = []
    wrapper: list[float] = []
    async with open_local_runtime() as runtime:
        client = httpx2.AsyncClient(transport=runtime.transport, base_url=runtime.base_url, timeout=600)
        async with client:
            await runtime.start()
            load = runtime.load_seconds
            for number in range(ROUNDS + 1):
                spent, own = runtime.cpu_seconds(), time.process_time()
                response = await client.post("/chat/completions", json=_body(number))
                own = time.process_time() - own
                answer = response.raise_for_status().json()
                here.send(_body(number))
                bare_answer, bare_cpu = await asyncio.to_thread(here.recv)
                if number == 0:
                    continue  # the first warms both up
                wrapper.append(own)
                _figures(answer, runtime.cpu_seconds() - spent + own, ours)
                _figures(bare_answer, bare_cpu, peer)
            memory, bare_memory = runtime.memory(), psutil.Process(bare.pid).memory_info().rss
            valid = await _structured(client)
    here.send(None)
    bare.join()
    print(f"text model, 1 thread, {ROUNDS} calls, prompt about 200 tokens, {OUTPUT} tokens of output")
    _row("load s", cast("float", load), bare_load)
    _row("memory MB (resident)", memory / 1e6, bare_memory / 1e6)
    for key, name in (
        ("prompt", "prompt tokens/s"),
        ("output", "output tokens/s"),
        ("per_cpu", "tokens/CPU-s"),
    ):
        _row(name, median(one[key] for one in ours), median(one[key] for one in peer))
    print(f"  our side of a call: {median(wrapper) * 1000:.2f} ms CPU")
    return valid


def _row(name: str, ours: float, peer: float) -> None:
    print(f"  {name:24} ours {ours:8.2f}   bare {peer:8.2f}   ratio {ours / peer:5.2f}")


def _schema(lot: random.Random, depth: int = 0) -> dict[str, Any]:
    kinds = ["string", "integer", "boolean", "enum", "const", "number", "null"]
    kind = lot.choice(kinds if depth > 2 else [*kinds, "object", "object", "array", "any"])
    if depth == 0:
        kind = "object"
    if kind == "object":
        names = lot.sample(
            ["box", "gate", "why", "when", "who", "ok", "weight", "é", "a b", "x-1"], lot.randint(1, 4)
        )
        return {
            "type": "object",
            "properties": {name: _schema(lot, depth + 1) for name in names},
            "required": names,
            "additionalProperties": False,
        }
    if kind == "array":
        low = lot.randint(0, 1)
        return {
            "type": "array",
            "items": _schema(lot, depth + 1),
            "minItems": low,
            "maxItems": low + lot.randint(1, 2),
        }
    if kind == "any":
        return {"anyOf": [_schema(lot, depth + 1), _schema(lot, depth + 1)]}
    low = lot.randint(-9, 9)
    return {
        "string": {"type": "string", "minLength": lot.randint(0, 2), "maxLength": lot.randint(3, 24)},
        "integer": {"type": "integer", "minimum": low, "maximum": low + lot.randint(0, 500)},
        "number": {"type": "number"},
        "boolean": {"type": "boolean"},
        "null": {"type": "null"},
        "enum": {"enum": ["hold", 'with "quotes"', "ü", 7, None, True][: lot.randint(1, 6)]},
        "const": {"const": lot.choice(["release", 4, False, None])},
    }[kind]


async def _structured(client: httpx2.AsyncClient) -> bool:
    import jsonschema

    lot, valid, cut, wrong, refused = random.Random(20261122), 0, 0, 0, 0
    for number in range(SCHEMAS):
        schema = _schema(lot)
        body = _body(number, output=300)
        body["messages"][0]["content"] = f"Case {number}. {STORY}Answer as JSON."
        named = {"name": "answer", "schema": schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
        response = await client.post("/chat/completions", json=body)
        if response.status_code != 200:
            refused += 1
            print("  refused:", response.text[:200], json.dumps(schema)[:300])
            continue
        choice = response.json()["choices"][0]
        if choice["finish_reason"] == "length":
            cut += 1
            continue
        try:
            jsonschema.validate(json.loads(choice["message"]["content"]), schema)
            valid += 1
        except (ValueError, jsonschema.ValidationError) as error:
            wrong += 1
            print(
                "  INVALID:",
                choice["message"]["content"][:200],
                str(error).splitlines()[0],
                json.dumps(schema),
            )
    print(f"structured output, {SCHEMAS} random schemas: {valid} valid of {valid + wrong} whole answers")
    print(f"  {cut} cut at the token limit and refused as such, {refused} schemas refused")
    return wrong == 0 and valid > 0


async def _encoder() -> None:
    lot = random.Random(5)
    words = (STORY + "please hold release gate the until invoice of and is not paid by our driver").split()
    short = [" ".join(lot.choices(words, k=lot.randint(8, 14))) for _ in range(600)]
    mixed = [" ".join(lot.choices(words, k=lot.choice([4, 10, 30, 90]))) for _ in range(300)]
    process, began = psutil.Process(), time.process_time()
    before = process.memory_info().rss
    encoder = open_encoder()
    await encoder.encode(["first"])
    load, memory = time.process_time() - began, process.memory_info().rss
    rates: list[tuple[float, float]] = []
    plain = _plain()
    for texts in (short, mixed):
        began = time.process_time()
        await encoder.encode(texts)
        ours = len(texts) / (time.process_time() - began)
        began = time.process_time()
        plain(texts)
        rates.append((ours, len(texts) / (time.process_time() - began)))
    print(
        f"encoder: first vector after {load:.2f} CPU-s, "
        f"{(memory - before) / 1e6:.0f} MB more ({memory / 1e6:.0f})"
    )
    _row("short texts/CPU-s", *rates[0])
    _row("mixed lengths/CPU-s", *rates[1])


def _plain() -> Any:
    import numpy as np
    import onnxruntime
    from tokenizers import Tokenizer

    pack = open_packs().open("minilm")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(pack.path("model.onnx")), options)
    tokenizer = Tokenizer.from_file(str(pack.path("tokenizer.json")))
    tokenizer.enable_truncation(256)
    tokenizer.enable_padding()

    def encode(texts: list[str]) -> None:
        for at in range(0, len(texts), 32):
            batch = tokenizer.encode_batch(texts[at : at + 32])
            ids = np.array([one.ids for one in batch], np.int64)
            mask = np.array([one.attention_mask for one in batch], np.int64)
            given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            hidden = session.run(None, given)[0]
            pooled = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
            pooled / np.linalg.norm(pooled, axis=1, keepdims=True)

    return encode


async def _main() -> bool:
    await _encoder()
    return await _text()


if __name__ == "__main__":
    raise SystemExit(0 if asyncio.run(_main()) else 1)
