"""Stories of a whole made world: the same bytes each time, every system readable, the key out of reach."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pilothouse.connectors import Query, Sources
from pilothouse.kernel import SYSTEM
from pilothouse_port.world import serve
from pilothouse_port.world.render_world import make_world

pytestmark = pytest.mark.timeout(120)

FILED = {"drop", "edifact", "mail"}


def test_the_same_seed_gives_the_same_bytes_in_another_process(small_world, tmp_path):
    code = (
        "import sys; from pathlib import Path; from pilothouse_port.world.render_world import make_world;"
        "print(make_world(Path(sys.argv[1]), seed=7).digest)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "again")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "12345"},
    )
    assert found.stdout.strip() == small_world.made.digest
    assert make_world(tmp_path / "other", seed=8).digest != small_world.made.digest
    same = Path("canon.json")
    assert (small_world.out / same).read_bytes() == (tmp_path / "again" / same).read_bytes()


def test_another_seed_is_another_schema_not_only_other_rows(tmp_path):
    names = []
    for seed in (21, 22):
        world = make_world(tmp_path / str(seed), seed=seed).world
        names.append(set(tomllib.loads((world / "world.toml").read_text())["systems"]))
    assert names[0] != names[1]


def test_making_a_world_again_stops_and_forgets_the_old_one(tmp_path):
    made = make_world(tmp_path, seed=3)
    serve.up(made.world, owner=os.getpid())
    try:
        again = make_world(tmp_path, seed=4)
        assert again.digest != made.digest
        assert not serve.run_folder(made.world).exists()
    finally:
        serve.down(made.world, forget=True)


async def test_every_object_of_every_system_is_read_with_all_its_rows(small_world):
    project = tomllib.loads(small_world.project.read_text())
    systems = serve.read_systems(small_world.world)
    assert set(project["sources"]) == set(systems)
    assert len(systems) == 14
    async with Sources.from_config(project, base=small_world.project.parent) as opened:
        for name in systems:
            schemas = await opened.objects(SYSTEM, name)
            assert schemas, name
            for schema in schemas:
                rows = [] if schema.required else await opened.read(SYSTEM, name, Query(schema.name))
                assert rows or schema.required or schema.name == "attachments", (name, schema.name)


def test_no_source_leads_to_the_answer_key(small_world):
    project = tomllib.loads(small_world.project.read_text())
    key = small_world.made.key.resolve()
    for name, table in project["sources"].items():
        if table["kind"] in FILED:
            folder = Path(table["path"]).resolve()
            assert folder.is_relative_to(small_world.world.resolve()), name
            assert not key.is_relative_to(folder)
    answers = [json.loads(line) for line in key.read_text().splitlines()]
    words = [json.dumps(answer["reasons"]) for answer in answers if answer["reasons"]]
    for path in small_world.world.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b'"verdict"' not in content, path
            assert not any(word.encode() in content for word in words), path
