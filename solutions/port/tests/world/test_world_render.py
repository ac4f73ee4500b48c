"""Stories of rendering: each technology carries what the view says, in the owner's way, byte for byte."""

import hashlib
import sqlite3
from contextlib import closing
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from pilothouse.kernel import UsageError
from pilothouse_port.world.render import STAND_IN, render_system, render_systems
from pilothouse_port.world.systems.render.damage import DAMAGE, damaged
from pilothouse_port.world.systems.render.edifact import Separators, carried


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def rendered(view, folder: Path) -> Path:
    render_system(view, folder / view.name)
    return folder / view.name


def test_the_same_views_give_the_same_bytes_and_replace_what_was_there(made, tmp_path):
    render_systems(made.every_system(), tmp_path / "a")
    render_systems(made.every_system(), tmp_path / "b")
    (tmp_path / "b" / "stale").mkdir()
    render_systems(made.every_system(), tmp_path / "b")
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert len(digests(tmp_path / "a")) == 8 + 12  # a README each, and what each technology needs


def test_a_mariadb_dump_escapes_and_has_a_stand_in(made, tmp_path):
    folder = rendered(made.every_system()[0], tmp_path)
    dump = (folder / "dump.sql").read_text()
    assert "`blNumber` VARCHAR(190) NOT NULL COMMENT 'the bill''s number'" in dump
    assert "'it''s 50 % full\\\\ of\tGüter\\nand more', '12500.500'" in dump
    assert 'COPY "masterBills"' in (folder / STAND_IN).read_text()


def test_a_postgres_dump_makes_schemas_and_copies(made, tmp_path):
    dump = (rendered(made.every_system()[1], tmp_path) / "dump.sql").read_text()
    assert 'CREATE SCHEMA "tos_a";' in dump
    assert 'COPY "tos_a"."visit" ("box", "landed", "heavy", "day") FROM stdin;' in dump
    assert "MSKU1234565\t2026-11-20 07:30:00\t1\t2026-11-20\n" in dump


def test_a_sqlite_file_keeps_titles_with_spaces_and_leading_zeros(made, tmp_path):
    folder = rendered(made.every_system()[2], tmp_path)
    with closing(sqlite3.connect(folder / "customers.sqlite")) as db:
        assert db.execute('SELECT "Customer No", "Trading Name" FROM "Customer Master"').fetchall() == [
            ("000042", "Łódź & Sons")
        ]


def test_drops_speak_the_offices_encoding_and_write_each_day_in_full(made, tmp_path):
    folder = rendered(made.every_system()[3], tmp_path)
    assert (folder / "freigaben_2.csv").read_bytes().decode("cp1252") == (
        "Bescheinigung;Gewicht;Datum;Erzeugt\r\n"
        "DE1;1,5;01.11.2026;01.11.2026 06:00\r\n"
        "DE2;1,5;02.11.2026;02.11.2026 06:00\r\n"
    )


def test_an_interchange_counts_right_and_releases_its_own_marks(made, tmp_path):
    text = (rendered(made.customs(), tmp_path) / "a.edi").read_bytes().decode("latin-1")
    assert text.startswith("UNA:+.? 'UNB+UNOC:3+TESTOWNER+AGENCY+261120:0801+")
    assert "FTX+AAI+++what?'s ?+ this?: a café??'" in text
    assert text.count("'UNH+") == 2
    assert "'UNT+11+2'UNZ+2+" in text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"dialect": "rff"}, "RFF+AAQ:MSKU1234565'"),
        ({"directory": "D.23A"}, "STS+1+CLR'"),
        ({"syntax": "UNOA"}, "WHAT?'S ?+ THIS?: A CAFE??'"),
        ({"una": "UNA:*,! ~"}, "CNT*7:900,5:KGM~"),
        ({"una": ""}, "UNB+UNOC:3+"),
    ],
)
def test_parties_of_other_directories_write_otherwise(made, tmp_path, options, expected):
    content = (rendered(made.customs(**options), tmp_path) / "a.edi").read_bytes()
    assert expected in content.decode("latin-1")


@pytest.mark.parametrize("kind", sorted(DAMAGE))
def test_each_damage_changes_the_file_and_only_a_cut_loses_a_message(made, tmp_path, kind):
    whole = (rendered(made.customs(), tmp_path) / "a.edi").read_bytes()
    folder = tmp_path / "again"
    view = made.customs(damage=[{"interchange": "a.edi", "kind": kind}])
    broken = (rendered(view, folder) / "a.edi").read_bytes()
    assert broken != whole
    flat = broken.replace(b"\r", b"").replace(b"\n", b"")
    for box, _ in made.boxes[:1] if kind == "cut" else made.boxes[:2]:
        assert box.encode() in flat
    assert (b"UNZ" in flat) == (kind not in {"cut", "no_unz"})


def test_an_unknown_damage_is_named():
    with pytest.raises(UsageError, match="'gnawed' is not known"):
        damaged(b"", "gnawed")


def test_texts_are_carried_as_far_as_the_syntax_goes():
    assert carried("Łódź Straße", "UNOA") == "LODZ STRASSE"
    assert carried("Łódź", "UNOC") == "?ód?"
    assert carried("Łódź", "UNOY") == "Łódź"


def test_empty_elements_at_the_end_are_left_out():
    assert Separators().write(("NAD", "SPC", "", "", ("", ""), "")) == "NAD+SPC+++:'"


def test_a_mail_has_its_time_zone_and_attachment(made, tmp_path):
    folder = rendered(made.every_system()[6], tmp_path)
    (path,) = folder.glob("*.eml")
    mail = message_from_bytes(path.read_bytes(), policy=default)
    assert mail["Date"] == "Fri, 20 Nov 2026 09:00:00 +0100"
    assert mail["Subject"] == "Container MSKU1234565 – frei?"
    assert mail.get_body().get_content().strip().splitlines() == ["Grüße,", "Ann"]
    assert [part.get_filename() for part in mail.iter_attachments()] == ["note.txt"]
