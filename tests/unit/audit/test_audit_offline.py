"""The offline verifier: whatever is done to an export, it is found, by one file without anything of ours."""

from __future__ import annotations

import hashlib
import json
import random
import runpy
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.audit import Head, Proof, offline, offline_verifier, verify_lines
from pilothouse.audit.leaves import head_line, jcs
from pilothouse.audit.offline import (
    FIRST,
    Check,
    Frontier,
    check_proof,
    heads_in,
    key_of,
    leaf_hash,
    main,
    verified,
    verified_slowly,
)
from pilothouse.audit.testing import fake_signer, placed
from pilothouse.audit.tree import inclusion

AT = "2026-01-05T06:00:00.000000Z"
OURS = fake_signer()


def _seal(lines: Iterable[bytes], signer: Any = OURS) -> bytes:
    digest = hashlib.sha256(b"".join(line + b"\n" for line in lines)).hexdigest()
    return jcs({"seal": signer.seal(digest, AT)})


def _lines(count: int, heads: tuple[int, ...], *, seal: bool = True, signer: Any = OURS) -> list[bytes]:
    tree, lines = Frontier(), [FIRST]
    for n in range(1, count + 1):
        record = placed(n, body={"n": n, "note": 'a "quoted" word, é'})
        tree.push(leaf_hash(record.line[len(b'{"entry":') : record.line.rindex(b',"hash"')]))
        lines.append(record.line)
        if n in heads:
            lines.append(head_line(signer.head(size=n, root=tree.root(), at=AT)).line)
    return [*lines, _seal(lines, signer)] if seal else lines


