"""What the rest relies on of the embedder."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from server.knowledge.embedding import E5, USE, Embedder
from server.knowledge.library import Library
from tests.clock import FakeClock

MODELS = pytest.mark.parametrize("model", [E5(), USE()], ids=["e5", "use"])


@MODELS
def test_vectors_have_length_1_and_lie_near_to_each_other_where_the_meaning_does(model: Embedder) -> None:
    hair, dentist = model.passages(["Окрашивание волос в один тон", "Лечение зубов под наркозом"])
    question = model.query("покрасить голову")
    assert np.linalg.norm(hair) == np.float32(1) or abs(np.linalg.norm(hair) - 1) < 1e-3
    assert question @ hair > question @ dentist


@MODELS
def test_several_threads_at_once_get_the_vectors_that_one_gets(model: Embedder) -> None:
    questions = [f"сколько стоит услуга номер {number} " * (1 + number % 3) for number in range(12)]
    alone = [model.query(question) for question in questions]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(model.query, questions * 2))
    for vector, expected in zip(together, alone * 2, strict=True):
        np.testing.assert_allclose(vector, expected, atol=1e-5)


@pytest.mark.parametrize("model", ["E5", "USE"])
def test_no_text_makes_an_embedder_write_beyond_its_memory(model: str) -> None:
    """In a process of its own, since one that does is aborted. U+FDFA is eighteen letters when it is composed."""
    ask = f"from server.knowledge.embedding import {model}\nm = {model}()\nfor n in (8, 12, 400): m.query('\ufdfa' * n)"
    tell = "m.passages(['\ufdfa' * 30] * 3)"
    asked = subprocess.run([sys.executable, "-c", f"{ask}\n{tell}"], capture_output=True, text=True)
    assert asked.returncode == 0, asked.stderr


async def test_the_light_embedder_finds_by_meaning_and_tells_what_is_not_there(folder: Path, tmp_path: Path) -> None:
    library = Library(folder, tmp_path / "index", embedder="use", clock=FakeClock())
    assert library.open().embedder == "use"
    known, unknown = await library.search("покрасить волосы"), await library.search("закажите такси в аэропорт")
    assert dict(known.results[0].document.fields)["Услуга"] == "Окрашивание волос"
    assert known.confidence > 0.3 > unknown.confidence
