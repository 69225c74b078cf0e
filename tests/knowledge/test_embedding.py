"""What the rest relies on of the embedder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from server.knowledge.embedding import E5


def test_vectors_have_length_1_and_lie_near_to_each_other_where_the_meaning_does() -> None:
    model = E5()
    hair, dentist = model.passages(["Окрашивание волос в один тон", "Лечение зубов под наркозом"])
    question = model.query("покрасить голову")
    assert np.linalg.norm(hair) == np.float32(1) or abs(np.linalg.norm(hair) - 1) < 1e-3
    assert question @ hair > question @ dentist


def test_several_threads_at_once_get_the_vectors_that_one_gets() -> None:
    model = E5()
    questions = [f"сколько стоит услуга номер {number} " * (1 + number % 3) for number in range(12)]
    alone = [model.query(question) for question in questions]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(model.query, questions * 2))
    for vector, expected in zip(together, alone * 2, strict=True):
        np.testing.assert_allclose(vector, expected, atol=1e-5)
