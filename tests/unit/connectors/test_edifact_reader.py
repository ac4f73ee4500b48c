"""Reading EDIFACT bytes: whole, in every spelling, and damaged in the ways real mailboxes are."""

import random
from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.connectors import edifact_interchange, edifact_message, edifact_read, edifact_segment

AT = datetime(2026, 1, 5, 9, 30)
# The one CODECO with a licence to share that was found (smart-data-models, CC-BY-4.0), shortened.
CODECO = (
    b"UNB+UNOA:1+ESHUV+PA+230811:1450+174749339'UNH+92218+CODECO:D:95B:UN:SMDG16'BGM+34++9'"
    b"EQD+CN+TESI1120274+4EG1:102:5++2+5'RFF+BN:FUE110823'DTM+7:202308111447:203'"
    b"LOC+165+ESHUV:139:6+CONCHUV:TER:ZZZ'MEA+AAE+VGM+KGM:27000.0'SEL+88200+SH'CNT+16:1'"
    b"UNT+10+92218'UNZ+1+174749339'"
)


def three_messages(**spelling):
    bodies = [
        [edifact_segment("BGM", "961", f"DOC{n}", "9"), edifact_segment("EQD", "CN", f"ABCU123456{n}")]
        for n in (1, 2, 3)
    ]
    return edifact_interchange(
        [edifact_message("CUSRES:D:96B:UN", body, reference=str(n)) for n, body in enumerate(bodies, 1)],
        sender="CUSTOMS:ZZ",
        recipient="AGENCY",
        reference="I1",
        at=AT,
        **{"breaks": False, **spelling},
    )


def codes(reading):
    return [fault.code for fault in reading.faults]


def documents(reading):
    return [
        segment.get(2) for message in reading.messages for segment in message.segments if segment.tag == "BGM"
    ]


def test_a_message_is_read_with_its_envelope():
    reading = edifact_read(CODECO)
    (interchange,) = reading.interchanges
    (message,) = interchange.messages
    assert (interchange.sender, interchange.recipient, interchange.reference) == ("ESHUV", "PA", "174749339")
    assert (message.type, message.release, message.association) == ("CODECO", "D.95B", "SMDG16")
    assert message.complete
    assert reading.faults == ()


def test_every_component_says_which_bytes_it_is():
    for segment in edifact_read(CODECO).messages[0].segments:
        assert CODECO[segment.offset :].startswith(segment.raw)
        for element in range(1, len(segment.values)):
            for number, part in enumerate(segment.components(element), 1):
                assert CODECO[part.offset : part.offset + part.length].decode() == segment.get(
                    element, number
                )


def test_released_marks_are_text_and_keep_their_bytes():
    text = "it's 1+1: what??' end?"
    data = edifact_interchange(
        [edifact_message("APERAK:D:96B:UN", [edifact_segment("FTX", "AAI", None, None, [text, "second"])])],
        sender="A",
        recipient="B",
        reference="1",
        at=AT,
    )
    (segment,) = edifact_read(data).messages[0].segments
    assert segment.get(4) == text
    assert segment.get(4, 2) == "second"
    offset, length = segment.span(4)
    assert data[offset : offset + length] == b"it?'s 1?+1?: what?????' end??"


@pytest.mark.parametrize("syntax", [1, 2, 3, 4])
@pytest.mark.parametrize("una", [True, False])
@pytest.mark.parametrize("breaks", [True, False])
def test_every_spelling_reads_the_same(syntax, una, breaks):
    reading = edifact_read(three_messages(syntax=syntax, una=una, breaks=breaks))
    assert documents(reading) == ["DOC1", "DOC2", "DOC3"]
    assert codes(reading) == []


def test_repeated_elements_of_syntax_4_follow_each_other():
    data = b"UNA:+.?*'UNB+UNOC:4+A+B+20260105:0930+1'UNH+1+APERAK:D:23A:UN'NAD+MS+A:1*B:2'UNT+3+1'UNZ+1+1'"
    (segment,) = edifact_read(data).messages[0].segments
    assert segment.values[2] == ["A", "1", "B", "2"]
    assert [data[part.offset : part.offset + part.length] for part in segment.components(2)] == [
        b"A", b"1", b"B", b"2",
    ]  # fmt: skip


