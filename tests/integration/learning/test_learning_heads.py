"""Heads are trained in a minute, know what they know, and are refused where they do not belong."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from pilothouse.documents import claims
from pilothouse.documents.claims.testing import ExtractorSuite, FakeEncoder
from pilothouse.kernel import DataError, Principal, UsageError
from pilothouse.labels import unknown
from pilothouse.learning import Example, Examples, Trained, open_head, register_head, train_heads
from pilothouse.registry import Assets
from pilothouse.storage import Database

LABEL = unknown("mail")
TABLE = {
    "task": {"name": "small", "languages": ["en", "de"]},
    "types": {"stop": {"tightens": True}, "thanks": {}},
    "concepts": {
        "release": {"en": ["releas*", "hand .. over"], "de": ["freigeb*", "geben .. frei"]},
        "hold": {"en": ["hold", "stop", "block"], "de": ["sperr*", "stopp*"]},
        "goods": {"en": ["box", "container", "unit"], "de": ["container", "kiste"], "negatable": False},
    },
}
STOP = [
    "Please do not release box {n}.",
    "Hold {n} until we write again.",
    "Kindly block {n} for everybody.",
    "Unit {n} must stay at the terminal.",
    "Keep {n} behind the gate, please.",
    "Stop {n} at once!",
    "Nobody may collect {n} for now.",
    "We ask you not to hand box {n} over.",
    "The box {n} has to remain with you.",
    "Bitte geben Sie {n} nicht frei.",
    "Container {n} bitte sperren.",
    "Die Kiste {n} muss am Terminal bleiben.",
    "Niemand darf {n} abholen.",
    "Bitte {n} sofort stoppen.",
    "Halten Sie {n} bitte zurück.",
    "{n} darf das Gelände nicht verlassen.",
    "Do not let {n} go before we agree.",
    "Wir wollen, dass {n} stehen bleibt.",
]
FINE = [
    "When will box {n} be ready?",
    "The papers for {n} are attached.",
    "Is container {n} on the vessel?",
    "Please send the invoice for {n}.",
    "We will collect {n} tomorrow morning.",
    "Our driver comes at ten for {n}.",
    "Could you tell us the status of {n}?",
    "The vessel of {n} is late by two days.",
    "Here is the packing list of {n}.",
    "Wann ist {n} bereit?",
    "Die Unterlagen zu {n} liegen bei.",
    "Ist {n} schon an Bord?",
    "Bitte senden Sie die Rechnung für {n}.",
    "Wir holen {n} morgen früh ab.",
    "Unser Fahrer kommt um zehn für {n}.",
    "Wie ist der Stand von {n}?",
    "Das Schiff mit {n} hat zwei Tage Verspätung.",
    "Anbei die Packliste zu {n}.",
]
THANKS = [
    "Thank you so much for {n}, well done.",
    "You helped us a lot with {n}.",
    "Herzlichen Dank für {n}, gut gemacht.",
    "Sie haben uns mit {n} sehr geholfen.",
    "Great work on {n}, thank you.",
    "Mit {n} lief alles wunderbar, danke.",
]


def rows(count: int, *, seed: int = 0, noise: float = 0.03) -> tuple[Example, ...]:
    rng = Random(seed)
    out: list[Example] = []
    for number in range(count):
        kind = rng.choice(["stop", "", "", "thanks"])
        form = rng.choice({"stop": STOP, "": FINE, "thanks": THANKS}[kind])
        text = f"Dear all,\n\n{form.format(n=rng.randrange(10**6))}\n\nKind regards\nLou\n"
        labels = {kind} - {""}
        if rng.random() < noise:
            labels = set() if labels else {"stop"}
        out.append(Example(text=text, labels=frozenset(labels), id=str(number)))
    return tuple(out)


@pytest.fixture(scope="module")
def task() -> claims.Task:
    return claims.task_of(TABLE)


@pytest.fixture(scope="module")
def trained(task: claims.Task, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    out = tmp_path_factory.mktemp("heads")
    return asyncio.run(train_heads(task, Examples(rows=rows(900), label=LABEL, licence="CC0"), out))


def read(reader: claims.Reader, text: str) -> claims.Reading:
    return asyncio.run(reader.read(claims.plain_text(text), document="d", label=LABEL))


def test_known_wordings_are_read_and_none_is_missed(task: claims.Task, trained: Trained) -> None:
    reader = claims.Reader(task, heads=trained.head)
    kept = {one.seen for one in trained.head.memory.wordings}
    assert max(kept) > 5
    fresh = rows(150, seed=99, noise=0)
    missed = [one.text for one in fresh if "stop" in one.labels and not _warned(read(reader, one.text))]
    assert missed == []
    calm = [read(reader, one.text) for one in fresh if not one.labels]
    assert sum(one.unsettled for one in calm) < len(calm) / 2
    assert sum(bool(one.of("stop")) for one in calm) <= len(calm) * 0.1


def _warned(reading: claims.Reading) -> bool:
    return bool(reading.of("stop")) or reading.open("stop")


def test_a_wording_unlike_all_others_stays_unread(task: claims.Task, trained: Trained) -> None:
    reader = claims.Reader(task, heads=trained.head)
    for text in (
        "Zebras juggle marmalade quietly.",
        "xqz vfw plonk gribble zorp.",
        "Merci de ne rien livrer.",
    ):
        assert read(reader, text).unread, text


def test_one_not_more_makes_a_known_wording_new(task: claims.Task, trained: Trained) -> None:
    reader = claims.Reader(task, heads=trained.head)
    plain = read(reader, "We will collect 77 tomorrow morning.")
    turned = read(reader, "We will not collect 77 tomorrow morning.")
    assert plain.layout == "known"
    assert turned.layout == "new"


def test_the_card_tells_known_and_new_apart(trained: Trained) -> None:
    card = trained.card
    assert card["data"]["texts"] == 900
    assert card["data"]["licence"] == "CC0"
    assert 0.005 < card["data"]["noise"]["wrong"] < 0.1
    assert card["rungs"]["new"].keys() == card["rungs"]["known"].keys() == {"rules", "+heads"}
    known = card["rungs"]["known"]
    assert known["+heads"]["all"]["settled"] > known["rules"]["all"]["settled"]
    assert known["+heads"]["all"]["silent"] == 0
    for figures in (card["chances"]["new"]["all"], card["chances"]["known"]["all"]):
        assert {"calibration_error", "brier", "risk_coverage_area", "precision"} <= figures.keys()
    page = (trained.folder / "card.md").read_text()
    assert "| stop | new |" in page


def test_the_same_examples_give_the_same_head(task: claims.Task, tmp_path: Path) -> None:
    examples = Examples(rows=rows(150), label=LABEL)
    first = asyncio.run(train_heads(task, examples, tmp_path / "a"))
    second = asyncio.run(train_heads(task, examples, tmp_path / "b"))
    assert first.head.name == second.head.name
    assert (first.folder / "head.json").read_text() == (second.folder / "head.json").read_text()
    assert first.head.label == LABEL


def test_claims_of_a_head_carry_what_it_learnt_from(task: claims.Task, trained: Trained) -> None:
    reader = claims.Reader(task, heads=trained.head)
    reading = asyncio.run(
        reader.read(
            claims.plain_text("Unit 5 must stay at the terminal."), document="d", label=unknown("remarks")
        )
    )
    (claim,) = reading.of("stop")
    assert claim.label.readers == {"user:mail", "user:remarks"}
    assert any(one.startswith("head:small@") for one in claim.extractors)


def test_a_changed_file_another_task_or_encoder_is_refused(
    task: claims.Task, trained: Trained, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(trained.folder, folder)
    other = claims.task_of({**TABLE, "task": {"name": "other"}})
    with pytest.raises(UsageError) as caught:
        claims.load_head(folder, other)
    assert caught.value.code == "claims.base"
    (folder / "weights.npz").write_bytes(b"x" + (folder / "weights.npz").read_bytes())
    with pytest.raises(DataError) as broken:
        claims.load_head(folder, task)
    assert broken.value.code == "claims.head"
    (folder / "weights.npz").unlink()
    with pytest.raises(DataError):
        claims.load_head(folder, task)


def test_a_head_with_vectors_needs_its_own_encoder(task: claims.Task, tmp_path: Path) -> None:
    examples = Examples(rows=rows(250), label=LABEL)
    made = asyncio.run(train_heads(task, examples, tmp_path, encoder=FakeEncoder()))
    assert made.head.encoder == "fake-words@1"
    with pytest.raises(UsageError) as caught:
        claims.load_head(made.folder, task)
    assert caught.value.code == "claims.base"
    with pytest.raises(UsageError):
        claims.Reader(task, heads=made.head, encoder=replace(FakeEncoder(), version="another"))
    reader = claims.Reader(task, heads=made.head, encoder=FakeEncoder())
    assert _warned(read(reader, "Unit 5 must stay at the terminal."))
    blind = claims.Reader(task, heads=made.head)
    assert read(blind, "Could you tell us the status of 5?").unread


def test_too_few_examples_are_refused(task: claims.Task, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        asyncio.run(train_heads(task, Examples(rows=rows(3), label=LABEL), tmp_path))
    assert caught.value.code == "learning.too_few"


async def test_versions_are_registered_approved_and_rolled_back(
    task: claims.Task, trained: Trained, tmp_path: Path, database: Database
) -> None:
    class Recorded:
        async def record(self, tx: object, kind: str, actor: str, body: object) -> None:
            pass

    by = Principal(id="kim", rights=frozenset({"registry:publish:head"}))
    assets = Assets(database, recorder=Recorded())
    folder = tmp_path / "heads" / "small" / "one"
    shutil.copytree(trained.folder, folder)
    first = await register_head(assets, folder, trained.card, LABEL, by, base=tmp_path)
    assert open_head(first, task, base=tmp_path).name == trained.head.name
    await assets.tag("head", "small", first.version, "approved", by)
    assert (await assets.get("head", "small")).tags == ("approved",)
    (folder / "head.json").write_text((folder / "head.json").read_text() + " ")
    with pytest.raises(DataError) as caught:
        open_head(first, task, base=tmp_path)
    assert caught.value.code == "claims.head"


def test_the_command_trains_registers_and_shows(tmp_path: Path, database_url: str) -> None:
    lines = "".join(json.dumps({"text": r.text, "labels": sorted(r.labels)}) + "\n" for r in rows(200))
    (tmp_path / "mails.jsonl").write_text(lines)
    (tmp_path / "small.toml").write_text(
        '[task]\nname = "small"\n[types.stop]\ntightens = true\n[types.thanks]\n'
        '[concepts.hold]\nen = ["hold"]\n'
    )
    (tmp_path / "pilothouse.toml").write_text(
        '[project]\nname = "p"\noperator = "kim"\n[principals.kim]\nrights = ["registry:publish:head"]\n'
        '[claims.tasks]\nsmall = "small.toml"\n'
    )

    def pilothouse(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pilothouse", *words, "--json"],
            cwd=tmp_path,
            env={**os.environ, "PILOTHOUSE_DATABASE_URL": database_url},
            capture_output=True,
            text=True,
            check=False,
        )

    empty = pilothouse("heads", "list")
    assert json.loads(empty.stdout) == []
    done = pilothouse("train", "claims", "--task", "small", "--data", "mails.jsonl")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["version"] == 1
    assert "cross-fitted" in done.stderr
    assert Path(told["folder"]).is_relative_to(tmp_path / "heads" / "small")
    assert json.loads(pilothouse("heads", "approve", "small", "1").stdout)["approved"] == 1
    assert json.loads(pilothouse("heads", "show", "small").stdout)["name"] == told["card"]["name"]
    assert json.loads(pilothouse("heads", "list").stdout)[0]["tags"] == "approved"
    refused = pilothouse("train", "claims", "--task", "nothing", "--data", "mails.jsonl")
    assert json.loads(refused.stderr.splitlines()[-1])["error"]["code"] == "claims.no_task"


class TestHeads(ExtractorSuite):
    """A head keeps the contract of extractors."""

    @pytest.fixture(autouse=True)
    def _given(self, task: claims.Task, trained: Trained) -> None:
        self._task, self._head = task, trained.head

    def task(self) -> claims.Task:
        return self._task

    def extractor(self) -> claims.HeadExtractor:
        return claims.HeadExtractor(self._task, self._head)
