"""The two embedded encoders side by side: sentences a CPU-second, memory, and whether a translation is found.

Each runs in a process of its own, on one thread. Speed: distinct made sentences of about 20 tokens, never
remembered ones. Found: of twelve near sentences of the trade, how many are nearest to their own original
among the English twelve (R@1), in seven languages.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from typing import Any

import psutil

from pilothouse.app import open_encoder, open_multilingual_encoder

SENTENCES = {
    "en": """Please do not release the container until we have been paid.
You may release the container, we have been paid.
The claim against the buyer is settled, our stop is lifted.
We do not accept the storage charges on your invoice.
We have paid the storage charges on your invoice.
From now on another haulier will collect the container.
Please pay to our new bank account.
When does the vessel arrive?
The original bill of lading is attached.
The seal was broken when the truck came.
The seal number on the paper is wrong, the seal is whole.
The floor of the container has a hole.""",
    "de": """Bitte geben Sie den Container nicht frei, bis wir bezahlt worden sind.
Sie dürfen den Container freigeben, wir sind bezahlt worden.
Der Streit mit dem Käufer ist beigelegt, unsere Sperre ist aufgehoben.
Wir erkennen die Lagerkosten auf Ihrer Rechnung nicht an.
Wir haben die Lagerkosten auf Ihrer Rechnung bezahlt.
Ab jetzt holt ein anderer Spediteur den Container ab.
Bitte zahlen Sie auf unser neues Bankkonto.
Wann kommt das Schiff an?
Das Original-Konnossement liegt bei.
Das Siegel war gebrochen, als der Lkw kam.
Die Siegelnummer auf dem Papier ist falsch, das Siegel ist heil.
Der Boden des Containers hat ein Loch.""",
    "nl": """Geef de container niet vrij totdat wij betaald zijn.
U mag de container vrijgeven, wij zijn betaald.
Het geschil met de koper is opgelost, onze blokkade is opgeheven.
Wij gaan niet akkoord met de opslagkosten op uw factuur.
Wij hebben de opslagkosten op uw factuur betaald.
Voortaan haalt een andere vervoerder de container op.
Betaal alstublieft op onze nieuwe bankrekening.
Wanneer komt het schip aan?
Het originele cognossement is bijgevoegd.
De verzegeling was verbroken toen de vrachtwagen kwam.
Het zegelnummer op het papier klopt niet, het zegel is heel.
De vloer van de container heeft een gat.""",
    "fr": """Ne libérez pas le conteneur tant que nous ne sommes pas payés.
Vous pouvez libérer le conteneur, nous avons été payés.
Le litige avec l'acheteur est réglé, notre blocage est levé.
Nous n'acceptons pas les frais de stockage de votre facture.
Nous avons payé les frais de stockage de votre facture.
Désormais, un autre transporteur viendra chercher le conteneur.
Veuillez payer sur notre nouveau compte bancaire.
Quand le navire arrive-t-il ?
Le connaissement original est joint.
Le plomb était brisé quand le camion est arrivé.
Le numéro de plomb sur le papier est faux, le plomb est intact.
Le plancher du conteneur a un trou.""",
    "es": """No entreguen el contenedor hasta que nos hayan pagado.
Pueden entregar el contenedor, ya nos han pagado.
La disputa con el comprador está resuelta, nuestro bloqueo queda levantado.
No aceptamos los gastos de almacenaje de su factura.
Hemos pagado los gastos de almacenaje de su factura.
A partir de ahora otro transportista recogerá el contenedor.
Por favor, paguen a nuestra nueva cuenta bancaria.
¿Cuándo llega el buque?
Se adjunta el conocimiento de embarque original.
El precinto estaba roto cuando llegó el camión.
El número de precinto del papel es erróneo, el precinto está intacto.
El suelo del contenedor tiene un agujero.""",
    "it": """Non consegnate il container finché non saremo stati pagati.
Potete consegnare il container, siamo stati pagati.
La lite con l'acquirente è risolta, il nostro blocco è revocato.
Non accettiamo le spese di deposito della vostra fattura.
Abbiamo pagato le spese di deposito della vostra fattura.
D'ora in poi un altro trasportatore ritirerà il container.
Vi preghiamo di pagare sul nostro nuovo conto bancario.
Quando arriva la nave?
La polizza di carico originale è allegata.
Il sigillo era rotto quando è arrivato il camion.
Il numero del sigillo sul documento è sbagliato, il sigillo è intatto.
Il pavimento del container ha un buco.""",
    "pt": """Não libertem o contentor até sermos pagos.