def test_several_interchanges_in_one_file_each_with_its_own_marks():
    other = b"UNA|^.\\ ~UNB^UNOA|2^X^Y^260105|0930^9~UNH^1^APERAK|D|96B|UN~BGM^^A+B~UNT^3^1~UNZ^1^9~"
    reading = edifact_read(CODECO + b"\r\n" + other + b"\n" + CODECO)
    assert [message.type for message in reading.messages] == ["CODECO", "APERAK", "CODECO"]
    assert reading.messages[1].segments[0].get(2) == "A+B"
    assert codes(reading) == []


def test_separators_of_level_b_without_una():
    data = three_messages(una=False).translate(bytes.maketrans(b":+'", b"\x1f\x1d\x1c"))
    assert documents(edifact_read(data)) == ["DOC1", "DOC2", "DOC3"]


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("UNOC", "Müller"),
        ("UNOD", "Łódź"),
        ("UNOE", "Москва"),
        ("UNOF", "Αθήνα"),
        ("UNOW", "東京 Łódź"),
        ("UNOY", "é"),
    ],
)
def test_charsets(charset, name):
    message = edifact_message("APERAK:D:96B:UN", [edifact_segment("NAD", "MS", None, None, name)])
    data = edifact_interchange([message], sender="A", recipient="B", reference="1", at=AT, charset=charset)
    reading = edifact_read(data)
    assert reading.messages[0].segments[0].get(4) == name
    assert codes(reading) == []


def test_latin_1_where_only_ascii_is_allowed_is_read_and_reported():
    data = CODECO.replace(b"88200", b"M\xfcller")
    reading = edifact_read(data)
    assert reading.messages[0].segments[6].get(1) == "Müller"
    assert codes(reading) == ["charset"]
    assert data[reading.faults[0].offset] == 0xFC
    assert reading.messages[0].complete


def test_utf_8_declared_as_latin_1_is_read_as_utf_8():
    data = CODECO.replace(b"UNOA:1", b"UNOC:3").replace(b"88200", "Łódź".encode())
    reading = edifact_read(data)
    assert reading.messages[0].segments[6].get(1) == "Łódź"
    assert codes(reading) == ["charset"]


@pytest.mark.parametrize(
    ("una", "code"),
    [
        (b"UNA+:.? '", "una.wrong"),
        (b"UNA|!.? ~", "una.wrong"),
        (b"UNA:+.?'", "una.wrong"),
        (b"UNA", "una.wrong"),
    ],
)
def test_a_una_that_lies_is_not_believed(una, code):
    reading = edifact_read(una + CODECO)
    assert codes(reading) == [code]
    assert reading.messages[0].segments[1].get(2) == "TESI1120274"
    assert reading.messages[0].complete


def test_other_marks_without_una_are_found_out():
    reading = edifact_read(CODECO.replace(b"+", b"|").replace(b"'", b"~"))
    assert reading.messages[0].segments[1].get(2) == "TESI1120274"
    assert codes(reading) == ["una.absent"]


def test_a_decimal_comma_is_known():
    assert edifact_read(b"UNA:+,? '" + CODECO).interchanges[0].marks.decimal == b","


def test_without_unb_the_messages_are_there():
    data = CODECO[CODECO.index(b"UNH") :]
    reading = edifact_read(data)
    assert reading.messages[0].complete
    assert reading.interchanges[0].sender == ""
    assert codes(reading) == ["unb.missing"]


def test_without_unz_the_messages_are_there():
    reading = edifact_read(CODECO[: CODECO.index(b"UNZ")])
    assert reading.messages[0].complete
    assert codes(reading) == ["unz.missing"]


def test_wrong_counts_and_references_are_reported_with_their_place():
    data = CODECO.replace(b"UNT+10+92218", b"UNT+12+92219").replace(b"UNZ+1+174749339", b"UNZ+2+1")
    reading = edifact_read(data)
    assert codes(reading) == ["unt.count", "unt.reference", "unz.count", "unz.reference"]
    assert data[reading.faults[0].offset :].startswith(b"UNT")
    assert reading.messages[0].complete, "partners count wrongly all day; nothing is lost by it"
    assert not reading.faults[2].recovered, "an interchange that promises more messages than it has lost one"


def test_lines_folded_anywhere_read_the_same():
    for width in (40, 72, 76, 80):
        folded = b"\r\n".join(CODECO[at : at + width] for at in range(0, len(CODECO), width))
        reading = edifact_read(folded)
        assert [s.values for s in reading.messages[0].segments] == [
            s.values for s in edifact_read(CODECO).messages[0].segments
        ]
        assert set(codes(reading)) <= {"line_break.stray"}
        assert reading.messages[0].complete


