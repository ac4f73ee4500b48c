"""Owns the raw material of an invented port: places, firm names, goods, ISO 6346 box numbers. No firm is real."""

from __future__ import annotations

from random import Random
from typing import Final

from pilothouse_port.world.canon.types import Port

__all__ = [
    "BOX_TYPES",
    "BRANCHES",
    "CITIES",
    "DANGEROUS_GOODS",
    "FIRST",
    "GOODS",
    "HAULIERS",
    "LEGAL_FORMS",
    "OWNERS",
    "PORTS",
    "SHIPPERS",
    "VESSELS",
    "BoxNumbers",
    "check_digit",
    "mistyped",
]

PORTS: Final = (
    Port(name="Port of Saltmere", language="en", timezone="Europe/London", currency="GBP", country="GB"),
    Port(name="Haven Oosterdiep", language="nl", timezone="Europe/Amsterdam", currency="EUR", country="NL"),
    Port(name="Seehafen Grauwerder", language="de", timezone="Europe/Berlin", currency="EUR", country="DE"),
    Port(name="Port de Roquebrune", language="fr", timezone="Europe/Paris", currency="EUR", country="FR"),
    Port(name="Puerto de Almarena", language="es", timezone="Europe/Madrid", currency="EUR", country="ES"),
    Port(name="Haven Schorrekaai", language="nl", timezone="Europe/Brussels", currency="EUR", country="BE"),
    Port(name="Hafen Morkenfleet", language="de", timezone="Europe/Berlin", currency="EUR", country="DE"),
)

FIRST: Final = [
    "Alderwick",
    "Bramfeld",
    "Corvane",
    "Dunmarsh",
    "Elzenaar",
    "Ferrolan",
    "Grimsholt",
    "Harvelde",
    "Ingelroot",
    "Jorvane",
    "Kelderman",
    "Lomarin",
    "Mostveen",
    "Nordgaard",
    "Ostrava",
    "Pelgrane",
    "Quintaro",
    "Rosswald",
    "Sandvoort",
    "Tervelde",
    "Ulmenau",
    "Valdoria",
    "Westrup",
    "Yarmelle",
    "Zandhoek",
    "Arkenstein",
    "Belmoral",
    "Castelvia",
    "Dornbach",
    "Esterwey",
    "Falkenau",
    "Girovane",
    "Halmstrand",
    "Isarwind",
    "Juniperus",
    "Krommerijn",
    "Lindegaard",
    "Montclair",
    "Niewold",
    "Ollandia",
    "Petershoek",
    "Rijkevoort",
    "Stavendam",
    "Tallmere",
    "Umbrella",
    "Veldhaven",
    "Wolkenburg",
    "Zilverberg",
    "Amberley",
    "Brackwater",
    "Clovelly",
    "Dallowen",
    "Evermond",
    "Fossgate",
]

BRANCHES: Final[dict[str, tuple[str, ...]]] = {
    "en": ("Trading", "Foods", "Imports", "Machinery", "Textiles", "Retail", "Chemicals", "Home", "Parts"),
    "de": ("Handel", "Feinkost", "Import", "Maschinen", "Textil", "Bau", "Chemie", "Möbel", "Technik"),
    "nl": ("Handel", "Food", "Import", "Machines", "Textiel", "Bouw", "Chemie", "Meubel", "Techniek"),
    "fr": ("Négoce", "Primeurs", "Import", "Machines", "Textiles", "Bâtiment", "Chimie", "Meubles", "Outils"),
    "es": ("Comercio", "Frutas", "Importación", "Máquinas", "Textil", "Obras", "Química", "Hogar", "Piezas"),
}

LEGAL_FORMS: Final[dict[str, tuple[str, ...]]] = {
    "en": ("Ltd", "plc", "LLP"),
    "de": ("GmbH", "AG", "KG"),
    "nl": ("B.V.", "N.V."),
    "fr": ("SAS", "SARL", "SA"),
    "es": ("S.L.", "S.A."),
}

