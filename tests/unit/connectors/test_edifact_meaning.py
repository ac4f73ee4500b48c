"""What messages mean: segment paths, groups as rows, shipped profiles read back what they write."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from pilothouse.connectors import edifact_contrl, edifact_interchange, edifact_message, edifact_read
from pilothouse.connectors.adapters.edifact.meaning.paths import segment_path
from pilothouse.connectors.adapters.edifact.meaning.profile import load_profile, shipped_profiles
from pilothouse.connectors.adapters.edifact.meaning.rows import field_value, moment, scopes
from pilothouse.connectors.adapters.edifact.render import render_template
from pilothouse.kernel import UsageError

AT = datetime(2026, 1, 5, 9, 30)


def message_of(*segments, kind="IFTDGN:D:99B:UN"):
    data = edifact_interchange(
        [edifact_message(kind, segments)], sender="A", recipient="B", reference="1", at=AT, una=False
    )
    return edifact_read(data).messages[0]


def texts(path, *segments):
    return [found.text for found in segment_path(path).find(message_of(*segments).segments)]


SEGMENTS = (
    "RFF+ABE:D1",
    "RFF+BM:B1",
    "LOC+9+NLRTM:139:6",
    "LOC+11+DEHAM:139:6",
    "NAD+CN+77+++ACME",
    "COM+a@example.org:EM",
    "NAD+CZ+88",
    "COM+b@example.org:EM",
    "MEA+AAE+G+KGM:10",
    "MEA+AAE+VGM+KGM:24310",
    "FTX+AAI+++one:more",
    "FTX+AAI+++two",
    "STS+1+8+++",
)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("LOC+11.C517.3225", ["DEHAM"]),
        ("LOC+11.3225", ["DEHAM"]),
        ("LOC+11.2.1", ["DEHAM"]),
        ("LOC+11.2", ["DEHAM"]),
        ("LOC.2", ["NLRTM", "DEHAM"]),
        ("LOC[2].2", ["DEHAM"]),
        ("LOC+9|11.2", ["NLRTM", "DEHAM"]),
        ("RFF+BM.C506.1154", ["B1"]),
        ("MEA+AAE+VGM.C174.6314", ["24310"]),
        ("MEA++VGM.C174.6411", ["KGM"]),
        ("MEA+AAE+VGM+KGM.3.2", ["24310"]),
        ("NAD+CN/COM.1", ["a@example.org"]),
        ("NAD+CZ/COM.C076.3148", ["b@example.org"]),
        ("NAD+CN/RFF.1.2", []),
        ("FTX+AAI[*].C108.4440", ["one", "two"]),
        ("FTX+AAI.C108.4440[2]", ["more"]),
        ("STS.C555.4405", ["8"]),
        ("NAD+CN.C082.3039", ["77"]),
        ("NAD+XX.2", []),
        ("LOC+11.2.9", []),
    ],
)
def test_paths_lead_to_values(path, found):
    assert texts(path, *SEGMENTS) == found


@pytest.mark.parametrize(
    "path",
    ["", "LOC", "LOC+11", "loc.2", "LOC.C999.3225", "LOC.x", "LOC.2.1.1", "LOC..2", "LO.1", "ZZZ.C517.3225"],
)
def test_a_path_that_cannot_be_read_says_why(path):
    with pytest.raises(UsageError) as caught:
        segment_path(path)
    assert caught.value.code == "edifact.path"
    assert repr(path) in caught.value.message


def rows(message, profile):
    return [
        {rule.name: field_value(scope, rule, file="f.edi", zone=None)[0] for rule in profile.fields}
        for scope in scopes(message, profile)
    ]


def test_one_row_for_each_box_and_what_stands_above_holds_for_all():
    message = message_of(
        "BGM+961+DOC1+9",
        "DTM+137:202601050930:203",
        "RFF+BM:MAEU1",
        "EQD+CN+ABCU1",
        "GIS+1",
        "EQD+CN+ABCU2",
        "GIS+3",
        "CNT+7:24310,5:KGM",
        kind="CUSRES:D:96B:UN",
    )
    one, two = rows(message, shipped_profiles()["CUSRES"])
    assert (one["container"], one["status"], one["bl"]) == ("ABCU1", "1", "MAEU1")
    assert (two["container"], two["status"], two["bl"]) == ("ABCU2", "3", "MAEU1")
    assert one["gross_mass"] == two["gross_mass"] == Decimal("24310.5")


def test_groups_inside_groups_do_not_mix():
    message = message_of(
        "BGM++N1+9",
        "CNI+1+BL1",
        "GID+1+10:CT",
        "DGS+IMD+3+1263",
        "SGP+ABCU1",
        "SGP+ABCU2",
        "GID+2+5:CT",
        "FTX+AAA+++harmless",
        "CNI+2+BL2",
        "GID+1+1:CT",
        "DGS+IMD+8+1789",
        "SGP+ABCU3",
    )
    found = [
        (row["bl"], row["item"], row["un_number"], row["container"])
        for row in rows(message, shipped_profiles()["IFTDGN"])
    ]
    assert found == [
        ("BL1", "1", "1263", "ABCU1"),
        ("BL1", "1", "1263", "ABCU2"),
        ("BL1", "2", None, None),
        ("BL2", "1", "1789", "ABCU3"),
    ]


def test_a_value_says_where_it_stands():
    message = message_of(*SEGMENTS)
    profile = shipped_profiles()["IFTDGN"]
    rule = next(rule for rule in profile.fields if rule.name == "port_of_discharge")
    _, position = field_value(scopes(message, profile)[0], rule, file="f.edi", zone=None)
    assert position.part == "LOC+11.C517.3225"
    assert position.file == "f.edi"
    assert position.length == 5


@pytest.mark.parametrize(
    ("text", "code", "local"),
    [
        ("202601050930", "203", "2026-01-05T09:30:00"),
        ("20260105093015", "204", "2026-01-05T09:30:15"),
        ("2601050930", "201", "2026-01-05T09:30:00"),
        ("20260105", "102", "2026-01-05"),
        ("260105", "101", "2026-01-05"),
        ("202601050930", "", "2026-01-05T09:30:00"),
        ("202613050930", "203", "202613050930"),
        ("soon", "203", "soon"),
    ],
)
def test_times(text, code, local):
    assert moment(text, code, None) == local


def test_times_with_a_zone_are_moments():
    at = datetime(2026, 7, 5, 7, 30, tzinfo=UTC)
    assert moment("202607050930", "203", ZoneInfo("Europe/Amsterdam")) == at
    assert moment("202607050930+0200", "205", None) == at
    assert moment("202607050730UTC", "303", ZoneInfo("Asia/Tokyo")) == at


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("24310", 24310),
        ("24310.50", Decimal("24310.50")),
        ("24.310,5", Decimal("24310.5")),
        ("abt 5", "abt 5"),
    ],
)
def test_numbers_that_are_none_stay_text(text, number):
    message = message_of(f"MEA+AAE+VGM+KGM:{text}", "EQD+CN+ABCU1", kind="VERMAS:D:16A:UN")
    assert rows(message, shipped_profiles()["VERMAS"])[0]["verified_mass"] == number


EXAMPLES = {
    "CUSRES": {
        "document_code": "961",
        "declaration": "26NL1",
        "bl": "MAEU1",
        "remark": "it's fine: 1+1?",
        "gross_mass": 24310,
        "packages": 12,
        "containers": [{"container": "ABCU1", "status": "1"}],
    },
    "COREOR": {
        "release_reference": "R'1",
        "bl": "MAEU1",
        "voyage": "12W",
        "vessel": "ÆRØ",
        "carrier": "MAEU",
        "release_to": "77",
        "containers": [{"container": "ABCU1", "size_type": "22G1", "valid_until": "2026-02-01"}],
    },
    "COPARN": {
        "booking": "BK1",
        "carrier": "MAEU",
        "haulier": "H1",
        "truck": "99-AB-1",
        "containers": [
            {"container": "ABCU1", "status": "3", "full_empty": "5", "pickup_from": "2026-01-06T08:00"}
        ],
    },
    "CODECO": {
        "document_code": "36",
        "containers": [
            {
                "container": "ABCU1",
                "bl": "MAEU1",
                "moved_at": "2026-01-06T08:00",
                "full_empty": "4",
                "turn_in": "T1",
            }
        ],
    },
    "IFTDGN": {
        "port_of_discharge": "NLRTM",
        "items": [
            {
                "item": "1",
                "bl": "MAEU1",
                "packages": 10,
                "description": "PAINT",
                "regulations": "IMD",
                "dg_class": "3",
                "un_number": "1263",
                "packing_group": "2",
                "container": "ABCU1",
            }
        ],
    },
    "VERMAS": {
        "containers": [
            {
                "container": "ABCU1",
                "booking": "BK1",
                "verified_mass": Decimal("24310.5"),
                "verified_mass_unit": "KGM",
                "weighed_at": "2026-01-06T08:00",
                "method": "SM1",
                "responsible": "ACME",
            }
        ],
    },
    "APERAK": {"document_code": "27", "answers": "R1", "errors": [{"error": "21", "text": "unknown box"}]},
}


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_shipped_profiles_read_what_they_write(kind):
    profile = shipped_profiles()[kind]
    given = {"document": "D'1+", "function": "9", "dtm": "2026-01-05T09:30", **EXAMPLES[kind]}
    message = message_of(*render_template(profile.template, given), kind=profile.kind)
    (row,) = rows(message, profile)
    inner = next((value[0] for value in given.values() if isinstance(value, list)), {})
    expected = {name: value for name, value in {**given, **inner}.items() if not isinstance(value, list)}
    for name, value in expected.items():
        wanted = f"{value}:00" if isinstance(value, str) and value[10:11] == "T" else value
        assert row[name] == wanted or row[name] == f"{value}T00:00:00", name


def test_a_template_without_a_value_says_which():
    with pytest.raises(UsageError, match="'function'"):
        render_template(["BGM++{document}+{function}"], {"document": "D1"})
    assert render_template(["RFF+BM:{bl?}", "BGM++{document}+{function?}"], {"document": "D1"}) == ["BGM++D1"]


def test_a_character_the_charset_lacks_writes_nothing():
    with pytest.raises(UsageError, match="Ł"):
        edifact_interchange(
            [edifact_message("APERAK:D:96B:UN", ["FTX+AAI+++Łódź"])],
            sender="A",
            recipient="B",
            reference="1",
            at=AT,
        )


def test_a_contrl_answers_for_the_damaged_message():
    whole = edifact_interchange(
        [
            edifact_message("APERAK:D:96B:UN", ["BGM++D1+9"]),
            edifact_message("CUSRES:D:96B:UN", ["BGM++D2+9"], reference="2"),
        ],
        sender="A", recipient="B", reference="77", at=AT,
    )  # fmt: skip
    (interchange,) = edifact_read(whole[: whole.rindex(b"UNT") - 4]).interchanges
    answer = edifact_contrl(interchange, reference="1", at=AT)
    (message,) = edifact_read(answer).messages
    assert message.type == "CONTRL"
    assert [segment.get(1) for segment in message.segments] == ["77", "2"]
    assert edifact_read(answer).interchanges[0].recipient == "A"


def test_a_wrong_profile_says_what_is_wrong(tmp_path):
    path = tmp_path / "mine.toml"
    for text in (
        "message = 'X'",
        "message = 'ORDERS'\nkey = ['nope']",
        "= broken",
        "message = 'ORDERS'\n[fields]\na = 'LOC'",
    ):
        path.write_text(text)
        with pytest.raises(UsageError):
            load_profile(path)
    with pytest.raises(UsageError, match="cannot be read"):
        load_profile(tmp_path / "missing.toml")
