"""Owns one LoRA training in a process of its own: GGUF weights and token ids in, a GGUF adapter out.

Run as a file by an interpreter that has the extra ``train``; the program that asks never imports torch. It
reads a job of JSON from the path given, prints one line of JSON a step, and writes ``adapter.gguf``. What it
learned so far is kept in ``checkpoint.pt``: started again with the same job, it goes on from there.
"""

# The training libraries are not in the environment of the checks, on purpose.
# pyright: reportMissingModuleSource=false
from __future__ import annotations

import json
import math
import os
import random
import resource
import sys
import time
from pathlib import Path
from typing import Any

__all__: list[str] = []

NAMES = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}


def _main(path: Path) -> int:
    job: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    import torch

    if torch.version.cuda is not None:
        _say(error="this torch was built for CUDA; install the CPU build, see the extra train")
        return 3
    torch.set_num_threads(int(job["threads"]))
    torch.manual_seed(int(job["seed"]))
    model = _model(job)
    _say(event="loaded", cpu_seconds=time.process_time())
    finished = _train(model, job, path.parent)
    if finished:
        _write_gguf(model, job, path.parent / "adapter.gguf")
        (path.parent / "checkpoint.pt").unlink(missing_ok=True)
    _say(
        event="trained" if finished else "stopped",
        cpu_seconds=time.process_time(),
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )
    return 0


def _model(job: dict[str, Any]) -> Any:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = Path(job["base"])
    model = AutoModelForCausalLM.from_pretrained(
        str(base.parent), gguf_file=base.name, dtype=torch.float32, local_files_only=True
    )
    config = LoraConfig(
        r=int(job["rank"]),
        lora_alpha=int(job["alpha"]),
        lora_dropout=0.0,
        target_modules=list(NAMES),
        task_type="CAUSAL_LM",
    )
    made = get_peft_model(model, config)
    made.train()
    return made


def _train(model: Any, job: dict[str, Any], folder: Path) -> bool:
    """Train to the last step; False if the budget of CPU seconds ended it before."""
    import torch

    weights = [one for one in model.parameters() if one.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=float(job["rate"]), weight_decay=0.0)
    batches = _batches(job)
    start, spent = _resume(folder, model, optimiser)
    for step, batch in enumerate(batches):
        if step < start:
            continue
        if spent + time.process_time() > float(job["cpu_seconds"]):
            _checkpoint(folder, model, optimiser, step, spent)
            return False
        for group in optimiser.param_groups:
            group["lr"] = float(job["rate"]) * _pace(step, len(batches))
        loss, tokens = _loss(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        _say(event="step", step=step + 1, steps=len(batches), loss=loss.item(), tokens=tokens)
        if (step + 1) % int(job["checkpoint_every"]) == 0:
            _checkpoint(folder, model, optimiser, step + 1, spent)
    return True


def _batches(job: dict[str, Any]) -> list[list[dict[str, list[int]]]]:
    """The same batches for the same seed, so that a resumed training sees what it would have seen."""
    order = random.Random(int(job["seed"]))  # noqa: S311 - an order, not a secret
    made: list[list[dict[str, list[int]]]] = []
    size = int(job["batch"])
    for _ in range(int(job["epochs"])):
        examples = list(job["examples"])
        order.shuffle(examples)
        made += [examples[at : at + size] for at in range(0, len(examples), size)]
    return made


def _pace(step: int, steps: int) -> float:
    """Warm up over a twentieth, then fall by half a cosine."""
    warm = max(1, steps // 20)
    return (
        (step + 1) / warm if step < warm else 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))
    )


def _loss(model: Any, batch: list[dict[str, list[int]]]) -> tuple[Any, int]:
    """Cross entropy of the completions; logits are made for their tokens only."""
    import torch

    rows = [one["prompt"] + one["completion"] for one in batch]
    width = max(len(row) for row in rows)
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    wanted = torch.zeros((len(rows), width), dtype=torch.bool)
    for at, (row, one) in enumerate(zip(rows, batch, strict=True)):
        ids[at, : len(row)] = torch.tensor(row)
        mask[at, : len(row)] = 1
        wanted[at, len(one["prompt"]) : len(row)] = True
    inner = model.get_base_model()
    hidden = inner.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    logits = inner.lm_head(hidden[:, :-1][wanted[:, 1:]])
    return torch.nn.functional.cross_entropy(logits, ids[:, 1:][wanted[:, 1:]]), sum(map(len, rows))


def _checkpoint(folder: Path, model: Any, optimiser: Any, step: int, spent: float) -> None:
    import torch

    state = {name: one.data for name, one in model.named_parameters() if one.requires_grad}
    kept = {
        "step": step,
        "weights": state,
        "optimiser": optimiser.state_dict(),
        "cpu_seconds": spent + time.process_time(),
    }
    part = folder / "checkpoint.part"
    torch.save(kept, part)
    part.replace(folder / "checkpoint.pt")


def _resume(folder: Path, model: Any, optimiser: Any) -> tuple[int, float]:
    import torch

    path = folder / "checkpoint.pt"
    if not path.is_file():
        return 0, 0.0
    kept = torch.load(path, weights_only=True)
    named = dict(model.named_parameters())
    for name, data in kept["weights"].items():
        named[name].data.copy_(data)
    optimiser.load_state_dict(kept["optimiser"])
    _say(event="resumed", step=kept["step"])
    return int(kept["step"]), float(kept["cpu_seconds"])


def _write_gguf(model: Any, job: dict[str, Any], target: Path) -> None:
    """Write the adapter as llama.cpp reads it.

    llama.cpp keeps the rows of q and k permuted for its rotary embedding, so ``lora_B`` of those two is
    permuted alike; everything else is as PEFT has it.
    """
    import gguf
    import numpy as np

    config = model.get_base_model().config
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    part = target.with_suffix(".part")
    writer = gguf.GGUFWriter(str(part), "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(job["alpha"]))
    writer.add_string("general.name", str(job["name"]))
    writer.add_string("pilothouse.base.sha256", str(job["base_sha256"]))
    for name, one in sorted(model.named_parameters()):
        if not one.requires_grad:
            continue
        parts = name.split(".")
        layer, module, side = parts[parts.index("layers") + 1], parts[-4], parts[-3]
        data = one.detach().numpy().astype(np.float32)
        if side == "lora_B" and module in heads:
            rows = data.reshape(heads[module], 2, data.shape[0] // heads[module] // 2, data.shape[1])
            data = np.ascontiguousarray(rows.swapaxes(1, 2).reshape(data.shape))
        writer.add_tensor(f"blk.{layer}.{NAMES[module]}.weight.{side.lower()}", data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(target)


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
    raise SystemExit(_main(Path(sys.argv[1])))