CITIES: Final[dict[str, tuple[str, ...]]] = {
    "en": ("Leeds", "Reading", "Derby", "Exeter"),
    "de": ("Kassel", "Ulm", "Bielefeld", "Erfurt"),
    "nl": ("Zwolle", "Breda", "Tilburg", "Ede"),
    "fr": ("Dijon", "Nancy", "Limoges", "Angers"),
    "es": ("Burgos", "Lugo", "Teruel", "Huesca"),
}

SHIPPERS: Final = (
    "Qingshan Harmony Export Co",
    "Rio Claro Exportadora",
    "Sunrise Peninsula Trading",
    "Anadolu Yildiz Ticaret",
    "Great Lakes Outfitters Inc",
    "Mekong Delta Produce",
    "Cape Agulhas Packers",
    "Hanbada Industrial",
    "Bengal Weave Mills",
    "Pacifica Sur Agro",
)

HAULIERS: Final = (
    "Vlotweg Transport",
    "Brückenlauf Spedition",
    "Quayside Haulage",
    "Routes du Large",
    "Camiones Marisma",
    "Kaaimuur Logistiek",
    "Norderspur Cargo",
    "Redgate Freight",
    "Duinpan Trucking",
    "Transport Belle Rive",
    "Hafenläufer",
    "Long Pier Carriers",
)

VESSELS: Final = (
    "MV Tern of Saltmere",
    "MV Nordic Cormorant",
    "MV Estrella Gris",
    "MV Witte Reiger",
    "MV Graugans",
    "MV Pluvier Doré",
    "MV Far Petrel",
    "MV Silver Avocet",
)

OWNERS: Final = ("PHVU", "KRDU", "SLWU", "OSTU", "GRMU", "VLNU", "QMRU", "TBSU")

# ISO 6346 size-type, length, kind, tare kg, weight in the deal
BOX_TYPES: Final = (
    ("22G1", 20, "dry", 2230, 34),
    ("42G1", 40, "dry", 3750, 18),
    ("45G1", 40, "dry", 3900, 22),
    ("L5G1", 45, "dry", 4800, 6),
    ("45R1", 40, "reefer", 4600, 12),
    ("22T1", 20, "tank", 3650, 4),
    ("22U1", 20, "open", 2360, 4),
)

# HS code; then what the paper says, in English German Dutch French Spanish
GOODS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("02023090", ("frozen boneless beef", "Rindfleisch gefroren", "bevroren rundvlees", "bœuf désossé congelé", "carne de vacuno congelada")),
    ("03061792", ("frozen shrimps", "Garnelen gefroren", "bevroren garnalen", "crevettes congelées", "camarones congelados")),
    ("04069021", ("cheddar cheese", "Cheddarkäse", "cheddarkaas", "fromage cheddar", "queso cheddar")),
    ("07031019", ("fresh onions", "frische Zwiebeln", "verse uien", "oignons frais", "cebollas frescas")),
    ("08039010", ("fresh bananas", "frische Bananen", "verse bananen", "bananes fraîches", "plátanos frescos")),
    ("09011100", ("green coffee in bags", "Rohkaffee in Säcken", "ongebrande koffie in zakken", "café vert en sacs", "café verde en sacos")),
    ("10063098", ("milled rice", "geschliffener Reis", "gepelde rijst", "riz blanchi", "arroz elaborado")),
    ("16041418", ("canned tuna", "Thunfischkonserven", "tonijn in blik", "thon en conserve", "atún en conserva")),
    ("44079115", ("sawn oak timber", "Eichenschnittholz", "gezaagd eikenhout", "chêne scié", "madera de roble aserrada")),
    ("61091000", ("cotton T-shirts", "Baumwoll-T-Shirts", "katoenen T-shirts", "T-shirts en coton", "camisetas de algodón")),
    ("64039996", ("leather footwear", "Lederschuhe", "leren schoenen", "chaussures en cuir", "calzado de cuero")),
    ("69072100", ("ceramic tiles", "Keramikfliesen", "keramische tegels", "carreaux céramiques", "baldosas cerámicas")),
    ("73181581", ("steel bolts", "Stahlschrauben", "stalen bouten", "boulons en acier", "pernos de acero")),
    ("84159000", ("air conditioner parts", "Teile für Klimageräte", "onderdelen voor airco's", "pièces de climatiseurs", "piezas de aire acondicionado")),
    ("85167100", ("coffee makers", "Kaffeemaschinen", "koffiezetapparaten", "cafetières électriques", "cafeteras eléctricas")),
    ("87089997", ("motor vehicle parts", "Kfz-Teile", "auto-onderdelen", "pièces automobiles", "piezas de automóvil")),
    ("94036010", ("wooden furniture", "Holzmöbel", "houten meubelen", "meubles en bois", "muebles de madera")),
    ("95030041", ("stuffed toys", "Stofftiere", "knuffels", "peluches", "juguetes de peluche")),
    ("48025620", ("copy paper on pallets", "Kopierpapier auf Paletten", "kopieerpapier op pallets", "papier copie sur palettes", "papel de copia en palés")),
    ("70109043", ("empty glass bottles", "leere Glasflaschen", "lege glazen flessen", "bouteilles en verre vides", "botellas de vidrio vacías")),
)  # fmt: skip

