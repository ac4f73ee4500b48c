"""Adapters of the local text model: old and new in one process, bound to their base, trained on demand."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from pilothouse.app import open_local_runtime
from pilothouse.documents.claims import task_of
from pilothouse.kernel import DataError, LimitError, UsageError
from pilothouse.labels import Label, signed
from pilothouse.learning.adapters.lora import Example, LoraJob, open_adapter, read_examples, train_lora
from pilothouse.learning.adapters.lora_claims import AdapterGenerator, claim_examples, claim_form
from pilothouse.learning.data.examples import Example as Labelled
from pilothouse.learning.data.examples import Examples
from pilothouse.models.runtime import LocalRuntime
from pilothouse.registry.packs import OpenPack, Packs

TRAIN_PYTHON = os.environ.get("TRAIN_PYTHON")


def _text(words: str) -> bytes:
    return struct.pack("<Q", len(words)) + words.encode()


def _adapter(path: Path, *, architecture: str = "llama", strength: float = 3.0) -> None:
    """Write the smallest adapter there is: one layer, rank one; GGUF 3 by hand."""
    lot = random.Random(4)
    shapes = {"lora_a": (1536, 1), "lora_b": (1, 576)}
    body, infos = b"", b""
    for side, shape in shapes.items():
        infos += _text(f"blk.29.ffn_down.weight.{side}") + struct.pack("<I", 2)
        infos += struct.pack("<QQ", *shape) + struct.pack("<IQ", 0, len(body))
        values = [lot.gauss(0, strength) for _ in range(shape[0] * shape[1])]
        body += struct.pack(f"<{len(values)}f", *values)
    named = {"general.architecture": architecture, "general.type": "adapter", "adapter.type": "lora"}
    keys = b"".join(_text(key) + struct.pack("<I", 8) + _text(value) for key, value in named.items())
    keys += _text("adapter.lora.alpha") + struct.pack("<If", 6, 1.0)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(named) + 1) + keys + infos
    path.write_bytes(head + bytes(-len(head) % 32) + body)


def _carded(folder: Path, pack: OpenPack, **change: Any) -> Path:
    import hashlib

    folder.mkdir()
    _adapter(folder / "adapter.gguf")
    card = {
        "name": "made",
        "base": {"name": pack.name, "hash": pack.hash},
        "adapter": {"sha256": hashlib.sha256((folder / "adapter.gguf").read_bytes()).hexdigest()},
        "types": ["hold", "ask"],
    }
    (folder / "card.json").write_text(json.dumps({**card, **change}))
    return folder


@pytest.fixture
def base(model_packs: Packs) -> OpenPack:
    return model_packs.open("smollm2")


async def _say(client: httpx2.AsyncClient, lora: Any = None) -> str:
    body: dict[str, Any] = {
        "messages": [{"role": "user", "content": "Name three ports."}],
        "max_tokens": 12,
        "temperature": 0,
        "cache_prompt": False,
    }
    if lora is not None:
        body["lora"] = lora
    answer = (await client.post("/chat/completions", json=body)).raise_for_status().json()
    return answer["choices"][0]["message"]["content"]


async def test_old_and_new_answer_side_by_side_and_going_back_is_one_request(
    base: OpenPack, tmp_path: Path
) -> None:
    adapter = open_adapter(_carded(tmp_path / "made", base), base)
    async with (
        LocalRuntime(base) as bare,
        httpx2.AsyncClient(transport=bare.transport, base_url=bare.base_url, timeout=60) as client,
    ):
        untouched = await _say(client)
    async with LocalRuntime(base, adapters=[adapter]) as runtime:
        client = httpx2.AsyncClient(transport=runtime.transport, base_url=runtime.base_url, timeout=60)
        async with client:
            off, on = runtime.lora(None), runtime.lora("made")
            said = [await _say(client, lora) for lora in (None, on, off, on)]
        assert runtime.starts == 1
    assert said[0] == said[2] == untouched, "switched off it must be the base"
    assert said[1] == said[3] != untouched, "switched on it must matter"


async def test_a_projects_adapter_is_on_where_it_is_named_in_the_model(
    base: OpenPack, model_packs: Packs, tmp_path: Path
) -> None:
    (tmp_path / "adapters").mkdir()
    _carded(tmp_path / "adapters" / "made", base)
    async with open_local_runtime("smollm2+made", folder=tmp_path, packs=model_packs) as runtime:
        client = httpx2.AsyncClient(transport=runtime.transport, base_url=runtime.base_url, timeout=60)
        async with client:
            said = [await _say(client, lora) for lora in (None, runtime.lora("made"), runtime.lora(None))]
    assert said[0] == said[1] != said[2]
    with pytest.raises(DataError) as caught:
        open_local_runtime("smollm2+other", folder=tmp_path, packs=model_packs)
    assert caught.value.code == "learning.adapter"


async def test_an_adapter_of_another_kind_of_model_is_refused(base: OpenPack, tmp_path: Path) -> None:
    folder = _carded(tmp_path / "made", base)
    adapter = open_adapter(folder, base)
    _adapter(adapter.path, architecture="gpt2")
    async with LocalRuntime(base, adapters=[adapter]) as runtime:
        with pytest.raises(DataError) as caught:
            await runtime.start()
    assert caught.value.code == "models.load_failed"


def test_an_adapter_is_bound_to_its_bytes_and_its_base(base: OpenPack, tmp_path: Path) -> None:
    folder = _carded(tmp_path / "made", base)
    assert open_adapter(folder, base).name == "made"
    _adapter(folder / "adapter.gguf", strength=1.0)
    with pytest.raises(DataError, match="is not the adapter its card names"):
        open_adapter(folder, base)
    other = _carded(tmp_path / "other", base, base={"name": "smollm3", "hash": "f" * 64})
    with pytest.raises(DataError, match="was trained on 'smollm3'"):
        open_adapter(other, base)
    with pytest.raises(DataError) as caught:
        open_adapter(tmp_path / "none", base)
    assert caught.value.code == "learning.adapter"


async def test_claims_fit_the_form_whatever_the_adapter_is_worth(base: OpenPack, tmp_path: Path) -> None:
    """A random adapter babbles: even so what comes back has the asked types and the bounds of the form."""
    label: Label = signed("test", "1")
    async with AdapterGenerator(_carded(tmp_path / "made", base), base) as generator:
        assert generator.types == {"hold", "ask"}
        assert generator.version.startswith("smollm2+made@")
        asked = claim_form(["hold"])
        answer = await generator.fill("", "Do not release.", schema=asked, label=label, language="en")
    assert isinstance(answer, dict)
    claims = answer["claims"]
    assert isinstance(claims, list)
    for claim in claims:
        assert isinstance(claim, dict)
        assert claim["type"] == "hold"
        assert len(str(claim["quote"])) <= 240


TASK = {
    "task": {"name": "notes", "languages": ["en"]},
    "types": {"hold": {"means": "Do not release."}, "ask": {"means": "A question."}},
}
HOLDS = (
    "Do not release {box}.",
    "Keep {box} here until we call.",
    "{box} must stay in the yard.",
    "Hold {box} please.",
)
ASKS = ("When does {box} arrive?", "Where is {box} now?", "Has {box} been weighed?", "Who pays for {box}?")
PLAIN = (
    "Thank you for {box}.",
    "{box} was washed.",
    "The seal of {box} is whole.",
    "We saw {box} on the train.",
)


def _labelled(each: int = 6) -> Examples:
    rows: list[Labelled] = []
    for label, layouts in (("hold", HOLDS), ("ask", ASKS), ("", PLAIN)):
        for number, layout in enumerate(layouts * each):
            text = layout.format(box=f"MSKU{1000000 + 7919 * number}")
            labels = frozenset({label}) if label else frozenset[str]()
            rows.append(Labelled(text=text, labels=labels, group=layout, language="en"))
    return Examples(rows=tuple(rows), label=signed("test", "1"))


def test_an_adapter_is_measured_on_layouts_it_learnt_from_and_on_others() -> None:
    train, aside = claim_examples(task_of(TASK), _labelled())
    seen = {one.layout for one in train}
    new = {one.layout for one in aside} - seen
    assert new, "no layout was kept aside"
    assert {one.layout for one in aside} & seen, "no text of a known layout was kept aside"
    assert not {one.prompt for one in train} & {one.prompt for one in aside}
    for one in (*train, *aside):
        said = json.loads(one.completion)["claims"]
        assert {claim["type"] for claim in said} <= {"hold", "ask"}
        assert all(claim["quote"] in one.prompt for claim in said)
    assert sum(bool(json.loads(one.completion)["claims"]) for one in train) > 20


def test_a_line_that_is_no_example_is_named(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"prompt": "a", "completion": "b", "layout": "x"}\n\n{"prompt": "a"}\n')
    with pytest.raises(DataError, match="line 3") as caught:
        read_examples(path)
    assert caught.value.code == "learning.examples"
    path.write_text('{"prompt": "a", "completion": "b"}\n')
    assert read_examples(path) == [Example(prompt="a", completion="b")]


def _job(folder: Path, **change: Any) -> LoraJob:
    asked = [Example(prompt=f"Say {n}.", completion=f'{{"n": {n}}}', layout="say") for n in range(4)]
    given = {"name": "tiny", "train": asked, "held_out": asked[:1], "folder": folder, **change}
    return LoraJob(**given)


async def test_an_interpreter_without_the_extra_is_told_so(base: OpenPack, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        await train_lora(_job(tmp_path / "out", python=Path(sys.executable)), base)
    assert caught.value.code == "learning.no_train"
    assert "pilothouse[train]" in str(caught.value)


async def test_examples_over_the_length_are_not_cut(base: OpenPack, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        await train_lora(_job(tmp_path / "out", longest=5), base)
    assert caught.value.code == "learning.empty"


@pytest.mark.timeout(1800)
@pytest.mark.skipif(TRAIN_PYTHON is None, reason="opt in: TRAIN_PYTHON names an interpreter with [train]")
async def test_a_training_that_was_stopped_goes_on_and_is_served(base: OpenPack, tmp_path: Path) -> None:
    python = Path(str(TRAIN_PYTHON))
    job = _job(tmp_path / "out", python=python, cpu_seconds=1.0, epochs=8, batch=2)
    with pytest.raises(LimitError) as caught:
        await train_lora(job, base)
    assert caught.value.code == "learning.budget"
    assert (job.folder / "checkpoint.pt").is_file()
    job = _job(tmp_path / "out", python=python, epochs=8, batch=2)
    result = await train_lora(job, base)
    assert not (job.folder / "checkpoint.pt").exists()
    assert result.card["cost"]["tokens"] > 0
    assert result.card["figures"]["after"]["known"]["n"] == 1
    adapter = open_adapter(job.folder, base)
    shutil.copy(adapter.path, tmp_path / "served.gguf")
    async with LocalRuntime(base, adapters=[adapter]) as runtime:
        client = httpx2.AsyncClient(transport=runtime.transport, base_url=runtime.base_url, timeout=60)
        async with client:
            assert await _say(client, runtime.lora("tiny")) != await _say(client, runtime.lora(None))


@pytest.mark.timeout(1800)
def test_train_claims_makes_and_registers_an_adapter(base: OpenPack, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    made = _run(folder.parent, "init", "project")
    assert made.returncode == 0, made.stderr
    config = (folder / "pilothouse.toml").read_text()
    (folder / "pilothouse.toml").write_text(config.replace('"effects:*"]', '"effects:*", "registry:*"]', 1))
    (folder / "notes.toml").write_text(
        '[task]\nname = "notes"\nlanguages = ["en"]\n[types.hold]\nmeans = "Do not release."\n'
        '[types.ask]\nmeans = "A question."\n'
    )
    _labelled(4).write(folder / "past.jsonl")
    words = ("train", "claims", "--task", "notes.toml", "--data", "past.jsonl", "--learner", "lora", "--json")
    if TRAIN_PYTHON is None:
        refused = _run(folder, *words)
        assert json.loads(refused.stderr.splitlines()[-1])["error"]["code"] == "learning.no_train"
        return
    done = _run(folder, *words, PILOTHOUSE_LEARNING_PYTHON=TRAIN_PYTHON)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["version"] == 1
    assert made["card"]["types"] == ["ask", "hold"]
    assert made["card"]["figures"]["after"]["known"]["n"] > 0
    assert open_adapter(Path(made["folder"]), base).name == "notes"


def _run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PILOTHOUSE_") or "PACKS" in k}
    return subprocess.run(
        [sys.executable, "-m", "pilothouse", *words],
        cwd=folder, capture_output=True, text=True, timeout=1780, check=False,
        env={**kept, "COLUMNS": "120", "USER": "amira", "LOGNAME": "amira", **environment},
    )  # fmt: skip
