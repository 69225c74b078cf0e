"""Files of any format that are not whole, not what their name says, or under a password."""

from __future__ import annotations

from pathlib import Path

import docx

from tests.knowledge.files import write_pdf
from tests.workbooks import write_workbook


def cut_off(path: Path) -> None:
    whole = path.with_name("whole.part")
    match path.suffix:
        case ".docx":
            docx.Document().save(str(whole))
        case ".pdf":
            write_pdf(whole, [["Текст."]])
        case _:
            write_workbook(whole.with_suffix(".xlsx")).rename(whole)
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    whole.unlink()


def of_another_kind(path: Path) -> None:
    """A document as a workbook, a workbook as a PDF, a page of the net as everything else."""
    match path.suffix:
        case ".xlsx":
            docx.Document().save(str(path))
        case ".pdf" | ".docx":
            write_workbook(path.with_name("whole.part.xlsx")).rename(path)
        case _:
            path.write_text("<html><table><tr><td>Маникюр</td></tr></table></html>", encoding="utf-8")


def under_a_password(path: Path) -> None:
    """The streams that Excel and Word write when a password is set, in the container of old Office files."""
    path.write_bytes(compound_file(["EncryptionInfo", "EncryptedPackage"]))


def compound_file(streams: list[str]) -> bytes:
    """A container of old Office files with these streams, each empty."""
    free, end, of_table = b"\xff\xff\xff\xff", b"\xfe\xff\xff\xff", b"\xfd\xff\xff\xff"
    header = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(16)
        + b"\x3e\x00\x03\x00\xfe\xff\x09\x00\x06\x00"
        + bytes(6)
        + bytes(4)
        + (1).to_bytes(4, "little")
        + (1).to_bytes(4, "little")
        + bytes(4)
        + (4096).to_bytes(4, "little")
        + end
        + bytes(4)
        + end
        + bytes(4)
        + bytes(4)
        + free * 108
    )
    table = of_table + end + free * 126
    entries = b""
    for number, name in enumerate(["Root Entry", *streams]):
        encoded = name.encode("utf-16-le")
        right = number + 1 if 0 < number < len(streams) else 0xFFFFFFFF
        child = 1 if number == 0 else 0xFFFFFFFF
        entries += (
            encoded.ljust(64, b"\0")
            + (len(encoded) + 2).to_bytes(2, "little")
            + (b"\x05" if number == 0 else b"\x02")
            + b"\x01"
            + free
            + right.to_bytes(4, "little")
            + child.to_bytes(4, "little")
            + bytes(36)
            + end
            + bytes(8)
        )
    return header + table + entries.ljust(512, b"\0")
