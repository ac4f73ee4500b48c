"""Owns what a REST service was told: every write it received and what came of it, in its own SQLite file.

The file is the foreign system's memory. It lives in the run folder, is written before the caller gets an
answer, and survives a kill of the server, so that a test can count effects where they happened.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

__all__ = ["Answer", "Posted", "Rights", "posted_in"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS posts (
  seq INTEGER PRIMARY KEY, at TEXT NOT NULL, operation TEXT NOT NULL, idempotency_key TEXT NOT NULL,
  replayed INTEGER NOT NULL, status INTEGER NOT NULL, request TEXT NOT NULL, answer TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS posts_key ON posts (idempotency_key);
CREATE TABLE IF NOT EXISTS records (
  id TEXT PRIMARY KEY, position INTEGER NOT NULL, unit TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS records_unit ON records (unit);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the service answers to a write."""

    status: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """One write as the foreign system received it.

    Attributes:
        system: Which service.
        seq: Order of arrival, from 1.
        at: When it arrived (UTC).
        operation: ``create`` or ``cancel``.
        idempotency_key: As sent.
        replayed: Whether the key had been seen, so that the stored answer was given and nothing done.
        status: HTTP status answered.
        request: Body as sent; a cancellation has only the ``id``.
        answer: Body answered.
        container: Box it was about, if that could be told.
        bl: Bill of lading it was about.
    """

    system: str
    seq: int
    at: datetime
    operation: str
    idempotency_key: str
    replayed: bool
    status: int
    request: dict[str, Any]
    answer: dict[str, Any]
    container: str
    bl: str

    @property
    def done(self) -> bool:
        """Whether this very write changed something."""
        return not self.replayed and self.status < 300