# UN number, class, packing group, HS code, names: numbers and classes as in 49 CFR 172.101 (public domain)
DANGEROUS_GOODS: Final[tuple[tuple[str, str, str, str, tuple[str, ...]], ...]] = (
    ("1263", "3", "II", "32089091", ("paint", "Anstrichfarbe", "verf", "peinture", "pintura")),
    ("1950", "2.1", "", "33072000", ("aerosols", "Druckgaspackungen", "spuitbussen", "aérosols", "aerosoles")),
    ("2794", "8", "", "85071020", ("batteries, wet, filled with acid", "Batterien, nass, gefüllt mit Säure", "natte accu's met zuur", "accumulateurs à acide", "baterías con ácido")),
    ("3480", "9", "", "85076000", ("lithium ion batteries", "Lithium-Ionen-Batterien", "lithium-ionbatterijen", "batteries lithium-ion", "baterías de ion litio")),
    ("1133", "3", "III", "35069190", ("adhesives", "Klebstoffe", "lijmen", "adhésifs", "adhesivos")),
    ("1760", "8", "II", "38249996", ("corrosive liquid, n.o.s.", "ätzender flüssiger Stoff, n.a.g.", "bijtende vloeistof, n.e.g.", "liquide corrosif, n.s.a.", "líquido corrosivo, n.e.p.")),
    ("1057", "2.1", "", "96131000", ("lighters", "Feuerzeuge", "aanstekers", "briquets", "encendedores")),
    ("3077", "9", "III", "28273985", ("environmentally hazardous substance, solid, n.o.s.", "umweltgefährdender Stoff, fest, n.a.g.", "milieugevaarlijke vaste stof, n.e.g.", "matière dangereuse pour l'environnement, solide, n.s.a.", "sustancia sólida peligrosa para el medio ambiente, n.e.p.")),
)  # fmt: skip

# letters count 10..38 without the multiples of 11
_VALUES: Final = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", [n for n in range(10, 39) if n % 11], strict=True))


def check_digit(ten: str) -> str:
    """Return the check digit of the first ten characters of a container number."""
    total = sum((_VALUES[c] if c.isalpha() else int(c)) * 2**i for i, c in enumerate(ten))
    return str(total % 11 % 10)


def mistyped(rng: Random, number: str) -> str:
    """Return ``number`` with one digit wrong, so that its check digit no longer fits."""
    at = rng.randrange(4, 10)
    for step in range(1, 10):
        digit = str((int(number[at]) + step) % 10)
        wrong = number[:at] + digit + number[at + 1 :]
        if check_digit(wrong[:10]) != wrong[10]:
            return wrong
    return number


class BoxNumbers:
    """Gives each number once; remainder 10 is never dealt, as owners avoid it."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._seen: set[str] = set()

    def next(self) -> str:
        """Return a new valid number."""
        while True:
            ten = f"{self._rng.choice(OWNERS)}{self._rng.randrange(100000, 1000000)}"
            total = sum((_VALUES[c] if c.isalpha() else int(c)) * 2**i for i, c in enumerate(ten))
            if total % 11 != 10 and ten not in self._seen:
                self._seen.add(ten)
                return ten + check_digit(ten)
