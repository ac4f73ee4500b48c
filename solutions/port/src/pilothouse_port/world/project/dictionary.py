"""Owns the data dictionary each owner keeps: terse, in his language, and not always complete."""

from __future__ import annotations

from typing import Final

from pilothouse_port.world.canon import Canon, stream
from pilothouse_port.world.naming import Names
from pilothouse_port.world.project.deal import SPECS, Dealt
from pilothouse_port.world.project.specs import CODE_SETS, ObjectSpec
from pilothouse_port.world.views import ObjectView

__all__ = ["describe", "object_note", "owner_of", "title_of"]

_OWNERS: Final[dict[str, tuple[str, str, str, str, str]]] = {
    "bills": ("Documentation", "Dokumentation", "Documentatie", "Documentation", "Documentación"),
    "receivables": ("Finance", "Buchhaltung", "Financiën", "Finances", "Finanzas"),
    "customers": ("Sales", "Vertrieb", "Verkoop", "Ventes", "Ventas"),
    "terminal": ("Terminal", "Terminal", "Terminal", "Terminal", "Terminal"),
    "customs": ("Customs", "Zoll", "Douane", "Douane", "Aduana"),
    "health": ("Health authority", "Veterinäramt", "Keuringsdienst", "Service sanitaire", "Sanidad"),
    "dangerous": ("Harbour master", "Hafenkapitän", "Havenmeester", "Capitainerie", "Capitanía"),
    "community": ("Port community", "Hafengemeinschaft", "Havengemeenschap", "Place portuaire", "Comunidad"),
    "gate": ("Gate office", "Gatebüro", "Poortkantoor", "Bureau du portail", "Oficina de puerta"),
    "mailbox": ("Release desk", "Freistellung", "Vrijgavebalie", "Bureau de libération", "Liberaciones"),
    "cover": ("Credit insurer", "Kreditversicherer", "Kredietverzekeraar", "Assureur-crédit", "Aseguradora"),
    "mass": ("Port", "Hafen", "Haven", "Port", "Puerto"),
    "haulier": ("Hauliers' pool", "Fuhrpool", "Vervoerderspool", "Pool transport", "Transportistas"),
}
_AT: Final = {"en": 0, "de": 1, "nl": 2, "fr": 3, "es": 4}
_WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "field": "Field", "meaning": "Meaning", "codes": "Codes", "zone": "Times are in {zone}.",
        "many": "Several rows may stand for one case; the newest one counts.",
        "reversal": "A reversal is a row of its own with a negative amount.",
        "file": "Every file holds the whole list; only the newest one counts.",
        "cancel": "Function 9 = original, 5 = replaces, 1 = cancels. The time of the message counts, not the order of files.",
        "comma": "Amounts are text with a decimal comma.", "dot": "Amounts are text with a decimal point.",
    },
    "de": {
        "field": "Feld", "meaning": "Bedeutung", "codes": "Schlüssel", "zone": "Zeiten in {zone}.",
        "many": "Zu einem Fall kann es mehrere Sätze geben; der jüngste gilt.",
        "reversal": "Ein Storno ist ein eigener Satz mit negativem Betrag.",
        "file": "Jede Datei enthält den vollen Bestand; nur die jüngste gilt.",
        "cancel": "Funktion 9 = Original, 5 = ersetzt, 1 = storniert. Es zählt die Zeit der Meldung, nicht die Reihenfolge der Dateien.",
        "comma": "Beträge sind Text mit Dezimalkomma.", "dot": "Beträge sind Text mit Dezimalpunkt.",
    },
    "nl": {
        "field": "Veld", "meaning": "Betekenis", "codes": "Codes", "zone": "Tijden in {zone}.",
        "many": "Voor één geval kunnen er meer regels zijn; de nieuwste telt.",
        "reversal": "Een storno is een eigen regel met een negatief bedrag.",
        "file": "Elk bestand bevat de hele lijst; alleen het nieuwste telt.",
        "cancel": "Functie 9 = origineel, 5 = vervangt, 1 = annuleert. De tijd van het bericht telt, niet de volgorde van bestanden.",
        "comma": "Bedragen zijn tekst met een komma.", "dot": "Bedragen zijn tekst met een punt.",
    },
    "fr": {
        "field": "Champ", "meaning": "Sens", "codes": "Codes", "zone": "Heures en {zone}.",
        "many": "Un cas peut avoir plusieurs lignes ; la plus récente fait foi.",
        "reversal": "Une contre-passation est une ligne à part avec un montant négatif.",
        "file": "Chaque fichier contient la liste entière ; seul le plus récent fait foi.",
        "cancel": "Fonction 9 = original, 5 = remplace, 1 = annule. L'heure du message compte, non l'ordre des fichiers.",
        "comma": "Les montants sont du texte avec une virgule.", "dot": "Les montants sont du texte avec un point.",
    },
    "es": {
        "field": "Campo", "meaning": "Significado", "codes": "Claves", "zone": "Horas en {zone}.",
        "many": "Un caso puede tener varias filas; vale la más nueva.",
        "reversal": "Una anulación es una fila propia con importe negativo.",
        "file": "Cada fichero trae la lista entera; solo vale el más nuevo.",
        "cancel": "Función 9 = original, 5 = sustituye, 1 = anula. Cuenta la hora del mensaje, no el orden de los ficheros.",
        "comma": "Los importes son texto con coma decimal.", "dot": "Los importes son texto con punto decimal.",
    },
}  # fmt: skip

