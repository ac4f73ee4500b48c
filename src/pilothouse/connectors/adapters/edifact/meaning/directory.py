"""Owns the names of elements in common segments, so that a path may say ``LOC+11.C517.3225``.

Names of composites and data elements are those of the UN/EDIFACT directories D.95B to D.23A; where a
release moved an element, its position in the newer ones is listed after the older.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

__all__ = ["element_position"]

SEGMENTS: Final = """
AUT 9280 9282
BGM C002 C106 1225 4343
CNI 1490 C503 1312
CNT C270
COM C076
CST 1496 C246 C246 C246 C246 C246
CTA 3139 C056
CUX C504 C504 5402 6341
DAM 7493 C821 C822 C825 C826 C852
DGS 8273 C205 C234 C223 8339 8364 8410 8126 C235 C236 8255 8179 C218
DIM 6145 C211
DOC C002 C503 3153 1220 1218
DTM C507
EQA 8053 C237
EQD 8053 C237 C224 8077 8249 8169
ERC C901
ERP C701 C853
FTX 4451 4453 C107 C108 3453 4447
GDS C703
GID 1496 C213 C213 C213 C213 C213
GIS C529
HAN C524 C218
IMD 7077 7081 C273
LIN 1082 1229 C212 C829
LOC 3227 C517 C519 C553 5479
MEA 6311 C502 C174 7383
MOA C516
NAD 3035 C082 C058 C080 C059 3164 C819 3251 3207
PAC 7224 C531 C202 C402 C532
PCI 4233 C210 8275 C827
PIA 4347 C212 C212 C212 C212 C212
QTY C186
RFF C506
RNG 6167 C280
SEL 9308 C215 4517
SGP C237 7224
STS C601 C555 C556 C556 C556 C556 C556
TAX 5283 C241 C533 5286 C243 5305 3446
TDT 8051 8028 C220 C228 C040 8101 C401 C222 8281
TMD C219 8332 8341
TMP 6245 C239
TPL C222
TSR C536 C233 C537 C703
UNB S001 S002 S003 S004 0020 S005 0026 0029 0031 0032 0035
UNH 0062 S009 0068 S010
UNT 0074 0062
UNZ 0036 0020
"""

COMPOSITES: Final = """
C002 1001 1131 3055 1000
C040 3127 1131 3055 3128
C056 3413 3412
C058 3124 3124 3124 3124 3124
C059 3042 3042 3042 3042
C076 3148 3155
C080 3036 3036 3036 3036 3036 3045
C082 3039 1131 3055
C106 1004 1056 1060
C107 4441 1131 3055
C108 4440 4440 4440 4440 4440
C174 6411 6314 6162 6152 6432
C186 6063 6060 6411
C202 7065 1131 3055 7064
C205 8351 8078 8092
C210 7102 7102 7102 7102 7102 7102 7102 7102 7102 7102
C211 6411 6168 6140 6008
C212 7140 7143 1131 3055
C213 7224 7065 1131 3055 7064 7233
C215 9303 1131 3055 9302
C218 7419 1131 3055 7418
C219 8335 8334 8332
C220 8067 8066
C222 8213 1131 3055 8212 8453
C223 7106 6411
C224 8155 1131 3055 8154
C228 8179 8178
C233 7273 1131 3055 7273 1131 3055
C234 7124 7088
C235 8158 8186
C236 8246 8246 8246 8246
C237 8260 1131 3055 3207
C239 6246 6411
C246 7361 1131 3055
C270 6069 6066 6411
C273 7009 1131 3055 7008 7008 3453
C280 6411 6162 6152
C401 8457 8459 7130
C502 6313 6321 6155 6154
C503 1004 1373 1366 3453 1056 1060
C504 6347 6345 6343 6348
C506 1153 1154 1156 1056 1060
C507 2005 2380 2379
C516 5025 5004 6345 6343 4405
C517 3225 1131 3055 3224
C519 3223 1131 3055 3222
C524 4079 1131 3055 4078
C529 7365 1131 3055 7187
C531 7075 7233 7073
C533 5289 1131 3055
C536 4065 1131 3055
C537 4219 1131 3055
C553 3233 1131 3055 3232
C555 4405 1131 3055 4404
C556 9013 1131 3055 9012
C601 9015 1131 3055
C701 1049 1052 1054
C703 7085 1131 3055
C819 3229 1131 3055 3228
C821 7501 1131 3055 7500
C822 7503 1131 3055 7502
C827 7511 1131 3055
C853 9166 1050 1159
C901 9321 1131 3055
S001 0001 0002 0080 0133
S002 0004 0007 0008
S003 0010 0007 0014
S004 0017 0019
S009 0065 0052 0054 0051 0057
"""


@lru_cache(maxsize=1)
def _segments() -> dict[str, list[str]]:
    return {tag: names for tag, *names in map(str.split, SEGMENTS.strip().splitlines())}


@lru_cache(maxsize=1)
def _composites() -> dict[str, list[str]]:
    return {name: parts for name, *parts in map(str.split, COMPOSITES.strip().splitlines())}


def element_position(tag: str, names: tuple[str, ...]) -> tuple[int, int] | None:
    """Return 1-based element and component that ``names`` mean in segment ``tag``; None when unknown.

    Args:
        tag: Such as ``LOC``.
        names: ``("C517", "3225")``, ``("3225",)`` or ``("3227",)``; ``C556[2]`` is the second C556.
    """
    elements = _segments().get(tag, [])
    *outer, leaf = names
    if not outer:
        return _alone(elements, leaf)
    composite, number = _numbered(outer[0])
    if composite not in elements:
        return None
    element = _nth(elements, composite, number)
    component = _nth(_composites().get(composite, []), *_numbered(leaf))
    return (element, component) if element and component else None


def _alone(elements: list[str], leaf: str) -> tuple[int, int] | None:
    name, number = _numbered(leaf)
    if name in elements:
        element = _nth(elements, name, number)
        return (element, 1) if element else None
    for position, composite in enumerate(elements, 1):
        component = _nth(_composites().get(composite, []), name, number)
        if component:
            return position, component
    return None


def _numbered(name: str) -> tuple[str, int]:
    bare, bracket, rest = name.partition("[")
    return (bare, int(rest.removesuffix("]"))) if bracket else (name, 1)


def _nth(names: list[str], wanted: str, number: int) -> int:
    """1-based position of the ``number``-th ``wanted``; 0 when there is none."""
    found = [position for position, name in enumerate(names, 1) if name == wanted]
    return found[number - 1] if 0 < number <= len(found) else 0
