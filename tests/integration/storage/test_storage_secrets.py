"""Secrets are closed in the database, opened only with the key of the machine, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilothouse.kernel import RIGHTS, DataError, DeniedError, Principal, UsageError
from pilothouse.storage import Database, SecretStore, StorageSettings, find_key, make_key

CANARY = "canary-2f9d-not-to-be-seen"
ADMIN = Principal(id="admin", rights=frozenset({"secrets:change"}))


class Stored(SecretStore):
    """A store whose changes are transactions of their own."""

    def __init__(self, database: Database, folder: Path) -> None:
        super().__init__(database, StorageSettings(data_dir=folder), authority=RIGHTS)
        self.database = database

    async def set(self, name: str, value: str, by: Principal = ADMIN) -> None:
        async with self.database.transaction() as tx:
            await self.put(tx, name, value, by)
        await self.refresh()

    async def forget(self, name: str, by: Principal = ADMIN) -> None:
        async with self.database.transaction() as tx:
            await self.remove(tx, name, by)
        await self.refresh()


async def test_a_secret_is_revealed_to_who_has_the_key_and_nobody_else(
    database: Database, tmp_path: Path
) -> None:
    here = Stored(database, tmp_path / "here")
    await here.set("pcs", CANARY)
    assert here.reveal("pcs") == CANARY

    again = Stored(database, tmp_path / "here")
    await again.refresh()
    assert again.reveal("pcs") == CANARY

    elsewhere = Stored(database, tmp_path / "elsewhere")
    await elsewhere.refresh()
    with pytest.raises(UsageError, match="its key is not on this machine"):
        elsewhere.reveal("pcs")
    make_key(StorageSettings(data_dir=tmp_path / "elsewhere"))
    with pytest.raises(DataError, match="another key closed it") as refused:
        elsewhere.reveal("pcs")
    assert refused.value.code == "storage.secret_key"


async def test_no_row_holds_the_value(database: Database, tmp_path: Path) -> None:
    store = Stored(database, tmp_path)
    await store.set("pcs", CANARY)
    text = await database.fetch_value("select string_agg(s::text, '') from storage_secret s")
    assert CANARY not in text
    assert CANARY.encode().hex() not in text
    names = await store.names()
    assert [(found.name, found.set_by) for found in names] == [("pcs", "admin")]
    assert CANARY not in repr(names)
    assert CANARY not in repr(find_key(StorageSettings(data_dir=tmp_path)))


async def test_a_changed_ciphertext_is_refused(database: Database, tmp_path: Path) -> None:
    store = Stored(database, tmp_path)
    await store.set("pcs", CANARY)
    await database.execute("update storage_secret set sealed = set_byte(sealed, length(sealed) - 1, 0)")
    await store.refresh()
    with pytest.raises(DataError, match="it was changed"):
        store.reveal("pcs")


async def test_fields_of_a_json_secret(database: Database, tmp_path: Path) -> None:
    store = Stored(database, tmp_path)
    await store.set("pcs", '{"login": {"user": "us", "password": "pw"}, "port": 1}')
    await store.set("plain", "pw")
    assert store.reveal("pcs", "login.password") == "pw"
    for name, field in (("pcs", "login.pin"), ("pcs", "port"), ("pcs", "port.deeper"), ("plain", "login")):
        with pytest.raises(UsageError, match=r"field|text at"):
            store.reveal(name, field)


async def test_changing_needs_the_right_and_a_name(database: Database, tmp_path: Path) -> None:
    store = Stored(database, tmp_path)
    nobody = Principal(id="nobody")
    with pytest.raises(DeniedError, match="secrets:change"):
        await store.set("pcs", CANARY, nobody)
    with pytest.raises(DeniedError, match="secrets:change"):
        await store.forget("pcs", nobody)
    for name, value in (("", "x"), ("a/b", "x"), ("pcs", ""), ("pcs", "x" * 70_000)):
        with pytest.raises(UsageError) as refused:
            await store.set(name, value)
        assert refused.value.code == "storage.secret"
    await store.set("pcs", "x")
    await store.forget("pcs")
    with pytest.raises(UsageError, match="secrets set pcs"):
        store.reveal("pcs")
    with pytest.raises(UsageError, match="is not there"):
        await store.forget("pcs")


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    settings = StorageSettings(data_dir=tmp_path)
    key = make_key(settings)
    assert key.path.stat().st_mode & 0o077 == 0
    assert make_key(settings) == key
    key.path.chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600") as refused:
        find_key(settings)
    assert refused.value.code == "storage.secret_key_file"


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    settings = StorageSettings(data_dir=tmp_path, secrets_key_file=path)
    assert find_key(settings) is None
    path.write_text("# empty\n")
    path.chmod(0o600)
    with pytest.raises(UsageError, match="no age key"):
        find_key(settings)
    path.unlink()
    path.mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        find_key(settings)


def test_a_systemd_credential_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_key(StorageSettings(data_dir=tmp_path / "made"))
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "pilothouse-secrets-key").write_text(made.text)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    found = find_key(StorageSettings(data_dir=tmp_path / "other"))
    assert found is not None
    assert found.public == made.public