_PHRASES_OF_EDIFACT: Final = {
    "document": "document number",
    "function": "code",
    "at": "changed time",
    "declaration": "certificate number",
    "notice": "remark number",
    "container": "container number",
    "bl": "bill number",
    "status": "state",
    "packages": "package",
    "weight": "gross weight",
    "mass": "gross weight",
    "unit": "code",
    "booking": "job reference",
    "method": "kind",
    "responsible": "author",
    "remark": "remark text",
    "un_number": "un number",
    "hazard_class": "class",
    "packing_group": "package group",
}


def owner_of(dealt: Dealt) -> str:
    """Return who runs the system, in his language."""
    return _OWNERS[dealt.role][_AT[dealt.language]]


def title_of(dealt: Dealt) -> str:
    """Return what the owner calls it."""
    return f"{owner_of(dealt)}: {dealt.name}"


def object_note(dealt: Dealt, spec: ObjectSpec) -> str:
    """Return one line on the object."""
    if dealt.technology in {"edifact", "mail"}:
        return ""
    said = _plain(dealt).words(spec.phrase)
    return said[:1].upper() + said[1:]


def _plain(dealt: Dealt) -> Names:
    return dealt.names


def describe(canon: Canon, dealt: Dealt, objects: tuple[ObjectView, ...]) -> str:
    """Return the README of a system."""
    rng = stream(canon.seed, f"dictionary {dealt.role}")
    words = _WORDS[dealt.language]
    lines = [f"# {title_of(dealt)}", ""]
    if dealt.technology != "mail":
        lines += [words["zone"].format(zone=dealt.timezone), ""]
    lines += _manners(dealt, words)
    specs = [spec for spec in SPECS if spec.role == dealt.role]
    for spec, view in zip(specs, objects, strict=True):
        lines += [f"## {view.name}", ""]
        if dealt.technology == "mail":
            continue
        if view.note:
            lines += [f"{view.note}.", ""]
        lines += [f"| {words['field']} | {words['meaning']} |", "|---|---|"]
        for one in spec.fields:
            name = dealt.fields[spec.id].get(one.attr)
            if name is None or (not one.codes and one.attr not in _ESSENTIAL and rng.random() < 0.12):
                continue
            phrase = _PHRASES_OF_EDIFACT[one.phrase] if dealt.technology == "edifact" else one.phrase
            said = dealt.names.words(phrase)
            if one.codes:
                codes = dealt.codes[one.codes]
                said += f"; {words['codes']}: " + ", ".join(
                    f"{codes[value]} = {_code_word(dealt, value)}" for value in CODE_SETS[one.codes]
                )
            lines.append(f"| `{name}` | {said} |")
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


_ESSENTIAL: Final = frozenset(
    ("container", "bill", "number", "open", "unmatched", "outstanding", "weight", "mass", "state", "un")
)


def _code_word(dealt: Dealt, value: str) -> str:
    from pilothouse_port.world.naming import code_word

    return code_word(value, dealt.language)


def _manners(dealt: Dealt, words: dict[str, str]) -> list[str]:
    said: list[str] = []
    if dealt.technology == "drop":
        said.append(words["file"])
    if dealt.technology == "edifact":
        said.append(words["cancel"])
    if dealt.role in {"bills", "community", "terminal", "customers"}:
        said.append(words["many"])
    if dealt.role == "receivables":
        said.append(words["reversal"])
    if dealt.decimals != "native":
        said.append(words[dealt.decimals])
    return [" ".join(said), ""] if said else []
