"""People and programs get in with what they were given, once, until it ends; everything is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from pilothouse.kernel import SYSTEM, ConflictError, DeniedError, Principal, UsageError
from pilothouse.registry import Access, Accounts, Claims, Issued, RegistrySettings
from pilothouse.storage import Database, Tx

PASSWORD = "five o'clock at the quay"
QUICK = RegistrySettings(argon2_memory=8192, argon2_passes=1, failures=3)


class Recorded:
    """Keeps what would stand in the log."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, str, Mapping[str, Any]]] = []

    async def record(self, tx: Tx, kind: str, actor: str, body: Mapping[str, Any]) -> None:
        self.entries.append((kind, actor, body))


class Desk:
    """A registry with one person, invited and signed in."""

    def __init__(self, database: Database) -> None:
        self.log = Recorded()
        self.accounts = Accounts(database, recorder=self.log)
        self.access = Access(database, self.accounts, recorder=self.log, settings=QUICK)

    async def amira(self) -> Issued:
        await self.accounts.add("amira", SYSTEM, groups=["desk"], rights=["decisions:*", "registry:keys"])
        invited = await self.access.invite("amira", SYSTEM)
        await self.access.redeem(invited.secret, PASSWORD)
        return await self.access.sign_in("amira", PASSWORD)


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def test_there_is_no_default_password(desk: Desk) -> None:
    assert await desk.access.needs_first()
    await desk.accounts.add("amira", SYSTEM)
    for guess in ("", "amira", "admin", "password", "no account has this password"):
        with pytest.raises(DeniedError):
            await desk.access.sign_in("amira", guess)
    assert await desk.access.needs_first()


async def test_a_link_sets_the_password_once(desk: Desk) -> None:
    session = await desk.amira()
    assert not await desk.access.needs_first()
    assert (await desk.access.session(session.secret)).groups == {"desk"}

    again = await desk.access.invite("amira", SYSTEM)
    with pytest.raises(UsageError, match="12 to 1024"):
        await desk.access.redeem(again.secret, "short")
    await desk.access.redeem(again.secret, "another five words of mine")
    with pytest.raises(DeniedError, match="opens nothing here"):
        await desk.access.redeem(again.secret, PASSWORD)
    with pytest.raises(DeniedError):
        await desk.access.session(session.secret)


async def test_a_newer_link_ends_the_older(desk: Desk) -> None:
    await desk.accounts.add("amira", SYSTEM)
    first = await desk.access.invite("amira", SYSTEM)
    await desk.access.invite("amira", SYSTEM)
    with pytest.raises(DeniedError):
        await desk.access.redeem(first.secret, PASSWORD)


async def test_wrong_passwords_lock_the_account_for_a_while(desk: Desk, database: Database) -> None:
    await desk.amira()
    for _ in range(QUICK.failures):
        with pytest.raises(DeniedError):
            await desk.access.sign_in("amira", "wrong wrong wrong")
    with pytest.raises(DeniedError):
        await desk.access.sign_in("amira", PASSWORD)
    await database.execute("update registry_account set locked_until = clock_timestamp() - interval '1 s'")
    assert (await desk.access.session((await desk.access.sign_in("amira", PASSWORD)).secret)).id == "amira"


async def test_a_refusal_does_not_tell_whether_the_account_exists(desk: Desk) -> None:
    await desk.amira()
    said: list[str] = []
    for name in ("amira", "nobody"):
        with pytest.raises(DeniedError) as refused:
            await desk.access.sign_in(name, "wrong wrong wrong")
        said.append(refused.value.message.replace(name, "NAME"))
    assert said[0] == said[1]


async def test_only_hashes_are_stored(desk: Desk, database: Database) -> None:
    session = await desk.amira()
    key = await desk.access.make_key("amira", SYSTEM, scopes=["decisions:*"])
    for table in ("registry_secret", "registry_account"):
        text = await database.fetch_value(f"select string_agg(t::text, ' ') from {table} t")
        for secret in (session.secret.split(".")[1], key.secret.split(".")[1], PASSWORD):
            assert secret not in text
            assert secret.encode().hex() not in text
    stored = await database.fetch_value("select password from registry_account where id = 'amira'")
    assert stored.startswith("$argon2id$")
    assert key.secret not in repr(key)
    assert all(key.secret not in str(entry) for entry in desk.log.entries)


async def test_a_key_acts_within_its_scopes_and_its_account(desk: Desk) -> None:
    await desk.amira()
    key = await desk.access.make_key("amira", SYSTEM, scopes=["decisions:release", "effects:*"])
    who = await desk.access.key(key.secret)
    assert who.id == "amira"
    assert who.may("decisions:release")
    assert not who.may("decisions:refund"), "the account may, the key may not"
    assert not who.may("effects:release"), "the key may, the account may not"
    await desk.accounts.grant("amira", SYSTEM, groups=[], rights=[])
    assert not (await desk.access.key(key.secret)).may("decisions:release"), "rights are those of today"


