"""What several people do at the command line: batches, taking back, standing in for a colleague."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pilothouse.storage.testing import fresh_url

FLOWS = """

from pilothouse import effect, perform


@effect(tool="post_notice", effect="write", tier=2, steering=["to"])
async def post_notice(to: str) -> str:
    return to


@workflow
async def notice(to: str) -> str:
    call = post_notice.bind(to=to)
    answer = await decide(f"Notice to {to}?", of=call, who="desk", verdict="POST")
    return await perform(call, answer) if answer.approved else "no"
"""
PEOPLE = """
[principals."clerk.bo"]
rights = ["decisions:*"]

[principals."clerk.cem"]
rights = ["decisions:*"]
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def pilothouse(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("project")
    with fresh_url(postgres_url) as url:
        assert _pilothouse(folder, url, "init", ".").returncode == 0
        for name, more in (("flows.py", FLOWS), ("pilothouse.toml", PEOPLE)):
            file = folder / name
            file.write_text(file.read_text() + more)
        yield lambda *words, **options: _pilothouse(folder, url, *words, **options)


def _pilothouse(
    folder: Path, url: str, *words: str, stdin: str | None = None, **settings: str
) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PILOTHOUSE_")}
    environment |= {f"PILOTHOUSE_DECISIONS_{name.upper()}": value for name, value in settings.items()}
    environment |= {"PILOTHOUSE_DATABASE_URL": url, "COLUMNS": "120", "USER": "amira", "LOGNAME": "amira"}
    return subprocess.run(
        [sys.executable, "-m", "pilothouse", *words],
        cwd=folder, capture_output=True, text=True, input=stdin, env=environment, timeout=60, check=False,
    )  # fmt: skip


def _ask(pilothouse: Run, name: str) -> str:
    started = pilothouse("run", "hello", "--args", json.dumps({"name": name}), "--json", blind_share="0")
    assert started.returncode == 0, started.stderr
    assert json.loads(started.stdout)["state"] == "parked"
    items: list[dict[str, Any]] = json.loads(pilothouse("inbox", "--find", name, "--json").stdout)["items"]
    return items[0]["id"]


def test_several_are_approved_together_and_nothing_else_takes_several(pilothouse: Run) -> None:
    asked = [_ask(pilothouse, name) for name in ("Bergen", "Cadiz")]
    refused = pilothouse("decide", *asked, "--reject", "no", "--as", "clerk")
    assert (refused.returncode, "only --approve" in " ".join(refused.stderr.split())) == (2, True)
    done = pilothouse("decide", *asked, "--approve", "--as", "clerk")
    assert "approved 2" in done.stdout, done.stderr
    again = pilothouse("decide", *asked, "--approve", "--as", "clerk", "--json")
    assert [answer["approved"] for answer in json.loads(again.stdout)] == [True, True]


def test_an_answer_is_taken_back_within_its_grace_and_asked_again(pilothouse: Run) -> None:
    proposal = _ask(pilothouse, "Dakar")
    assert pilothouse("decide", proposal, "--approve", "--as", "clerk", grace="240").returncode == 0
    back = pilothouse("decide", proposal, "--undo", "--as", "clerk")
    assert "taken back" in back.stdout, back.stderr
    again = pilothouse("decide", proposal, "--undo", "--as", "clerk", "--json")
    assert (again.returncode, json.loads(again.stderr)["error"]["code"]) == (1, "decisions.undo")
    items = json.loads(pilothouse("inbox", "--find", "Dakar", "--json").stdout)["items"]
    assert [(item["state"], item["undo_until"]) for item in items] == [("open", None)]


def test_the_last_answer_is_taken_back_with_one_key(pilothouse: Run) -> None:
    _ask(pilothouse, "Esbjerg")
    keys = pilothouse("inbox", "--find", "Esbjerg", "--as", "clerk", stdin="u\nr\nslip\nq\n", grace="240")
    assert "you have answered nothing yet" in keys.stdout, keys.stderr
    assert "1 answered" in keys.stdout
    _ask(pilothouse, "Faro one")
    _ask(pilothouse, "Faro two")
    keys = pilothouse("inbox", "--find", "Faro", "--as", "clerk", stdin="r\nslip\nu\nq\n", grace="240")
    assert "taken back: " in keys.stdout, keys.stderr
    assert "0 answered, 2 open" in keys.stdout


def test_a_blind_item_shows_its_advice_after_the_answer(pilothouse: Run) -> None:
    started = pilothouse("run", "notice", "--args", '{"to": "Gdynia"}', "--json", blind_share="1")
    assert started.returncode == 0, started.stderr
    assert json.loads(started.stdout)["state"] == "parked"
    listed = pilothouse("inbox", "--find", "Gdynia", "--list", "--as", "clerk.bo")
    assert "blind" in listed.stdout
    assert "POST" not in listed.stdout
    told = pilothouse(
        "show", json.loads(pilothouse("inbox", "--find", "Gdynia", "--json").stdout)["items"][0]["id"]
    )
    assert (told.returncode, "decisions.blind" in told.stderr, "POST" in told.stdout) == (3, True, False)
    run = pilothouse("show", json.loads(started.stdout)["run"], "--json")
    assert (run.returncode, json.loads(run.stdout)["decisions"]) == (0, [])
    keys = pilothouse("inbox", "--find", "Gdynia", "--as", "clerk.bo", stdin="a\nq\n")
    before, _, after = keys.stdout.partition("judge for yourself")
    assert "POST" not in before
    assert "the rules advised POST" in after, keys.stderr


def test_who_stands_in_is_listed_given_and_ended(pilothouse: Run) -> None:
    assert "Nobody stands in" in pilothouse("delegations", "--as", "clerk.bo").stdout
    words = ("delegations", "--scope", "post_notice", "--until", "2h", "--as", "clerk.bo")
    assert pilothouse(*words, "--give", "nobody").returncode == 2
    assert pilothouse(*words, "--give", "clerk").returncode == 3, "both need the right"
    given = json.loads(pilothouse(*words, "--give", "clerk.cem", "--json").stdout)
    assert [(line["for"], line["answers"], line["on"]) for line in given] == [
        ("clerk.bo", "clerk.cem", "post_notice")
    ]
    assert "clerk.cem" in pilothouse("delegations", "--as", "clerk.cem").stdout
    ended = pilothouse("delegations", "--end", given[0]["id"], "--as", "clerk.bo", "--json")
    assert json.loads(ended.stdout) == []
    assert pilothouse("delegations", "--end", given[0]["id"], "--as", "clerk.bo").returncode == 2
