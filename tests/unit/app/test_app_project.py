"""The project file: what it declares, and that mistakes name the table and the field."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilothouse.app import find_project, load_project
from pilothouse.kernel import UsageError

GOOD = """
[project]
name = "harbour"
operator = "amira"
[principals.amira]
groups = ["desk"]
rights = ["sources:*"]
[port]
bindings = "port.yaml"
"""


def _write(folder: Path, text: str) -> Path:
    (folder / "pilothouse.toml").write_text(text)
    return folder


def test_it_is_found_from_any_folder_below(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    _write(tmp_path, GOOD)
    assert find_project(tmp_path / "a" / "b") == tmp_path


def test_it_names_people_data_and_the_tables_of_solutions(tmp_path: Path) -> None:
    project = load_project(_write(tmp_path, GOOD))
    assert project.principal().id == "amira"
    assert project.principal("amira").may("sources:erp:read")
    assert project.section("port") == {"bindings": "port.yaml"}
    assert project.section("absent") == {}
    assert project.data_dir == tmp_path / ".pilothouse"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[project", "not TOML"),
        ("", "project"),
        ("[project]\nname = 5", "project.name"),
        ('[project]\nname = "x"\ncolour = "red"', "project.colour"),
        ('[project]\nname = "x"\n[principals.y]\nkind = "robot"', "principals.y.kind"),
    ],
)
def test_a_mistake_names_where_it_stands(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        load_project(_write(tmp_path, text))


def test_who_is_not_declared_may_nothing(tmp_path: Path) -> None:
    project = load_project(_write(tmp_path, GOOD))
    with pytest.raises(UsageError, match=r"no principal 'bob'.*declared: amira"):
        project.principal("bob")


def test_a_section_must_be_a_table(tmp_path: Path) -> None:
    project = load_project(
        _write(tmp_path, "port = 5\n" + GOOD.replace("[port]\nbindings", "[other]\nbindings"))
    )
    with pytest.raises(UsageError, match=r"\[port\]"):
        project.section("port")


def test_no_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pilothouse init"):
        load_project(tmp_path)