def _bytes(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def _file_holds(data: bytes) -> bool:
    """Split only at newlines, as a file opened for bytes does."""
    check = Check(keys=[OURS.public])
    pieces = data.split(b"\n")
    for line in [piece + b"\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else []):
        if not check.feed(line):
            return check.finish()
    return check.finish()


GOOD = _lines(5, (2, 5))


def test_an_untouched_export_holds() -> None:
    found = verify_lines([line.decode() for line in GOOD], keys=[OURS.public])
    assert (found.ok, found.entries, found.heads, found.signed, found.sealed) == (True, 5, 2, 5, True)
    assert found.notes == ()
    assert _file_holds(_bytes(GOOD))


def test_every_bit_of_every_byte_counts() -> None:
    data = _bytes(GOOD)
    for at in range(len(data)):
        for bit in (1, 2, 64, 128):
            changed = data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
            assert not _file_holds(changed), (at, changed[max(0, at - 20) : at + 20])


def test_every_byte_that_is_dropped_or_doubled_shows_and_every_cut_too() -> None:
    data = _bytes(GOOD)
    for at in range(len(data)):
        assert not _file_holds(data[:at]), at
        assert not _file_holds(data[:at] + data[at + 1 :]), at
        assert not _file_holds(data[:at] + data[at : at + 1] + data[at:]), at


def test_every_line_dropped_doubled_or_moved_shows() -> None:
    for at in range(len(GOOD)):
        assert not _file_holds(_bytes(GOOD[:at] + GOOD[at + 1 :]))
        assert not _file_holds(_bytes(GOOD[: at + 1] + GOOD[at:]))
        for other in range(at + 1, len(GOOD)):
            moved = list(GOOD)
            moved[at], moved[other] = moved[other], moved[at]
            assert not _file_holds(_bytes(moved)), (at, other)


def test_a_large_export_is_searched_at_random() -> None:
    data = _bytes(_lines(400, (100, 256, 400)))
    assert _file_holds(data)
    dice = random.Random(7)
    for _ in range(60):
        at, length = dice.randrange(len(data)), dice.randrange(1, 400)
        how = dice.choice(["flip", "cut", "drop", "swap"])
        if how == "flip":
            changed = data[:at] + bytes([data[at] ^ dice.randrange(1, 256)]) + data[at + 1 :]
        elif how == "cut":
            changed = data[:at]
        elif how == "drop":
            changed = data[:at] + data[at + length :]
        else:
            changed = (
                data[:at]
                + data[at + length : at + 2 * length]
                + data[at : at + length]
                + data[at + 2 * length :]
            )
        assert changed == data or not _file_holds(changed), (how, at, length)


@given(data=st.data())
def test_the_first_broken_entry_is_named_without_help_of_the_seal(data: st.DataObject) -> None:
    lines = _lines(6, (6,))
    at = data.draw(st.integers(1, 5), label="at")
    how = data.draw(st.sampled_from(["change", "drop", "swap", "rehash"]), label="how")
    if how == "change":
        lines[at] = lines[at].replace(b"clerk.amira", b"clerk.boris")
    elif how == "drop":
        del lines[at]
    elif how == "swap":
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
    else:
        lines[at] = placed(at, actor="mallory").line
    found = verify_lines(lines, keys=[OURS.public])
    assert found.broken is not None
    # A consistently rewritten entry shows at the next head over it.
    assert found.broken.position == (6 if how == "rehash" else at)
    if how == "change":
        assert found.broken.entry == f"id-{at}"
        assert "changed" in found.broken.why
    if how == "rehash":
        assert "not the one signed" in found.broken.why
    else:
        assert found.entries == at - 1


def test_who_rewrites_everything_needs_the_key() -> None:
    forged = _lines(5, (5,), signer=fake_signer(2))
    found = verify_lines(forged, keys=[OURS.public])
    assert found.broken is not None
    assert "not one you gave" in found.broken.why
    unpinned = verify_lines(forged)
    assert unpinned.ok, "without a key given nobody can tell,"
    assert fake_signer(2).public in unpinned.notes[0], "but it says whose key it is"
    assert unpinned.entries == 5


def test_a_shorter_older_export_shows_against_a_noted_head() -> None:
    head = Head(size=5, root=verify_lines(GOOD).head.root)
    older = _lines(4, (4,))
    assert verify_lines(older, keys=[OURS.public]).ok
    cut = verify_lines(older, keys=[OURS.public], noted=[head])
    assert cut.broken is not None
    assert (cut.broken.position, cut.entries) == (5, 4)
    assert verify_lines(GOOD, noted=[head, Head(size=2, root=_two())]).ok
    other = verify_lines(GOOD, noted=[Head(size=2, root="ab" * 32)])
    assert other.broken is not None
    assert other.broken.position == 2
    assert "noted elsewhere" in other.broken.why


def _two() -> str:
    return heads_in(GOOD)[0][1]


def test_heads_of_another_key_are_named_and_count_for_nothing() -> None:
    lines = _lines(3, (3,), seal=False)
    tree_root = heads_in(lines)[0][1]
    other = head_line(fake_signer(2).head(size=3, root=bytes.fromhex(tree_root), at=AT)).line
    mixed = [*lines, other, other]
    found = verify_lines([*mixed, _seal(mixed)], keys=[OURS.public])
    assert found.ok
    assert found.notes == (f"there are heads by another key, {fake_signer(2).public}",)
    alone = [*[line for line in lines if not line.startswith(b'{"head"')], other]
    uncovered = verify_lines([*alone, _seal(alone)], keys=[OURS.public])
    assert uncovered.broken is not None
    assert "no signed head covers" in uncovered.broken.why


def test_a_seal_that_is_wrong_in_any_way_is_named() -> None:
    body = GOOD[:-1]
    seal = json.loads(_seal(body))["seal"]
    for field, value, says in (
        ("sha256", "ab" * 32, "bytes before the seal"),
        ("signature", "ab" * 64, "signature does not hold"),
    ):
        found = verify_lines([*body, jcs({"seal": {**seal, field: value}})], keys=[OURS.public])
        assert found.broken is not None
        assert says in found.broken.why


@pytest.mark.parametrize("line", [b"", b"[]", b"null", b'{"entry":{}}', b"{", b"\xff\xfe", b'{"head":{}}'])
def test_rubbish_instead_of_a_line_is_named_and_never_a_crash(line: bytes) -> None:
    found = verify_lines([*GOOD[:2], line])
    assert found.broken is not None
    assert (found.broken.position, found.entries) == (2, 1)
    assert not verify_lines([line]).ok


def test_nothing_at_all_is_no_export() -> None:
    found = verify_lines([])
    assert found.broken is not None
    assert "cut, or not an export" in found.broken.why


def test_an_entry_without_a_place_has_no_business_in_an_export() -> None:
    lines = [FIRST, placed(None, id="loose").line]
    found = verify_lines(lines)
    assert found.broken is not None
    assert "without a place" in found.broken.why
    odd = verify_lines([FIRST, b'{"entry":{1},"hash":"%b","position":1}' % leaf_hash(b"{2}").hex().encode()])
    assert odd.broken is not None
    assert odd.broken.entry is None


def test_the_log_of_a_second_device_may_be_torn_doubled_and_unsealed_but_never_changed() -> None:
    first, second, third = (placed(n).line for n in (1, 2, 3))
    loose = placed(None, id="alone").line
    torn = verify_lines([FIRST, first, second[:20], second, loose, first, second, third], open_ended=True)
    assert (torn.ok, torn.entries, torn.pending, torn.notes) == (True, 3, 1, ())
    last = verify_lines([FIRST, first, second[:20]], open_ended=True)
    assert last.ok
    assert "torn" in last.notes[0]
    gap = verify_lines([FIRST, first, second[:20], third], open_ended=True)
    assert gap.broken is not None
    assert gap.broken.position == 2
    other = verify_lines([FIRST, first, placed(1, actor="mallory").line], open_ended=True)
    assert not other.ok
    assert not verify_lines([FIRST, first], open_ended=False).ok, "an export needs its seal"


def test_heads_of_a_second_device_may_come_late_and_still_convict() -> None:
    sealed = _lines(4, (2, 4), seal=False)
    entries = [line for line in sealed if line.startswith(b'{"entry"')]
    heads = [line for line in sealed if line.startswith(b'{"head"')]
    assert verify_lines([FIRST, *entries, *heads], open_ended=True).signed == 4
    assert verify_lines([FIRST, *heads, *entries], open_ended=True).ok
    cut = verify_lines([FIRST, *heads, *entries[:3]], open_ended=True)
    assert cut.broken is not None
    assert cut.broken.position == 4
    rewritten = [placed(1, actor="mallory").line, *entries[1:]]
    found = verify_lines([FIRST, *rewritten, *heads], open_ended=True)
    assert found.broken is not None
    assert found.broken.position == 2


def test_what_was_doubled_long_ago_is_no_longer_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "RECENT", 1)
    lines = [placed(n).line for n in (1, 2, 3)]
    assert verify_lines([FIRST, *lines, lines[2]], open_ended=True).ok
    assert not verify_lines([FIRST, *lines, lines[0]], open_ended=True).ok


VECTORS = [
    # RFC 8032 section 7.1, tests 1 to 3.
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_plain_python_verifies_as_the_standard_says(key: str, message: str, signature: str) -> None:
    told = (bytes.fromhex(key), bytes.fromhex(signature), bytes.fromhex(message))
    assert verified_slowly(*told)
    assert verified(key, signature, told[2])
    assert not verified_slowly(told[0], told[1], told[2] + b"!")
    assert not verified(key, signature, told[2] + b"!")


@given(data=st.data())
def test_plain_python_and_the_library_agree_on_whatever_is_wrong(data: st.DataObject) -> None:
    key, message, signature = data.draw(st.sampled_from(VECTORS))
    one, other = bytearray.fromhex(key), bytearray.fromhex(signature)
    which = data.draw(st.sampled_from([one, other]))
    which[data.draw(st.integers(0, len(which) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    slow = verified_slowly(bytes(one), bytes(other), bytes.fromhex(message))
    assert not slow
    assert verified(one.hex(), other.hex(), bytes.fromhex(message)) is slow


@pytest.mark.parametrize("raw", [b"\xff" * 32, b"\1" + bytes(30) + b"\x80", b"\2" + bytes(31)])
def test_points_that_are_none_are_refused(raw: bytes) -> None:
    assert not verified_slowly(raw, bytes(64), b"")
    assert not verified(raw.hex(), bytes(64).hex(), b"")


def test_without_the_library_plain_python_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    key, message, signature = VECTORS[1]
    assert verified(key, signature, bytes.fromhex(message))
    assert not verified(key, signature, b"")


def _proof(count: int = 5, at: int = 3) -> dict[str, Any]:
    entries = [jcs({"id": f"id-{n}"}) for n in range(1, count + 1)]

    def root(first: int, last: int) -> bytes:
        tree = Frontier()
        for entry in entries[first:last]:
            tree.push(leaf_hash(entry))
        return tree.root()

    whole = root(0, count)
    return Proof(
        entry=entries[at - 1].decode(),
        position=at,
        size=count,
        path=tuple(root(*part).hex() for part in inclusion(at - 1, count)),
        root=whole.hex(),
        head=OURS.head(size=count, root=whole, at=AT),
    ).fields()


def test_a_proof_holds_and_says_whose_key_signed() -> None:
    assert check_proof(_proof(), keys=[OURS.public]) == (None, [])
    why, notes = check_proof(_proof())
    assert why is None
    assert OURS.public in notes[0]
    unsigned = {**_proof(), "head": None}
    why, notes = check_proof(unsigned)
    assert why is None
    assert "not signed" in notes[0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"entry": "{}"}, "does not lead"),
        ({"position": 2}, "does not lead"),
        ({"root": "ab" * 32}, "does not lead"),
        ({"path": []}, "does not lead"),
        ({"path": "xy"}, "no proof"),
        ({"entry": None}, "no proof"),
        ({"head": {}}, "no proof"),
        ({"head": {**_proof()["head"], "size": 4}}, "signature does not hold"),
        ({"head": {**_proof()["head"], "at": "2026-01-06T06:00:00.000000Z"}}, "signature does not hold"),
    ],
)
def test_a_changed_proof_does_not_hold(change: dict[str, Any], says: str) -> None:
    why, _ = check_proof({**_proof(), **change})
    assert says in str(why)


def test_a_proof_under_another_key_is_refused() -> None:
    why, _ = check_proof(_proof(), keys=[fake_signer(2).public])
    assert "not a key you gave" in str(why)


def _run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any]:
    code = main([*map(str, words), "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else said.err


def test_the_command_checks_exports_proofs_and_running_logs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, device, proof, key = (tmp_path / name for name in ("bundle", "device", "proof", "key.pub"))
    bundle.write_bytes(_bytes(GOOD))
    device.write_bytes(_bytes([line for line in GOOD[:-1] if not line.startswith(b'{"head"')]))
    proof.write_text(json.dumps(_proof(), indent=2))
    key.write_text(OURS.public + "\n")
    code, said = _run(capsys, bundle, "--key", key, "--head", bundle, "--device", device)
    assert (code, said["ok"], said["entries"], said["signed"], said["notes"]) == (0, True, 5, 5, [])
    code, said = _run(capsys, proof, "--key", OURS.public)
    assert (code, said["words"]) == (0, "entry 3 of 5 stands in the tree")
    code, said = _run(capsys, device, "--open")
    assert (code, said["sealed"]) == (0, False)
    assert _run(capsys, device)[0] == 1
    proof.write_text(json.dumps({**_proof(), "position": 1}))
    assert _run(capsys, proof)[0] == 1
    bundle.write_bytes(b"not a log")
    assert _run(capsys, bundle)[0] == 1
    bundle.write_bytes(_bytes([GOOD[0], GOOD[2]]))
    code, said = _run(capsys, bundle)
    assert (code, said["words"]) == (1, "entry 1: it is missing; the next one found is 2")
    bundle.write_bytes(_bytes([GOOD[0], GOOD[1].replace(b"amira", b"boris")]))
    assert main([str(bundle)]) == 1
    assert "entry 1 (id-1): its content does not give its hash" in capsys.readouterr().out


def test_the_command_compares_with_the_second_device(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, device = tmp_path / "bundle", tmp_path / "device"
    bundle.write_bytes(_bytes(GOOD))
    device.write_bytes(_bytes([FIRST, placed(None, id="x").line, placed(1, actor="mallory").line]))
    code, said = _run(capsys, bundle, "--device", device)
    assert (code, said["ok"]) == (1, False)
    assert said["words"].startswith("entry 1 is another one on the second device")
    device.write_bytes(_bytes(_lines(7, (), seal=False)))
    code, said = _run(capsys, bundle, "--device", device)
    assert (code, said["words"][:33]) == (1, "the second device holds 2 entries")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere"], "nowhere"),
        (["bundle", "--key", "zz"], "zz"),
        (["bundle", "--key", "bundle"], "no public key"),
        (["bundle", "--head", "plain"], "no head with a good signature"),
        (["bundle", "--device", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    words: list[str], says: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("bundle").write_bytes(_bytes(GOOD))
    forged = GOOD[3].replace(b'"size":2', b'"size":3')
    Path("plain").write_bytes(_bytes([forged, placed(1).line]))
    code, said = _run(capsys, *words)
    assert code == 2
    assert says in said


def test_a_key_is_given_as_digits_or_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{OURS.public}\n")
    assert key_of(OURS.public) == key_of(str(tmp_path / "key")) == OURS.public


def test_it_is_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bundle").write_bytes(_bytes(GOOD))
    monkeypatch.setattr(sys, "argv", ["verify.py", str(tmp_path / "bundle")])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(offline.__file__, run_name="__main__")
    assert left.value.code == 0


def test_it_runs_alone_with_nothing_but_python(tmp_path: Path) -> None:
    (tmp_path / "verify.py").write_text(offline_verifier())
    (tmp_path / "bundle").write_bytes(_bytes(GOOD))
    (tmp_path / "list").write_text("[1]")
    # -I -S: no site packages, no environment; cryptography and pilothouse are not there.
    words = [sys.executable, "-I", "-S", str(tmp_path / "verify.py")]
    done = subprocess.run(
        [*words, str(tmp_path / "bundle"), "--key", OURS.public], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("5 entries hold, root ")
    (tmp_path / "bundle").write_bytes(_bytes(GOOD)[:-3])
    assert (
        subprocess.run([*words, str(tmp_path / "bundle")], capture_output=True, check=False).returncode == 1
    )
    assert subprocess.run([*words, str(tmp_path / "list")], capture_output=True, check=False).returncode == 1
