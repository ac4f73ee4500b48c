"""Bring your own port: a world nobody mapped is drafted, checked, run and scored through its real systems."""

from __future__ import annotations

import asyncio
import json
import re
import tomllib
from pathlib import Path

import pytest
from port_project import KNOWN, VOUCH
from typer.testing import CliRunner

import pilothouse_port
from pilothouse.kernel import UsageError
from pilothouse_port.bindings import TRANSFORMS, load_bindings
from pilothouse_port.commands import app
from pilothouse_port.facts import FACTS, OUTCOMES
from pilothouse_port.score import read_lines, score
from pilothouse_port.types import Verdict
from pilothouse_port.working import Place, check_port, draft_port, find_bindings, run_port, score_files
from pilothouse_port.world.render_world import make_world

pytestmark = pytest.mark.timeout(180)
SOLUTION = Path(pilothouse_port.__file__).parent


@pytest.fixture(scope="module")
def mapped(small_world, tmp_path_factory) -> Place:
    """The small world with the mapping that ``port new`` drafts, untouched but for who vouches."""
    folder = tmp_path_factory.mktemp("mapped")
    place = Place(folder=folder, sources=small_world.project, port=folder / "port.yaml")
    made = asyncio.run(draft_port(small_world.world, place=place, out=place.port, force=False, known=KNOWN))
    assert made["facts"] >= 45
    drafted = place.port.read_text(encoding="utf-8")
    assert len(made["todo"]) == len(re.findall(r"\bTODO\b", drafted)), "what is open is told in full"
    place.port.write_text(drafted.replace(VOUCH, "endorsed_by: a test"), encoding="utf-8")
    return place


async def test_a_draft_binds_every_fact_the_policy_needs_within_its_lines(mapped) -> None:
    found = await check_port(mapped)
    assert [fact.name for fact in found.facts if not fact.bound] == []
    assert found.lines <= 150
    assert not found.stale
    assert found.lookups / found.n <= 0.5
    assert {fact.name: fact.causes for fact in found.facts if fact.causes} == {}


async def test_nobody_vouches_for_an_untouched_draft(mapped, tmp_path) -> None:
    """The placeholder in the file is no name: the untrusted source's facts stay unread."""
    port = tmp_path / "port.yaml"
    text = mapped.port.read_text(encoding="utf-8").replace("endorsed_by: a test", VOUCH)
    policy = find_bindings(mapped)[0].document
    known = f"known_file: {json.dumps(str(KNOWN))}"
    port.write_text(
        re.sub(r'known_file: "[^"]*"|known_file: [^,}]*', lambda _: known, text), encoding="utf-8"
    )
    found = await check_port(Place(folder=tmp_path, sources=mapped.sources, port=port, policy=policy))
    causes = {fact.name: fact.causes for fact in found.facts if fact.causes}
    assert causes["empty.outstanding"].keys() == {"unread"}
    assert any("endorsed_by names nobody" in problem for problem in found.problems)
    assert any("policy.approver is missing" in problem for problem in found.problems)


async def test_records_alone_are_decided_as_the_truth_has_them(mapped, small_world, tmp_path) -> None:
    """What the oracle finds in records we find too: same verdict, same reasons, evidence that is there."""
    out = tmp_path / "records.jsonl"
    await run_port(mapped, out=out, durable=False, texts=False)
    truth = read_lines(small_world.out / "key.jsonl")
    by_records = [line for line in truth if not line["text_only"]]
    got = score(read_lines(out), by_records)
    assert (got.right.hits, got.needless.hits, got.wrong_bound.hits) == (got.n, 0, 0)
    scores = await score_files(
        mapped, decisions=out, key=small_world.out / "key.jsonl", baseline=None, reread=True
    )
    whole = scores["this run"]
    assert whole.precision.share == 1.0
    assert whole.valid is not None
    assert whole.valid.hits == whole.valid.n > 100
    assert whole.supported.share >= 0.98
    assert whole.right.share < 0.85, "a world that records alone can decide proves nothing"


async def test_unread_text_only_tightens_and_nothing_wrong_leaves(mapped, small_world, tmp_path) -> None:
    with_texts, without = tmp_path / "texts.jsonl", tmp_path / "records.jsonl"
    await run_port(mapped, out=with_texts, durable=False, texts=True)
    await run_port(mapped, out=without, durable=False, texts=False)
    rank = {verdict.value: place for place, verdict in enumerate(Verdict)}
    before = {(line["container"], line["bl"]): line["bound"] for line in read_lines(without)}
    for line in read_lines(with_texts):
        assert rank[line["bound"]] >= rank[before[line["container"], line["bl"]]]
    got = score(read_lines(with_texts), read_lines(small_world.out / "key.jsonl"))
    assert (got.wrong_bound.hits, got.wrong_advised.hits) == (0, 0)


