"""PDFs that inflate, hold themselves, or never end."""

from __future__ import annotations

import zlib
from pathlib import Path

import pypdf
from pypdf.generic import DecodedStreamObject, NameObject

from tests.knowledge.files import write_pdf


def a_pdf_that_inflates(path: Path) -> None:
    """A hundred megabytes of a page's content, packed twice."""
    write_pdf(path, [["Текст."]])
    writer = pypdf.PdfWriter(clone_from=path)
    stream = DecodedStreamObject()
    packed = zlib.compressobj(1)
    data = b"".join(packed.compress(b"BT (x) Tj ET " * 80_660) for _ in range(100)) + packed.flush()
    stream.set_data(zlib.compress(data, 1))
    encoded = pypdf.generic.EncodedStreamObject()
    encoded._data = stream.get_data()
    encoded[NameObject("/Filter")] = pypdf.generic.ArrayObject([NameObject("/FlateDecode")] * 2)
    writer.pages[0][NameObject("/Contents")] = writer._add_object(encoded)
    writer.write(path)


def a_pdf_whose_pages_hold_themselves(path: Path) -> None:
    write_pdf(path, [["Текст."]])
    content = path.read_bytes()
    path.write_bytes(content.replace(b"/Kids [5 0 R]", b"/Kids [2 0 R]"))


def a_pdf_of_a_thousand_million_pages(path: Path) -> None:
    write_pdf(path, [["Текст."]])
    content = path.read_bytes()
    path.write_bytes(content.replace(b"/Count 1 ", b"/Count 999999999 "))


def a_pdf_that_never_ends(path: Path) -> None:
    """Dictionaries in dictionaries, and no end of any."""
    path.write_bytes(b"%PDF-1.7\n1 0 obj\n" + b"<< /A [" * 50_000 + b"\ntrailer << /Root 1 0 R >>\nstartxref\n9\n%%EOF")
