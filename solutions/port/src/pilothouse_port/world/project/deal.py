"""Owns what is dealt per seed: technology, language, style, words and manners of each system."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from pilothouse_port.world.canon import Canon, stream
from pilothouse_port.world.naming import LANGUAGES, CodeStyle, Names, Style, deal_codes, system_name
from pilothouse_port.world.project.authorities import AUTHORITIES
from pilothouse_port.world.project.office import OFFICE
from pilothouse_port.world.project.quay import QUAY
from pilothouse_port.world.project.specs import CODE_SETS, ObjectSpec
from pilothouse_port.world.views import EDIFACT_FIELDS, Technology

__all__ = ["ROLES", "SPECS", "Dealt", "deal_systems"]

SPECS: Final[tuple[ObjectSpec, ...]] = (*OFFICE, *QUAY, *AUTHORITIES)
ROLES: Final = (
    "bills",
    "receivables",
    "customers",
    "terminal",
    "customs",
    "health",
    "dangerous",
    "community",
    "gate",
    "mailbox",
    "cover",
    "mass",
    "haulier",
    "decisions",
)

_SERVED: Final = ("bills", "receivables", "customers", "terminal")
_FIXED: Final[dict[str, Technology]] = {
    "customs": "edifact",
    "dangerous": "edifact",
    "mass": "edifact",
    "community": "http",
    "gate": "http",
    "mailbox": "mail",
    "haulier": "mcp",
}
_STYLES: Final[dict[Technology, tuple[Style, ...]]] = {
    "mariadb": ("snake", "camel", "upper", "pascal", "prefix", "vowels"),
    "postgres": ("snake", "camel", "erp", "prefix", "upper", "vowels"),
    "sqlite": ("title", "snake", "pascal", "camel", "vowels", "erp"),
    "drop": ("title", "upper", "snake", "erp", "kebab"),
    "http": ("snake", "camel", "kebab", "pascal"),
    "mcp": ("snake", "camel"),
    "edifact": ("snake",),
    "mail": ("snake",),
}


@dataclass(slots=True, kw_only=True)
class Dealt:
    """One system as dealt.

    Attributes:
        objects: object id -> its name; fields: object id -> attribute -> its name.
        codes: code set -> canonical value -> the system's word.
        decimals: ``native``, or ``dot`` and ``comma`` where amounts are kept as text.
        hidden: Columns a system does not have, by object (a payment names the bill or the document).
        forms: How a system writes an attribute otherwise: ``spaced`` box numbers, ``nozeros`` numbers.
    """

    role: str
    name: str
    technology: Technology
    language: str
    names: Names
    timezone: str
    decimals: str
    objects: dict[str, str] = field(default_factory=dict[str, str])
    fields: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    hidden: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    forms: dict[str, str] = field(default_factory=dict[str, str])
    schema: str = ""

    def object_name(self, object_id: str) -> str:
        """Return the object's full name."""
        return self.objects[object_id]

    def field_name(self, object_id: str, attr: str) -> str:
        """Return the name of the field that shows ``attr``."""
        return self.fields[object_id][attr]


def deal_systems(canon: Canon) -> dict[str, Dealt]:
    """Deal all systems of a world, in the order of :data:`ROLES`."""
    rng = stream(canon.seed, "technologies")
    technologies = _technologies(rng)
    tickets: tuple[Technology, ...] = ("drop", "sqlite", "postgres", "mariadb")
    technologies["decisions"] = stream(canon.seed, "technology of decisions").choice(tickets)
    styles = _styles(rng, technologies)
    taken: set[str] = set()
    dealt: dict[str, Dealt] = {}
    for role in ROLES:
        own = stream(canon.seed, f"system {role}")
        dealt[role] = _deal_one(
            own, canon, role, technology=technologies[role], style=styles[role], taken=taken
        )
    return dealt


def _technologies(rng: Random) -> dict[str, Technology]:
    served: list[Technology] = ["mariadb", "postgres", "sqlite"]
    served.append(rng.choice(served))
    rng.shuffle(served)
    found: dict[str, Technology] = dict(zip(_SERVED, served, strict=True))
    found |= _FIXED
    odd: Technology = rng.choice(("drop", "drop", "drop", "mariadb", "postgres", "sqlite"))
    pair: list[Technology] = ["drop", odd]
    rng.shuffle(pair)
    found["health"], found["cover"] = pair
    return found


def _styles(rng: Random, technologies: dict[str, Technology]) -> dict[str, Style]:
    """Give each system a style, rather one that no other has yet."""
    used: list[Style] = []
    found: dict[str, Style] = {}
    for role in ROLES:
        fit = _STYLES[technologies[role]]
        fresh: list[Style] = [style for style in fit if style not in used] or list(fit)
        found[role] = rng.choice(fresh)
        if len(fit) > 1:
            used.append(found[role])
    return found