async def test_a_changed_policy_stops_everything_unattended(mapped, small_world, tmp_path) -> None:
    changed = tmp_path / "POLICY.md"
    text = (small_world.world / "POLICY.md").read_text(encoding="utf-8")
    changed.write_text(text + "\n99.1 Sundays are closed.\n", encoding="utf-8")
    out = tmp_path / "d.jsonl"
    place = Place(folder=mapped.folder, sources=mapped.sources, port=mapped.port, policy=changed)
    await run_port(place, out=out, durable=False, texts=False)
    lines = read_lines(out)
    assert {line["bound"] for line in lines} == {"ESCALATE"}
    assert all("policy" in line["endorsements"] for line in lines)


def test_the_commands_speak_json_and_say_the_next_step(mapped, small_world, tmp_path) -> None:
    run, out = CliRunner(), tmp_path / "d.jsonl"
    common = ["--sources", str(mapped.sources), "--port", str(mapped.port)]
    done = run.invoke(app, ["run", "--pure", "--out", str(out), *common, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["consignments"] == 60
    scored = run.invoke(app, ["score", str(out), str(small_world.out / "key.jsonl"), "--json"])
    assert json.loads(scored.stdout)["this run"]["n"] == 60
    priced = run.invoke(app, ["cost", str(out), "--csv", str(tmp_path / "actions.csv"), "--json"])
    assert set(json.loads(priced.stdout)["minutes"]) == {"typed", "competent", "saved", "assisted"}
    assert (tmp_path / "actions.csv").read_text().startswith("container,bl,who,operator,count")
    again = run.invoke(
        app, ["new", str(small_world.world), "--sources", str(mapped.sources), "--out", str(mapped.port)]
    )
    assert again.exit_code != 0
    assert "--force" in again.output


def test_the_demo_maps_the_world_it_makes(tmp_path) -> None:
    """The generator moved on if this fails: draft the mapping of the demo's world again."""
    world = make_world(tmp_path / "w", seed=7, size="day").world
    bindings = load_bindings(SOLUTION / "worlds" / "seed7" / "port.yaml", policy_document=world / "POLICY.md")
    assert not bindings.table.stale
    assert bindings.lines <= 150
    with pytest.raises(UsageError, match=r"is not a sentence|no policy document"):
        load_bindings(SOLUTION / "worlds" / "seed7" / "port.yaml", policy_document=tmp_path / "none.md")


def _identifiers(world: Path) -> set[str]:
    """Names that only a made world has: its systems, and its compound table and column names."""
    found: set[str] = set()
    systems = tomllib.loads((world / "world.toml").read_text(encoding="utf-8"))["systems"]
    for name, system in systems.items():
        found.add(name)
        if system["technology"] in ("edifact", "mail"):
            continue
        dictionary = (world / "systems" / name / "README.md").read_text(encoding="utf-8")
        words = re.findall(r"^\| `([^`]+)` \|", dictionary, flags=re.MULTILINE)
        found |= {word for word in words if re.search(r"[a-z][A-Z]|\w[_-]\w", word)}
    return found


def test_no_identifier_of_a_made_world_occurs_in_the_solution(tmp_path) -> None:
    names: set[str] = set()
    for seed in range(1, 7):
        names |= _identifiers(make_world(tmp_path / str(seed), seed=seed).world)
    assert len(names) > 300
    names -= {name.rpartition(".")[2] for name in FACTS} | {
        code for codes in OUTCOMES.values() for code in codes
    }
    pattern = re.compile(r"[\w-]+")
    for file in sorted(SOLUTION.rglob("*")):
        inside = file.relative_to(SOLUTION).parts
        if file.suffix not in (".py", ".toml") or inside[0] in ("world", "worlds", "demo.py"):
            continue
        used = set(pattern.findall(file.read_text(encoding="utf-8"))) & names
        if file.suffix == ".toml":  # a lexicon may hold plain words that some owner took as his system's name
            used = {name for name in used if not name.isalpha()}
        assert not used, f"{file.name} knows the made world: {sorted(used)}"


def test_the_reference_names_every_fact_outcome_and_transform() -> None:
    page = (SOLUTION.parents[3] / "docs" / "reference" / "port.md").read_text(encoding="utf-8")
    assert [name for name in FACTS if f"`{name}`" not in page] == []
    assert [code for codes in OUTCOMES.values() for code in codes if f"`{code}`" not in page] == []
    assert [word for word in TRANSFORMS if f"`{word.partition(':')[0]}" not in page] == []
