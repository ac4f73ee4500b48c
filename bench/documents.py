"""Reading documents: pages a CPU-second, and fields right on made scans, beside pdfium alone and tesseract.

    python bench/documents.py [--pdf FOLDER] [--scans 6] [--seed 11]

Text: every PDF of FOLDER (or a made one) through the whole reader, in this process, against pdfium's text
without boxes or any look at what is hidden. Scans: made bills of lading with 20 fields each, clean, noisy
(grain, blur, a tilt of 2 degrees) and as a bad photo (perspective, shadow, blur, JPEG), through our reader
and Debian's tesseract where it is installed, the same pixels to both. A field is right when its value
stands in the text, letter for letter. CPU time of this process and of its children. The last lines are wall
times through the cage: the first document of a parser, and the next.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pilothouse.documents import ReadLimits, open_documents
from pilothouse.documents.adapters.job import Job
from pilothouse.documents.adapters.worker import read_bytes
from pilothouse.labels import Integrity, Label, Origin

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "integration" / "documents"))
from made import Page, pdf

FONT = "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf"
NAMES = (
    "Shipper",
    "Consignee",
    "Notify",
    "Vessel",
    "Voyage",
    "B/L No",
    "Booking",
    "Container",
    "Seal",
    "Gross kg",
)
ORIGIN = Origin(
    source="s", object="o", key={}, field="f", version="1", read_at=datetime(2026, 1, 1, tzinfo=UTC)
)
LABEL = Label(readers=frozenset(), integrity=Integrity.UNTRUSTED, origin=ORIGIN)


def cpu() -> float:
    own, below = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + below.ru_utime + below.ru_stime


def ours(data: bytes) -> dict[str, Any]:
    # Pages compared by lot cost a recognition each: left out, the figure is of the text layer.
    return read_bytes(Job.of(ReadLimits(compared=0.0), read_bytes), data, "", "", 0)


def field(name: str, draw: random.Random) -> str:
    letters = "".join(draw.choices("ABCDEFGHJKLMNPRSTUVWXYZ", k=4))
    words = ("Nordic", "Atlas", "Hansa", "Coral", "Meridian", "Baltic", "Orient", "Delta")
    firms = ("Trading", "Foods", "Logistics", "Metals", "Textiles")
    values = {
        "Shipper": f"{draw.choice(words)} {draw.choice(firms)} GmbH",
        "Consignee": f"{draw.choice(words)} {draw.choice(firms)} SARL",
        "Notify": f"{draw.choice(words)} {draw.choice(firms)} BV",
        "Vessel": f"{draw.choice(words)} {draw.choice(words)}",
        "Voyage": f"{draw.randrange(100, 999)}W",
        "B/L No": f"HLCU{letters[:3]}{draw.randrange(10**8, 10**9)}",
        "Booking": f"{draw.randrange(10**9, 10**10)}",
        "Container": f"{letters[:3]}U{draw.randrange(10**6, 10**7)}",
        "Seal": f"ML-{letters[:2]}{draw.randrange(10**5, 10**6)}",
        "Gross kg": f"{draw.randrange(10, 28)}.{draw.randrange(100, 999)},{draw.randrange(10, 99)}",
    }
    return values[name]


def bill(draw: random.Random) -> tuple[Image.Image, list[str]]:
    """A page at 150 dpi with two blocks of ten fields and some prose."""
    image = Image.new("L", (1240, 1754), 255)
    pen, values = ImageDraw.Draw(image), list[str]()
    small, large = ImageFont.truetype(FONT, 22), ImageFont.truetype(FONT, 36)
    pen.text((90, 70), "BILL OF LADING", font=large, fill=10)
    for n, name in enumerate(NAMES * 2):
        value = field(name, draw)
        values.append(value)
        x, y = 90 + 570 * (n // 10), 170 + 80 * (n % 10)
        pen.rectangle((x - 10, y - 8, x + 540, y + 62), outline=90)
        pen.text((x, y - 4), name, font=ImageFont.truetype(FONT, 15), fill=60)
        pen.text((x, y + 22), value, font=small, fill=15)
    for n in range(14):
        words = "received in apparent good order and condition unless otherwise stated herein by the carrier"
        pen.text((90, 1020 + 34 * n), f"{n + 1}. {words}", font=ImageFont.truetype(FONT, 18), fill=25)
    return image, values


def noisy(image: Image.Image, draw: random.Random) -> Image.Image:
    grain = Image.blend(image, Image.effect_noise(image.size, 90), 0.22).filter(ImageFilter.GaussianBlur(0.8))
    return grain.rotate(draw.choice((-2, 2)), expand=False, fillcolor=225, resample=Image.Resampling.BICUBIC)


def photo(image: Image.Image, draw: random.Random) -> Image.Image:
    wide, high = image.size
    shift = [draw.randrange(10, 60) for _ in range(8)]
    quad = (
        -shift[0],
        -shift[1],
        -shift[2],
        high + shift[3],
        wide + shift[4],
        high + shift[5],
        wide + shift[6],
        -shift[7],
    )
    bent = image.transform(image.size, Image.Transform.QUAD, quad, Image.Resampling.BICUBIC, fillcolor=110)
    shadow = Image.linear_gradient("L").resize(image.size).point(lambda v: 120 + v // 2)
    dim = Image.composite(bent, Image.new("L", image.size, 40), shadow)
    soft = Image.blend(dim, Image.effect_noise(image.size, 60), 0.12).filter(ImageFilter.GaussianBlur(1.3))
    held = io.BytesIO()
    soft.rotate(draw.uniform(-4, 4), fillcolor=90, resample=Image.Resampling.BICUBIC).save(
        held, "JPEG", quality=45
    )
    return Image.open(held).convert("L")


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def tesseract(data: bytes) -> str:
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        file.write(data)
        file.flush()
        # One thread: its workers spin while they wait, and a busy machine would count that.
        ran = subprocess.run(
            ["tesseract", file.name, "-", "--dpi", "150"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
    return ran.stdout


def text_layer(folder: Path | None) -> None:
    if folder is None:
        pages = [Page() for _ in range(20)]
        for page in pages:
            for n in range(45):
                page.write(
                    72, 760 - 15 * n, f"line {n} of the terms under which container MSCU{n:07} is carried"
                )
        files = [pdf(pages)]
    else:
        files = [p.read_bytes() for p in sorted(folder.iterdir()) if p.suffix.lower() == ".pdf"]

    def bare(data: bytes) -> int:
        import pypdfium2

        document = pypdfium2.PdfDocument(data)
        return len([document[n].get_textpage().get_text_range() for n in range(len(document))])

    rates: dict[str, float] = {}
    for name, read in (("pdfium, text only", bare), ("ours", lambda data: len(ours(data)["pages"]))):
        read(files[0])
        began = cpu()
        count = sum(read(data) for data in files)
        rates[name] = count / (cpu() - began)
        print(f"text PDF   {name:18} {rates[name]:8.1f} pages/cpu-s ({count} pages)")
    ratio = rates["ours"] / rates["pdfium, text only"]
    print(f"text PDF   ratio {ratio:.2f} (boxes, hidden words, ink outside: ours only)")


def scans(count: int, seed: int) -> None:
    readers: dict[str, Callable[[bytes], str]] = {"ours": lambda data: ours(data)["text"]}
    if shutil.which("tesseract"):
        readers["tesseract"] = tesseract
    ours(png(bill(random.Random(0))[0]))
    kinds: dict[str, Callable[[Image.Image, random.Random], Image.Image]] = {
        "clean": lambda image, _: image,
        "noisy": noisy,
        "photo": photo,
    }
    for kind, spoil in kinds.items():
        draw = random.Random(seed)
        made = [(png(spoil(image, draw)), values) for image, values in (bill(draw) for _ in range(count))]
        for name, read in readers.items():
            began, right, total = cpu(), 0, 0
            for data, values in made:
                text = " ".join(read(data).split())
                right += sum(value in text for value in values)
                total += len(values)
            cost = (cpu() - began) / count
            print(f"scan {kind:6} {name:10} {right:4}/{total} fields right, {cost:5.2f} cpu-s a page")


async def caged() -> None:
    small = pdf([Page().write(72, 700, "Release order MSCU1234566")])
    scan = png(bill(random.Random(3))[0].crop((0, 0, 700, 400)))
    async with open_documents(parsers=1) as documents:
        for name, data in (
            ("first PDF", small),
            ("next PDF", small + b"\n"),
            ("first scan", scan),
            ("next scan", scan + b"\0"),
        ):
            began = time.perf_counter()
            await documents.read(data, label=LABEL)
            print(f"in the cage, {name:10} {(time.perf_counter() - began) * 1000:7.0f} ms wall")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pdf", type=Path)
    parser.add_argument("--scans", type=int, default=6)
    parser.add_argument("--seed", type=int, default=11)
    given = parser.parse_args()
    text_layer(given.pdf)
    scans(given.scans, given.seed)
    asyncio.run(caged())