class Rights:
    """Release rights of one resource: created once a key, cancelled once, refused with an APERAK.

    Args:
        path: SQLite file; made when missing.
        rows: What stood there from the beginning.
        writes: ``fields``, ``words`` and ``known`` of the resource (see `views`).
        now: Local time of the service.
    """

    def __init__(
        self,
        path: Path,
        *,
        rows: list[dict[str, Any]],
        writes: Mapping[str, Any],
        now: Callable[[], datetime],
    ) -> None:
        self._path = path
        self._rows = rows
        self._names: dict[str, str] = dict(writes["fields"])
        self._words: dict[str, str] = dict(writes["words"])
        self._known = {(str(pair[0]), str(pair[1])) for pair in writes.get("known", ())}
        self._now = now
        with closing(self._connect()) as connection:
            connection.executescript(_SCHEMA)

    def rows(self) -> list[dict[str, Any]]:
        """All rights as they stand: the first ones in their order, then the new ones."""
        with closing(self._connect()) as connection:
            found = connection.execute("SELECT id, body FROM records ORDER BY position").fetchall()
        changed = {key: json.loads(body) for key, body in found}
        first = [changed.pop(str(row[self._names["id"]]), row) for row in self._rows]
        return first + list(changed.values())

    def create(self, body: dict[str, Any], *, key: str) -> Answer:
        """Create a right, or say why not."""
        return self._once("create", body, key, lambda c: self._create(c, body, key))

    def cancel(self, right: str, *, key: str) -> Answer:
        """Cancel a right that stands."""
        return self._once("cancel", {"id": right}, key, lambda c: self._cancel(c, right))

    def _once(
        self, operation: str, request: dict[str, Any], key: str, act: Callable[[sqlite3.Connection], Answer]
    ) -> Answer:
        with self._transaction() as connection:
            first = connection.execute(
                "SELECT operation, request, status, answer FROM posts"
                " WHERE idempotency_key = ? AND NOT replayed",
                [key],
            ).fetchone()
            if first is None:
                answer = act(connection)
            elif (first[0], json.loads(first[1])) == (operation, request):
                answer = Answer(status=first[2], body=json.loads(first[3]))
            else:
                answer = _refused(409, "KEY", "this Idempotency-Key was used for another request")
            connection.execute(
                "INSERT INTO posts (at, operation, idempotency_key, replayed, status, request, answer)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    datetime.now(UTC).isoformat(),
                    operation,
                    key,
                    first is not None,
                    answer.status,
                    json.dumps(request),
                    json.dumps(answer.body),
                ],
            )
        return answer

    def _create(self, connection: sqlite3.Connection, body: dict[str, Any], key: str) -> Answer:
        names = self._names
        pair = (str(body.get(names["container"], "")), str(body.get(names["bl"], "")))
        if not all(pair):
            return _refused(422, "13", f"{names['container']} and {names['bl']} are required")
        if self._known and pair not in self._known:
            return _refused(422, "12", f"unit {pair[0]} under {pair[1]} is not known here")
        active = self._words["active"]
        held = connection.execute("SELECT body FROM records WHERE unit = ?", ["/".join(pair)]).fetchall()
        for row in (json.loads(body) for (body,) in held):
            if row.get(names["state"]) == active:
                return _refused(409, "35", f"unit {pair[0]} has a right that stands: {row[names['id']]}")
        right = "R" + hashlib.sha256(key.encode()).hexdigest()[:11].upper()
        row = self._latest_of(pair)
        row |= {name: value for name, value in body.items() if name in row or name in names.values()}
        row |= self._stamped({names["id"]: right, names["state"]: active}, version=1)
        if "number" in names:
            row[names["number"]] = right
        self._keep(connection, right, row)
        return Answer(status=201, body=row)

    def _latest_of(self, pair: tuple[str, str]) -> dict[str, Any]:
        """What stood here about the unit from the beginning: a new right differs only in what is said."""
        container, bl = self._names["container"], self._names["bl"]
        for row in reversed(self._rows):
            if (str(row.get(container)), str(row.get(bl))) == pair:
                return dict(row)
        return dict.fromkeys(self._rows[0] if self._rows else self._names.values())

    def _cancel(self, connection: sqlite3.Connection, right: str) -> Answer:
        names = self._names
        row = self._find(connection, right)
        if row is None:
            return _refused(422, "12", f"right {right} is not known here")
        if row.get(names["state"]) == self._words["cancelled"]:
            return _refused(409, "36", f"right {right} is cancelled already")
        version = row.get(names.get("version", ""))
        changed = row | self._stamped(
            {names["state"]: self._words["cancelled"]}, version=int(version or 1) + 1
        )
        self._keep(connection, right, changed)
        return Answer(status=200, body=changed)

    def _stamped(self, values: dict[str, Any], *, version: int) -> dict[str, Any]:
        if "version" in self._names:
            values[self._names["version"]] = version
        if "updated_at" in self._names:
            values[self._names["updated_at"]] = self._now().isoformat(timespec="seconds")
        return values

    def _find(self, connection: sqlite3.Connection, right: str) -> dict[str, Any] | None:
        found = connection.execute("SELECT body FROM records WHERE id = ?", [right]).fetchone()
        if found is not None:
            return json.loads(found[0])
        return next((row for row in self._rows if str(row[self._names["id"]]) == right), None)

    def _keep(self, connection: sqlite3.Connection, right: str, row: dict[str, Any]) -> None:
        connection.execute(
            "INSERT INTO records VALUES (?, (SELECT coalesce(max(position), 0) + 1 FROM records), ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            [right, f"{row[self._names['container']]}/{row[self._names['bl']]}", json.dumps(row)],
        )

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=10)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()


def _refused(status: int, code: str, text: str) -> Answer:
    """An APERAK in JSON: function 27, not accepted."""
    return Answer(
        status=status, body={"message": "APERAK", "function": "27", "errors": [{"code": code, "text": text}]}
    )


def posted_in(path: Path, *, system: str, writes: Mapping[str, Any]) -> list[Posted]:
    """Every write a service received, in order; empty when none ever came."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        rows = connection.execute(
            "SELECT seq, at, operation, idempotency_key, replayed, status, request, answer"
            " FROM posts ORDER BY seq"
        ).fetchall()
    container, bl = writes["fields"]["container"], writes["fields"]["bl"]
    return [_posted(system, container, bl, *row) for row in rows]


def _posted(system: str, container: str, bl: str, *row: Any) -> Posted:
    seq, at, operation, key, replayed, status, request, answer = row
    sent, said = json.loads(request), json.loads(answer)
    return Posted(
        system=system,
        seq=seq,
        at=datetime.fromisoformat(at),
        operation=operation,
        idempotency_key=key,
        replayed=bool(replayed),
        status=status,
        request=sent,
        answer=said,
        container=str(sent.get(container) or said.get(container) or ""),
        bl=str(sent.get(bl) or said.get(bl) or ""),
    )
