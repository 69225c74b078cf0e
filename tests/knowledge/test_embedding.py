"""What the rest relies on of the embedder."""

from __future__ import annotations

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


async def test_the_light_embedder_finds_by_meaning_and_tells_what_is_not_there(folder: Path, tmp_path: Path) -> None:
    library = Library(folder, tmp_path / "index", embedder="use", clock=FakeClock())
    assert library.open().embedder == "use"
    known, unknown = await library.search("покрасить волосы"), await library.search("закажите такси в аэропорт")
    assert dict(known.results[0].document.fields)["Услуга"] == "Окрашивание волос"
    assert known.confidence > 0.3 > unknown.confidence
