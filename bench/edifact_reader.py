"""EDIFACT reading: ours against pydifact on the same interchange, then what each makes of damage.

pydifact splits every segment at once, so "every text" is the like-for-like line.

Run: python bench/edifact_reader.py [messages]
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from datetime import datetime

from pydifact.segmentcollection import Interchange

from pilothouse.connectors import edifact_interchange, edifact_message, edifact_read, edifact_segment

MESSAGES = int(sys.argv[1]) if len(sys.argv) > 1 else 200
ROUNDS = 3


def interchange(messages: int) -> bytes:
    """A CUSRES mailbox of one day: nine segments a message, some with released characters."""
    return edifact_interchange(
        [edifact_message("CUSRES:D:96B:UN", _cusres(n), reference=str(n)) for n in range(1, messages + 1)],
        sender="CUSTOMS:ZZ",
        recipient="AGENCY",
        reference="B0001",
        at=datetime(2026, 1, 5, 9, 0),
        charset="UNOA",
        breaks=False,
    )


def _cusres(n: int) -> list[str]:
    return [
        edifact_segment("BGM", "961", f"DOC{n}", "9"),
        edifact_segment("DTM", ["137", "202601050900", "203"]),
        edifact_segment("RFF", ["ABE", f"26NL{n:010d}"]),
        edifact_segment("RFF", ["BM", f"MAEU{n:08d}"]),
        edifact_segment("GIS", "1"),
        edifact_segment("EQD", "CN", f"MSKU{n:07d}", ["22G1", "102", "5"]),
        edifact_segment(
            "FTX", "AAI", None, None, "RELEASED? SEE 1+1: DOCK'S DESK" if n % 10 == 0 else "RELEASED"
        ),
        edifact_segment("LOC", "22", ["NLRTM", "139", "6"]),
        edifact_segment("CNT", ["7", "24310", "KGM"]),
    ]


def ours(data: bytes) -> int:
    """Read and take every component of every segment."""
    count = 0
    for message in edifact_read(data).messages:
        for segment in message.segments:
            count += len(segment.values) > 0
    return count


def ours_structure(data: bytes) -> int:
    """Read: every segment with tag and offset, every envelope checked; texts are split when asked for."""
    return sum(len(message.segments) for message in edifact_read(data).messages)


def ours_spans(data: bytes) -> int:
    """The same with the byte offset and length of every component."""
    count = 0
    for message in edifact_read(data).messages:
        for segment in message.segments:
            for element in range(1, len(segment.values)):
                segment.components(element)
            count += 1
    return count


def peer(data: bytes) -> int:
    """The same with pydifact; UNH and UNT are not counted by either."""
    return sum(
        len(message.segments) for message in Interchange.from_str(data.decode("latin-1")).get_messages()
    )


def best(read: Callable[[bytes], int], data: bytes) -> tuple[float, int]:
    seconds, count = float("inf"), 0
    for _ in range(ROUNDS):
        start = time.process_time()
        count = read(data)
        seconds = min(seconds, time.process_time() - start)
    return seconds, count


def speed() -> None:
    data = interchange(MESSAGES)
    print(f"{MESSAGES} CUSRES messages, {len(data)} bytes, best of {ROUNDS}, CPU seconds")
    rows = {
        "ours, structure": best(ours_structure, data),
        "ours, every text": best(ours, data),
        "ours, every offset": best(ours_spans, data),
        "pydifact 0.2.3": best(peer, data),
    }
    base = rows["pydifact 0.2.3"][0]
    for name, (seconds, count) in rows.items():
        print(f"{name:20} {seconds:8.3f} s {count / seconds:10.0f} segments/s   ratio {base / seconds:6.1f}")
    assert len({count for _, count in rows.values()}) == 1, "the two did not read the same segments"


def damages(data: bytes) -> dict[str, bytes]:
    unb_end = data.index(b"'", 9) + 1
    return {
        "none": data,
        "cut in message 3": data[: data.index(b"GIS", data.index(b"UNH+3+")) + 3],
        "wrong UNA": b"UNA|!.? ~" + data[9:],
        "missing UNB": data[:9] + data[unb_end:],
        "latin-1 in UNOA": data.replace(b"RELEASED", b"FREIGEGEBEN F\xdcR", 1),
        "wrong count UNT": data.replace(b"UNT+11+1'", b"UNT+14+1'"),
        "stray line breaks": b"\r\n".join(data[at : at + 76] for at in range(0, len(data), 76)),
        "missing UNZ": data[: data.rindex(b"UNZ")],
        "mail around it": b"Content-Type: text\r\n\r\n" + data + b"\r\n-- \r\ngateway\r\n",
    }


def damage_table() -> None:
    print("\ndamage to an interchange of 4 messages (36 segments without envelopes)")
    for name, data in damages(interchange(4)).items():
        reading = edifact_read(data)
        whole = sum(message.complete for message in reading.messages)
        segments = sum(len(message.segments) for message in reading.messages)
        codes = ", ".join(sorted({f"{fault.code}@{fault.offset}" for fault in reading.faults})) or "-"
        codes = codes if len(codes) < 90 else f"{codes[:90]}... ({len(reading.faults)} faults)"
        print(f"\n{name}\n  ours      {whole} whole messages, {segments} segments; reports {codes}")
        print(f"  pydifact  {_peer_says(data)}")


def _peer_says(data: bytes) -> str:
    try:
        messages = list(Interchange.from_str(data.decode("latin-1")).get_messages())
    except Exception as error:
        return f"raises {type(error).__name__}: {error!s:.100}"
    segments = sum(len(message.segments) for message in messages)
    return f"{len(messages)} messages, {segments} segments; reports nothing"


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the peer misses files its own package leaves out
    speed()
    damage_table()