def test_line_breaks_instead_of_terminators():
    reading = edifact_read(CODECO.replace(b"'", b"\n"))
    assert len(reading.messages[0].segments) == 8
    lost_one = edifact_read(CODECO.replace(b"'RFF", b"\nRFF"))
    assert len(lost_one.messages[0].segments) == 8
    assert codes(lost_one) == ["terminator.missing"]


def test_a_cut_file_keeps_the_good_messages_and_no_half_value():
    data = three_messages()
    cut = data[: data.rindex(b"ABCU1234563") + 4]
    reading = edifact_read(cut)
    assert [message.complete for message in reading.messages] == [True, True, False]
    assert documents(reading) == ["DOC1", "DOC2", "DOC3"]
    assert all(segment.tag != "EQD" for segment in reading.messages[2].segments), "ABCU is not a container"
    assert codes(reading) == ["unt.missing", "cut", "unz.missing"]
    assert cut[reading.faults[1].offset :] == b"EQD+CN+ABCU"


def test_a_lost_unt_does_not_swallow_the_next_message():
    data = three_messages().replace(b"UNT+4+1'", b"")
    reading = edifact_read(data)
    assert [message.complete for message in reading.messages] == [False, True, True]
    assert codes(reading) == ["unt.missing"]
    assert reading.faults[0].message == "1"


def test_an_unreadable_segment_spoils_only_its_message():
    reading = edifact_read(three_messages().replace(b"BGM+961+DOC2", b"B%M+961+DOC2"))
    assert [message.complete for message in reading.messages] == [True, False, True]
    assert "segment.unreadable" in codes(reading)


def test_noise_around_is_left_out():
    reading = edifact_read(b"Content-Type: text/plain\r\n\r\n" + CODECO + b"\r\n-- \r\nsent by gateway\r\n")
    assert reading.messages[0].complete
    assert codes(reading) == ["junk", "junk"]


@pytest.mark.parametrize("data", [b"", b"\r\n \x1a"])
def test_nothing_is_nothing(data):
    assert edifact_read(data).messages == ()
    assert edifact_read(data).faults == ()


@pytest.mark.parametrize("data", [b"hello", b"%PDF-1.7 binary \x00\xff", b"<xml/>"])
def test_rubbish_is_told(data):
    reading = edifact_read(data)
    assert reading.messages == ()
    assert [fault.recovered for fault in reading.faults] == [False]


def test_a_reference_used_twice_is_told():
    data = three_messages().replace(b"UNH+2+", b"UNH+1+").replace(b"UNT+4+2", b"UNT+4+1")
    assert codes(edifact_read(data)) == ["unh.duplicate"]


def test_groups_are_counted_as_unz_counts_them():
    data = three_messages()
    head = data.index(b"UNH")
    tail = data.index(b"UNZ")
    grouped = data[:head] + b"UNG+CUSRES+A+B+260105:0930+1+UN+D:96B'" + data[head:tail] + b"UNE+3+1'UNZ+1+I1'"
    reading = edifact_read(grouped)
    assert len(reading.messages) == 3
    assert codes(reading) == []


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_raise(data):
    edifact_read(data)
    edifact_read(b"UNB+UNOA:1+A+B+260105:0930+1'" + data)


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_random_damage_never_raises_and_never_reads_outside_the_file(rng: random.Random, hits: int):
    data = bytearray(three_messages() + CODECO)
    for _ in range(hits):
        at = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                del data[at : at + rng.randrange(1, 30)]
            case 2:
                data[at:at] = rng.choice([b"\r\n", b"'", b"+", b"?", b"UNH+", b"UNB+UNOA:1+"])
            case _:
                del data[at:]
        if not data:
            break
    raw = bytes(data)
    reading = edifact_read(raw)
    assert all(0 <= fault.offset <= len(raw) for fault in reading.faults)
    for message in reading.messages:
        for segment in message.segments:
            assert raw[segment.offset : segment.offset + segment.length] == segment.raw
            assert [segment.components(n)[0].text for n in range(1, len(segment.values))] == [
                values[0] for values in segment.values[1:]
            ]
    assert all(one.offset <= two.offset for one, two in pairwise(reading.faults))