def _deal_one(
    rng: Random, canon: Canon, role: str, *, technology: Technology, style: Style, taken: set[str]
) -> Dealt:
    language = canon.port.language if rng.random() < 0.45 else rng.choice(LANGUAGES)
    name = system_name(rng, role, language)
    while name in taken:
        name += str(rng.randint(2, 9))
    taken.add(name)
    money = role == "receivables" and technology != "mariadb"
    dealt = Dealt(
        role=role,
        name=name,
        technology=technology,
        language=language,
        names=Names(rng, language=language, style=style),
        timezone="UTC" if technology == "http" or rng.random() < 0.3 else canon.port.timezone,
        decimals=rng.choice(("native", "dot", "comma")) if money else "native",
    )
    if technology == "postgres" and (role == "terminal" or rng.random() < 0.3):
        dealt.schema = (
            dealt.names.name("yard" if role == "terminal" else "registry").lower().replace(" ", "_")
        ).removeprefix("pg_")  # PostgreSQL keeps that prefix for itself
    _deal_keys(rng, dealt)
    _name_everything(rng, dealt)
    _deal_words(rng, dealt)
    return dealt


def _deal_keys(rng: Random, dealt: Dealt) -> None:
    """Deal how a system's rows are found: by which number, written how."""
    match dealt.role:
        case "receivables":
            # a payment names the bill or the document, seldom both
            dealt.hidden["payment"] = set(rng.choice((("bill",), ("document",), ())))
        case "bills" if rng.random() < 0.35:
            dealt.hidden["item"] = {"bill"}
        case "cover":
            dealt.hidden["cover"] = set(rng.choice((("customer",), ("tax",), ())))
            dealt.forms |= {"customer": "nozeros"} if rng.random() < 0.4 else {}
        case "health" | "gate" if rng.random() < 0.3:
            dealt.forms["container"] = "spaced"
        case _:
            pass


def _name_everything(rng: Random, dealt: Dealt) -> None:
    for spec in SPECS:
        if spec.role != dealt.role:
            continue
        hidden = dealt.hidden.get(spec.id, set())
        shown = [field for field in spec.fields if field.attr not in hidden]
        if dealt.technology in {"edifact", "mail"}:
            dealt.objects[spec.id] = spec.id
            dealt.fields[spec.id] = {field.attr: field.phrase for field in shown}
            if dealt.technology == "edifact" and set(dealt.fields[spec.id].values()) != set(
                EDIFACT_FIELDS[spec.id]
            ):
                raise AssertionError(spec.id)
            continue
        stem = _object_name(dealt, spec)
        dealt.objects[spec.id] = stem
        names: dict[str, str] = {}
        for one in shown:
            names[one.attr] = dealt.names.name(one.phrase, list(names.values()))
        dealt.fields[spec.id] = names
    del rng


def _object_name(dealt: Dealt, spec: ObjectSpec) -> str:
    name = dealt.names.name(spec.phrase, [n.rpartition(".")[2] for n in dealt.objects.values()])
    match dealt.technology:
        case "drop":
            return f"{name.lower().replace(' ', '_').replace('-', '_')}_*.{_suffix(dealt)}"
        case "mcp":
            verb = {"en": "find", "de": "suche", "nl": "zoek", "fr": "cherche", "es": "busca"}[dealt.language]
            return f"{verb}_{name}" if "_" in name or name.islower() else f"{verb}{name[0].upper()}{name[1:]}"
        case "http":
            return name.lower() if "-" in name or "_" in name else name
        case _:
            return f"{dealt.schema}.{name}" if dealt.schema else name


def _suffix(dealt: Dealt) -> str:
    return "tsv" if dealt.role == "cover" else "csv"


def _deal_words(rng: Random, dealt: Dealt) -> None:
    styles: tuple[CodeStyle, ...] = ("words", "short", "numbers", "letters")
    if dealt.technology == "edifact":
        styles = ("short", "numbers", "letters")
    for spec in SPECS:
        for one in spec.fields if spec.role == dealt.role else ():
            if one.codes and one.codes not in dealt.codes:
                # a policy quotes the words of a mandate, so these are never bare numbers
                style = rng.choice(styles[:2] if one.codes == "mandate.scope" else styles)
                dealt.codes[one.codes] = deal_codes(
                    rng, CODE_SETS[one.codes], language=dealt.language, style=style
                )


def options_of(dealt: Dealt) -> dict[str, Any]:
    """Return what any renderer may need of the deal."""
    return {"role": dealt.role, "schemas": bool(dealt.schema)}