async def test_a_key_ends(desk: Desk, database: Database) -> None:
    await desk.amira()
    amira = Principal(id="amira", rights=frozenset({"registry:keys"}))
    key = await desk.access.make_key("amira", amira, scopes=["decisions:*"], lifetime=timedelta(days=1))
    assert [(k.account, k.revoked_at) for k in await desk.access.keys("amira")] == [("amira", None)]
    (shown,) = await desk.access.keys()
    await desk.access.revoke_key(shown.id, amira)
    with pytest.raises(DeniedError):
        await desk.access.key(key.secret)
    with pytest.raises(UsageError, match="no live key"):
        await desk.access.revoke_key(shown.id, amira)
    late = await desk.access.make_key("amira", amira, scopes=["decisions:*"])
    await database.execute("update registry_secret set expires_at = clock_timestamp()")
    with pytest.raises(DeniedError):
        await desk.access.key(late.secret)


@pytest.mark.parametrize(
    "forged",
    ["", "ph_key_", "ph_key_0123456789abcdef." + "A" * 43, "ph_session_0123456789abcdef." + "A" * 43, "x\0"],
)
async def test_forged_secrets_open_nothing(desk: Desk, forged: str) -> None:
    session = await desk.amira()
    for attempt in (forged, session.secret[:-1] + "-", session.secret.replace("session", "key")):
        with pytest.raises(DeniedError):
            await desk.access.key(attempt)
        with pytest.raises(DeniedError):
            await desk.access.redeem(attempt, PASSWORD)


async def test_signing_out_ends_the_session(desk: Desk) -> None:
    session = await desk.amira()
    await desk.access.sign_out(session.secret)
    with pytest.raises(DeniedError):
        await desk.access.session(session.secret)


async def test_shutting_out_holds_at_once(desk: Desk) -> None:
    session = await desk.amira()
    key = await desk.access.make_key("amira", SYSTEM, scopes=["*"])
    shut = await desk.accounts.set_active("amira", False, SYSTEM)
    assert not shut.active
    assert await desk.accounts.principal("amira") is None
    for opens in (desk.access.session(session.secret), desk.access.key(key.secret)):
        with pytest.raises(DeniedError):
            await opens
    with pytest.raises(DeniedError):
        await desk.access.sign_in("amira", PASSWORD)
    await desk.accounts.set_active("amira", True, SYSTEM)
    assert (await desk.access.sign_in("amira", PASSWORD)).account == "amira"
    with pytest.raises(DeniedError):
        await desk.access.key(key.secret)


async def test_nobody_gives_away_more_than_they_have(desk: Desk) -> None:
    keeper = Principal(id="keeper", rights=frozenset({"registry:accounts", "decisions:*"}))
    with pytest.raises(DeniedError, match="effects:release"):
        await desk.accounts.add("friend", keeper, rights=["effects:release"])
    await desk.accounts.add("friend", keeper, rights=["decisions:release"])
    with pytest.raises(DeniedError, match="effects"):
        await desk.accounts.grant("friend", keeper, groups=[], rights=["effects:*"])
    stranger = Principal(id="stranger")
    for refused in (
        desk.accounts.add("x", stranger),
        desk.accounts.set_active("friend", False, stranger),
        desk.access.invite("friend", stranger),
        desk.access.make_key("friend", stranger, scopes=["*"]),
        desk.access.make_key("stranger", stranger, scopes=["*"]),
        desk.access.revoke_key("0" * 16, stranger),
    ):
        with pytest.raises(DeniedError):
            await refused


async def test_bad_input_is_named(desk: Desk) -> None:
    await desk.accounts.add("robot", SYSTEM, kind="service")
    with pytest.raises(ConflictError, match="'robot'"):
        await desk.accounts.add("robot", SYSTEM)
    for refused in (
        desk.accounts.add("a b", SYSTEM),
        desk.accounts.grant("nobody", SYSTEM, groups=[], rights=[]),
        desk.access.invite("robot", SYSTEM),
        desk.access.make_key("robot", SYSTEM, scopes=[]),
        desk.access.make_key("robot", SYSTEM, scopes=["*"], lifetime=timedelta(days=1000)),
    ):
        with pytest.raises(UsageError):
            await refused
    with pytest.raises(DeniedError):
        await desk.access.make_key("nobody", SYSTEM, scopes=["*"])


async def test_somebody_who_signed_in_elsewhere_is_an_account_that_was_let_in(desk: Desk) -> None:
    claims = Claims(issuer="https://id.example", subject="42", name="amira")
    assert await desk.accounts.of_claims(claims) is None
    await desk.accounts.add("amira", SYSTEM, external="https://id.example|42")
    found = await desk.accounts.of_claims(claims)
    assert found is not None
    assert found.id == "amira"


async def test_everything_is_recorded(desk: Desk) -> None:
    await desk.amira()
    with pytest.raises(DeniedError):
        await desk.access.sign_in("amira\n", "wrong wrong wrong")
    assert [(kind, actor) for kind, actor, _ in desk.log.entries] == [
        ("registry.account_added", "system"),
        ("registry.invited", "system"),
        ("registry.password_set", "amira"),
        ("registry.signed_in", "amira"),
        ("registry.refused", "amira?"),
    ]
    assert [account.id for account in await desk.accounts.list()] == ["amira"]