Podem libertar o contentor, já fomos pagos.
O litígio com o comprador está resolvido, o nosso bloqueio foi levantado.
Não aceitamos os custos de armazenagem da vossa fatura.
Pagámos os custos de armazenagem da vossa fatura.
A partir de agora outro transportador vai buscar o contentor.
Por favor, paguem para a nossa nova conta bancária.
Quando chega o navio?
O conhecimento de embarque original está anexado.
O selo estava partido quando o camião chegou.
O número do selo no papel está errado, o selo está inteiro.
O chão do contentor tem um buraco.""",
    "pl": """Prosimy nie wydawać kontenera, dopóki nie otrzymamy zapłaty.
Mogą Państwo wydać kontener, otrzymaliśmy zapłatę.
Spór z kupującym jest zakończony, nasza blokada jest zniesiona.
Nie akceptujemy kosztów składowania na Państwa fakturze.
Zapłaciliśmy koszty składowania z Państwa faktury.
Od teraz kontener odbierze inny przewoźnik.
Prosimy płacić na nasze nowe konto bankowe.
Kiedy przypływa statek?
Oryginalny konosament jest w załączniku.
Plomba była zerwana, kiedy przyjechała ciężarówka.
Numer plomby na papierze jest błędny, plomba jest cała.
Podłoga kontenera ma dziurę.""",
}
COUNT, ALONE = 400, 60


def _made() -> list[str]:
    """Return distinct sentences of about 20 tokens from the words of all languages."""
    lot = random.Random(3)
    words = {name: text.replace("\n", " ").split() for name, text in SENTENCES.items()}
    return [" ".join(lot.choices(words[lot.choice(list(words))], k=12)) for _ in range(COUNT + ALONE)]


async def _measure(name: str) -> dict[str, Any]:
    process = psutil.Process()
    before, began = process.memory_info().rss, time.process_time()
    encoder = open_encoder() if name == "minilm" else open_multilingual_encoder()
    await encoder.encode(["first"])
    load = time.process_time() - began
    sentences = _made()
    made, last = sentences[:COUNT], sentences[COUNT:]
    began = time.process_time()
    await encoder.encode(made, kind="query")
    rate = len(made) / (time.process_time() - began)
    began = time.process_time()
    for text in last:
        await encoder.encode([text], kind="query")
    alone = len(last) / (time.process_time() - began)
    english = await encoder.encode(SENTENCES["en"].split("\n"), kind="query")
    found: dict[str, int] = {}
    for language in list(SENTENCES)[1:]:
        theirs = await encoder.encode(SENTENCES[language].split("\n"), kind="query")
        found[language] = sum(int(best) == at for at, best in enumerate((theirs @ english.T).argmax(axis=1)))
    encoder.close()
    memory = process.memory_info().rss - before
    return {"load": load, "memory": memory / 1e6, "rate": rate, "alone": alone, "found": found}


def _child(name: str, pipe: Any) -> None:
    pipe.send(asyncio.run(_measure(name)))


def _main() -> None:
    measured: dict[str, dict[str, Any]] = {}
    for name in ("e5-small", "minilm"):
        here, there = multiprocessing.Pipe()
        child = multiprocessing.get_context("spawn").Process(target=_child, args=(name, there))
        child.start()
        measured[name] = here.recv()
        child.join()
    e5, minilm = measured["e5-small"], measured["minilm"]
    print(f"{'':34}{'e5-small':>10}{'minilm':>10}{'ratio':>8}")
    rows = {
        "sentences/CPU-s, together": "rate",
        "sentences/CPU-s, one by one": "alone",
        "first vector after CPU-s": "load",
        "memory, MB more": "memory",
    }
    for title, key in rows.items():
        print(f"{title:34}{e5[key]:10.1f}{minilm[key]:10.1f}{e5[key] / minilm[key]:8.2f}")
    each = len(SENTENCES["en"].split("\n"))
    for language, right in e5["found"].items():
        print(f"{f'translation found, {language}':34}{right:>7}/{each}{minilm['found'][language]:>7}/{each}")


if __name__ == "__main__":
    _main()
