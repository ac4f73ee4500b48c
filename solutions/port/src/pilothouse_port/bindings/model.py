"""Owns the shape of ``port.yaml``; errors name line and value."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from pilothouse_port.facts import FACTS

__all__ = [
    "BindingModel",
    "CancelModel",
    "DefaultsModel",
    "EffectModel",
    "HistoryModel",
    "KeyModel",
    "ListModel",
    "PolicyModel",
    "PortModel",
    "RowModel",
    "TextModel",
    "TwistModel",
    "UnitModel",
    "named",
]

Take = Literal["last", "first", "sum", "all", "min", "max", "count", "any"]
TextKind = Literal["mail", "remark", "description"]


class Strict(BaseModel):
    """Refuses keys it does not know; a slip of the pen never means nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _words(value: object) -> object:
    """YAML turns ``007`` and ``no`` into other things; a word is its text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _list(value: object) -> object:
    return cast("list[object]", value) if isinstance(value, list | tuple) else [value]


def _blank(value: object) -> object:
    return "" if value is None else value


def named(person: str) -> str:
    """Return who is named, empty where nobody is: a placeholder that begins with TODO is nobody."""
    bare = person.strip()
    return "" if bare.casefold().startswith("todo") else bare


Word = Annotated[str, BeforeValidator(_words)]
Person = Annotated[str, BeforeValidator(_blank)]
Words = Annotated[tuple[Word, ...], BeforeValidator(_list)]


def _age(value: object) -> object:
    found = re.fullmatch(r"(\d+)\s*(m|h|d)", str(value).strip()) if isinstance(value, str) else None
    if found is None:
        return value
    return timedelta(**{{"m": "minutes", "h": "hours", "d": "days"}[found[2]]: int(found[1])})


Age = Annotated[timedelta, BeforeValidator(_age)]


class KeyModel(Strict):
    """One part of a key.

    ``as`` turns our key into the system's form; ``clean`` turns the system's messy value into ours and
    makes the object be read as a whole.
    """

    field: str
    as_: Words = Field(default=(), alias="as")
    clean: Words = ()


def _key(value: object) -> object:
    return {"field": value} if isinstance(value, str) else value


Key = Annotated[KeyModel, BeforeValidator(_key)]


class UnitModel(Strict):
    """Unit column and what one of each unit is in ours."""

    field: str
    factors: dict[Word, float]


class CancelModel(Strict):
    """Rows that take others back: earlier rows with the same ``of`` fall.

    With ``means`` nothing falls: such a row stands as the word it means, whatever its value says.
    """

    field: str
    words: Words
    of: str = ""
    means: Word = ""


class DefaultsModel(Strict):
    """What holds for every binding of one system.

    ``endorsed_by`` names the person who vouches that fields of an untrusted source found by key are
    records; texts of it stay untrusted. Empty or beginning with TODO it names nobody: ask ``vouched_by``.
    """

    timezone: str = ""
    decimal: Literal[".", ","] = "."
    date: Words = ()
    max_age: Age | None = None
    age_by: str = ""
    batch: int = Field(default=500, ge=1, le=500)
    scan: bool = False
    endorsed_by: Person = ""

    @property
    def vouched_by(self) -> str:
        """Who vouches, empty when nobody does."""
        return named(self.endorsed_by)


class BindingModel(Strict):
    """Where one fact stands in one system."""

    system: str
    object: str
    key: dict[str, Key]
    value: Words = ()
    exists: Word | None = None
    where: dict[str, Words] = Field(default_factory=dict)
    unless: dict[str, Words] = Field(default_factory=dict)
    params: dict[str, Words] = Field(default_factory=dict)
    codes: dict[Word, Word | None] = Field(default_factory=dict)
    as_: Words = Field(default=(), alias="as")
    unit: UnitModel | None = None
    latest_by: Words = ()
    per: Words = ()
    take: Take | None = None
    cancels: CancelModel | None = None
    max_age: Age | None = None
    age_by: str = ""
    timezone: str = ""
    date: Words = ()
    scan: bool = False

    @model_validator(mode="after")
    def _value_or_exists(self) -> BindingModel:
        if not self.value and self.exists is None and self.take != "count":
            raise ValueError("needs value (a field), exists (the word a row stands for) or take: count")
        return self


class ListModel(Strict):
    """The record that names the boxes of a call."""

    system: str
    object: str
    container: Key
    bl: Key
    call: Key | None = None
    where: dict[str, Words] = Field(default_factory=dict)
    unless: dict[str, Words] = Field(default_factory=dict)


class TextModel(Strict):
    """Text to be read: mails that mention a box, remarks and descriptions that hang on one.

    Of a mail ``sender`` and ``answers`` name the fields with the addresses it is from and asks to answer to,
    ``attachments`` the object with its attachments, keyed by the mail's ``id``.
    """

    kind: TextKind
    system: str
    object: str
    text: Words
    key: dict[str, Key] = Field(default_factory=dict)
    at: str = ""
    id: str = ""
    reply: str = ""
    sender: str = "from"
    answers: str = "reply_to"
    attachments: str = ""
    known: Words = ()
    known_file: str = ""
    where: dict[str, Words] = Field(default_factory=dict)
    scan: bool = False


class HistoryModel(Strict):
    """What clerks decided before: labels to learn from, never an answer to today's question.

    ``reasons`` holds the policy's words, several in one field; ``at`` when it was decided.
    """

    system: str
    object: str
    container: Key
    bl: Key
    reasons: str
    at: str = ""


class EffectModel(Strict):
    """How a release is written to the community system, taken back there, or a party told by mail.

    ``args`` maps an argument to a constant or: of ``release`` ``$container``, ``$bl``, ``$party``,
    ``$valid_until``; of ``cancel`` ``$right``; of ``notice`` ``$to``, ``$subject``, ``$text``.
    """

    system: str
    tool: str
    args: dict[str, Any]
    valid_days: int = Field(default=45, ge=1, le=365)


class TwistModel(Strict):
    """An exception: under ``when``, another verdict, word or parameter."""

    when: dict[str, Words]
    verdict: str | None = None
    reason: Word = ""
    params: dict[str, Any] = Field(default_factory=dict)
    quote: str = ""


class RowModel(Strict):
    """One policy row with the sentence it comes from."""

    check: str
    outcome: str
    verdict: str
    reason: Word
    quote: str = Field(min_length=3)
    params: dict[str, Any] = Field(default_factory=dict)
    when: dict[str, Words] = Field(default_factory=dict)
    exceptions: tuple[TwistModel, ...] = ()


class CompareModel(Strict):
    """A comparison the port adds."""

    left: str
    right: str


class PolicyModel(Strict):
    """The approved rows, bound to the document by its hash."""

    document: str
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    approver: Person = ""
    order: tuple[str, ...] = ("RELEASE", "HOLD", "ESCALATE")
    unknown: str = "ESCALATE"
    unknown_reason: Word = "UNKNOWN"
    compare: dict[str, CompareModel] = Field(default_factory=dict)
    rows: tuple[RowModel, ...] = Field(min_length=1)

    @field_validator("order")
    @classmethod
    def _three(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if sorted(value) != ["ESCALATE", "HOLD", "RELEASE"] or value[0] != "RELEASE":
            raise ValueError("must name RELEASE first, then HOLD and ESCALATE in the document's order")
        return value


class PortModel(Strict):
    """The whole file."""

    timezone: str
    systems: dict[str, DefaultsModel] = Field(default_factory=dict)
    list: ListModel
    joins: dict[str, BindingModel] = Field(default_factory=dict)
    facts: dict[str, BindingModel | tuple[BindingModel, ...]]
    texts: dict[str, TextModel] = Field(default_factory=dict)
    no_texts: tuple[TextKind, ...] = ()
    history: HistoryModel | None = None
    effects: dict[str, EffectModel] = Field(default_factory=dict)
    policy: PolicyModel

    @field_validator("facts")
    @classmethod
    def _known(cls, value: dict[str, Any]) -> dict[str, Any]:
        unknown = [name for name in value if name not in FACTS]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not a fact of the catalogue (docs/reference/port.md)")
        return value
