"""The encoder of many languages on its real weights: translations are near, company does not matter."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pilothouse.app import open_multilingual_encoder
from pilothouse.kernel import DataError, UsageError
from pilothouse.models import Encoder
from pilothouse.models.adapters.e5 import E5Small
from pilothouse.registry.packs import Packs

SAID = {
    "en": (
        "Please hold the container until we have been paid.",
        "We do not accept the storage charges on your invoice.",
        "Our new bank account is given below.",
        "When does the vessel arrive?",
        "The seal was broken when the truck came.",
        "Thank you, everything arrived in good order.",
    ),
    "de": (
        "Bitte halten Sie den Container zurück, bis wir bezahlt worden sind.",
        "Wir erkennen die Lagerkosten auf Ihrer Rechnung nicht an.",
        "Unsere neue Bankverbindung steht unten.",
        "Wann kommt das Schiff an?",
        "Das Siegel war gebrochen, als der Lkw kam.",
        "Danke, alles ist in gutem Zustand angekommen.",
    ),
    "nl": (
        "Houd de container alstublieft vast tot we betaald zijn.",
        "Wij gaan niet akkoord met de opslagkosten op uw factuur.",
        "Ons nieuwe bankrekeningnummer staat hieronder.",
        "Wanneer komt het schip aan?",
        "De verzegeling was verbroken toen de vrachtwagen kwam.",
        "Bedankt, alles is in goede staat aangekomen.",
    ),
    "fr": (
        "Veuillez retenir le conteneur jusqu'à ce que nous soyons payés.",
        "Nous n'acceptons pas les frais de stockage de votre facture.",
        "Notre nouveau compte bancaire est indiqué ci-dessous.",
        "Quand le navire arrive-t-il ?",
        "Le plomb était brisé quand le camion est arrivé.",
        "Merci, tout est arrivé en bon état.",
    ),
    "es": (
        "Por favor, retengan el contenedor hasta que nos paguen.",
        "No aceptamos los gastos de almacenaje de su factura.",
        "Nuestra nueva cuenta bancaria figura más abajo.",
        "¿Cuándo llega el buque?",
        "El precinto estaba roto cuando llegó el camión.",
        "Gracias, todo llegó en buen estado.",
    ),
    "it": (
        "Vi preghiamo di trattenere il container finché non saremo pagati.",
        "Non accettiamo le spese di deposito della vostra fattura.",
        "Il nostro nuovo conto bancario è indicato qui sotto.",
        "Quando arriva la nave?",
        "Il sigillo era rotto quando è arrivato il camion.",
        "Grazie, è arrivato tutto in buono stato.",
    ),
    "pt": (
        "Por favor, retenham o contentor até sermos pagos.",
        "Não aceitamos os custos de armazenagem da vossa fatura.",
        "A nossa nova conta bancária está indicada abaixo.",
        "Quando chega o navio?",
        "O selo estava partido quando o camião chegou.",
        "Obrigado, chegou tudo em bom estado.",
    ),
    "pl": (
        "Prosimy zatrzymać kontener, dopóki nie otrzymamy zapłaty.",
        "Nie akceptujemy kosztów składowania na Państwa fakturze.",
        "Nasze nowe konto bankowe podano poniżej.",
        "Kiedy przypływa statek?",
        "Plomba była zerwana, kiedy przyjechała ciężarówka.",
        "Dziękujemy, wszystko dotarło w dobrym stanie.",
    ),
}
LOADED = (0.0137, -0.0351, -0.0174, -0.073, 0.0317, -0.0385, -0.0302, 0.0206)
"""First numbers of ``SAID["en"][0]`` as a query, by the engine that the weights were made for (e5.c)."""


@pytest.fixture(scope="module")
def encoder(model_packs: Packs) -> Iterator[E5Small]:
    made = open_multilingual_encoder(model_packs)
    yield made
    made.close()


async def test_it_is_an_encoder_whose_version_is_its_weights(encoder: E5Small, model_packs: Packs) -> None:
    port: Encoder = encoder
    assert len(port.version) == 64
    again = E5Small(model_packs.open("e5-small"))
    assert again.version == encoder.version
    again.close()


async def test_the_vector_is_the_one_its_makers_compute(encoder: E5Small) -> None:
    (vector,) = await encoder.encode([SAID["en"][0]], kind="query")
    assert vector.shape == (encoder.dimensions,)
    assert vector.dtype == np.float32
    assert np.allclose(vector[:8], LOADED, atol=2e-3)


@pytest.mark.parametrize("language", sorted(set(SAID) - {"en"}))
async def test_a_translation_is_nearest_to_its_original(encoder: E5Small, language: str) -> None:
    theirs = await encoder.encode(SAID[language], kind="query")
    english = await encoder.encode(SAID["en"], kind="query")
    assert np.allclose(np.linalg.norm(theirs, axis=1), 1, atol=1e-5)
    near = theirs @ english.T
    assert near.argmax(axis=1).tolist() == list(range(6))
    assert near.argmax(axis=0).tolist() == list(range(6))


async def test_a_vector_does_not_depend_on_the_company(model_packs: Packs) -> None:
    """Padding, batches and what was asked before must not leak: bit by bit the same."""
    lot = random.Random(7)
    words = " ".join(SAID["en"] + SAID["pl"]).split()
    texts = [" ".join(lot.choices(words, k=lot.randrange(1, 90))) for _ in range(40)]
    first, second = (E5Small(model_packs.open("e5-small")) for _ in range(2))
    together = await first.encode(texts)
    alone = np.concatenate([await second.encode([text]) for text in reversed(texts)])[::-1]
    assert np.array_equal(together, alone)
    assert np.array_equal(await first.encode(texts[::-1]), together[::-1])  # remembered ones
    query = await first.encode(texts[:1], kind="query")
    assert not np.array_equal(query[0], together[0])
    first.close()
    second.close()


async def test_many_at_once_are_each_right(encoder: E5Small) -> None:
    wanted = await encoder.encode(SAID["de"])
    found = await asyncio.gather(*(encoder.encode([text, text]) for text in SAID["de"]))
    for rows, vector in zip(found, wanted, strict=True):
        assert np.array_equal(rows, np.stack([vector, vector]))


async def test_a_long_text_is_windowed_and_said_so(encoder: E5Small) -> None:
    filler = "The weather at the terminal was calm and the cranes worked as planned. " * 60
    ending = "Container MSKU1234567 is contaminated with poison."
    report = await encoder.encode_reported(["short", filler, filler + ending])
    assert report.windows[0] == 1
    assert report.windows[1] > 1
    assert float(report.vectors[1] @ report.vectors[2]) < 0.9999, "the end of a long text was cut"
    again = await encoder.encode_reported([filler])
    assert again.windows[0] == report.windows[1]


@pytest.mark.parametrize(
    "text", ["", " ", "\0", "\ud800", "</s>", "🚢" * 500, "é" * 3000, "a\u0301" * 700, "x" * 20_000]
)
async def test_odd_texts_have_a_vector_too(encoder: E5Small, text: str) -> None:
    (vector,) = await encoder.encode([text])
    assert np.isfinite(vector).all()
    assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5


async def test_no_texts_are_no_rows(encoder: E5Small) -> None:
    assert (await encoder.encode([])).shape == (0, encoder.dimensions)


def test_another_pack_is_refused(model_packs: Packs) -> None:
    with pytest.raises(UsageError) as caught:
        E5Small(model_packs.open("minilm"))
    assert caught.value.code == "packs.no_file"


async def test_a_damaged_file_is_an_error_of_its_own(model_packs: Packs, tmp_path: Path) -> None:
    """The pack's hash says so first; a file that an administrator imported is only as good as its bytes."""
    whole = model_packs.open("e5-small").path("e5-small-q4.bin")
    cut = tmp_path / "e5-small-q4.bin"
    with whole.open("rb") as given:
        cut.write_bytes(given.read(60_000_000))

    class Given:
        name, hash = "own", "0" * 64

        def path(self, name: str) -> Path:
            return tmp_path / name

    encoder = E5Small(Given())
    with pytest.raises(DataError) as caught:
        await encoder.encode(["text"])
    assert caught.value.code == "models.weights"
    encoder.close()
