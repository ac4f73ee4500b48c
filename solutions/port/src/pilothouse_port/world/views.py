"""Owns the noun between truth and technology: what one system of the made world shows, before rendering.

`project` makes these from the canon; the `systems` package renders each into a real database, drop, mailbox
or server. Everything is plain data in a fixed order, so that the same seed renders to the same bytes.

- ``mariadb`` ``postgres`` ``sqlite``: an object is a table (``schema.table`` if ``options["schemas"]`` is
  true); ``key`` is its primary key, or empty where the system has none (duplicates are then legal).
- ``drop``: an object is a kind of file; ``options["files"][object]`` lists ``{"name", "rows"}`` with the row
  numbers each file holds; ``options["encoding"]``, ``["delimiter"]``, ``["decimal"]`` (``,`` or ``.``),
  ``["date"]`` and ``["datetime"]`` (strftime), ``["dump"]`` (``full``: the newest file says everything).
- ``edifact``: an object is a message type, a row one message under the names in :data:`EDIFACT_FIELDS`;
  ``options["directory"]`` (``D.95B``), ``["syntax"]`` (``UNOA``..), ``["una"]``, ``["dialect"]`` (``rff`` or
  ``eqd``: where a party puts the box), ``["interchanges"]`` (``{"name", "rows"}``), ``["damage"]``
  (``{"interchange", "kind"}``).
- ``http``: an object is a resource; ``options["paging"]`` (``cursor`` or ``none``), ``["page_size"]``,
  ``["every_nth_429"]`` (0 = never), ``["base_path"]``, ``["filters"][object]`` (query parameters it takes).
  A resource that can be changed adds ``["writes"][object]``: ``{"create", "cancel"}`` (operation ids),
  ``"fields"`` (``id number container bl party valid_until state version
  updated_at`` -> name in this system),
  ``"words"`` (``active cancelled`` -> its words) and ``"known"`` (``[container, bl]`` pairs it accepts).
- ``mail``: one object ``messages`` with the fields of :data:`MAIL_FIELDS`; ``options["own_domain"]``.
- ``mcp``: an object is a read tool; its ``key`` names the arguments, its rows are everything it can answer;
  ``options["descriptions"][object]`` is the tool description in the owner's words.

Values in rows are ``str | int | Decimal | date | datetime | bool | list | None``; a datetime without a zone
is local time of the system, on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

__all__ = [
    "EDIFACT_FIELDS",
    "MAIL_FIELDS",
    "Cell",
    "FieldType",
    "FieldView",
    "ObjectView",
    "SystemView",
    "Technology",
]

Technology: TypeAlias = Literal["mariadb", "postgres", "sqlite", "edifact", "drop", "http", "mail", "mcp"]
FieldType: TypeAlias = Literal["text", "int", "decimal", "date", "datetime", "bool"]
Cell: TypeAlias = str | int | Decimal | date | datetime | bool | list[Any] | None

EDIFACT_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    # document = BGM number; function = BGM 1225 (9 original, 5 replace, 1 cancel); at = DTM 137
    "CUSRES": (
        "document", "function", "at", "declaration", "container", "bl", "status", "packages", "weight",
        "remark",
    ),
    "IFTDGN": (
        "document", "function", "at", "notice", "container", "bl", "un_number", "hazard_class",
        "packing_group", "remark",
    ),
    "VERMAS": ("document", "function", "at", "booking", "container", "mass", "unit", "method", "responsible"),
}  # fmt: skip

MAIL_FIELDS: Final[tuple[str, ...]] = (
    "message_id", "from", "reply_to", "to", "date", "subject", "text", "in_reply_to", "attachments",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """One column, JSON property, segment value or mail header; ``free`` where anybody types anything."""

    name: str
    type: FieldType
    note: str = ""
    free: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectView:
    """One table, kind of file, message type, resource or tool, with all it holds."""

    name: str
    fields: tuple[FieldView, ...]
    key: tuple[str, ...]
    rows: list[dict[str, Cell]]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemView:
    """One system of record as its owner runs it.

    Attributes:
        name: Folder and source name, in the world's own words.
        notes: One line for ``world.toml``.
        readme: The owner's data dictionary (Markdown, his language); becomes ``README.md`` of the folder.
        language: Two letters.
        timezone: Zone of its naive datetimes.
        options: What the renderer of this technology needs; keys in the module's docstring.
    """

    name: str
    technology: Technology
    owner: str
    title: str
    notes: str
    objects: tuple[ObjectView, ...]
    readme: str = ""
    language: str = "en"
    timezone: str = "UTC"
    options: dict[str, Any] = field(default_factory=dict[str, Any])
