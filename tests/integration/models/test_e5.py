"""The encoder of many languages on its real weights: translations are near, and remembered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pilothouse.app import open_multilingual_encoder
from pilothouse.kernel import DataError
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


async def test_what_is_remembered_is_remembered_as_what_it_was_asked_as(encoder: E5Small) -> None:
    asked = await encoder.encode(SAID["pl"], kind="query")
    said = await encoder.encode(SAID["pl"], kind="passage")
    assert not np.allclose(asked, said, atol=1e-3)
    assert np.array_equal(await encoder.encode(SAID["pl"], kind="query"), asked)


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
