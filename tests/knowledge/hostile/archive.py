"""What several formats share: an archive of XML, and entities that become more than anybody can read."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

MEGABYTE = 1024**2
_LAUGHS = '<!DOCTYPE lolz [<!ENTITY a0 "ха">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
LAUGHS = f"{_LAUGHS}]>"
"""«ха» a thousand million times, as `&a9;`."""


def parts(path: Path, changed: Mapping[str, bytes | str]) -> None:
    """Replaces members of an archive, or adds them."""
    with zipfile.ZipFile(path) as archive:
        kept = {name: archive.read(name) for name in archive.namelist() if name not in changed}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in {**kept, **changed}.items():
            archive.writestr(name, content)
