"""Semantic search by a provider's embeddings: any OpenAI-compatible endpoint, asked over HTTP."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

import numpy as np
from openai import OpenAI, OpenAIError

from server.clock import Clock
from server.errors import KnowledgeError
from server.knowledge.embedding import EmbedderUnavailable, Vector

log = logging.getLogger(__name__)

QUESTION_SECONDS = 3.0
"""How long a caller's question waits for its vector; after it words alone are searched."""
PASSAGES_SECONDS = 60.0
PAUSE_SECONDS = 30.0
"""How long nobody is asked after a question stayed without a vector: callers do not wait for an outage."""


class Remote:
    """The embeddings of a provider. One for the life of a process."""

    def __init__(self, base_url: str, api_key: str, model: str, clock: Clock) -> None:
        self._client = OpenAI(base_url=base_url, api_key=api_key, max_retries=0)
        self._model, self._clock = model, clock
        self._away_until = 0.0

    @property
    def name(self) -> str:
        """With the model, whose vectors cannot be compared with another's."""
        return f"openai-{re.sub(r'[^a-zA-Z0-9]+', '-', self._model)}"

    def query(self, text: str) -> Vector:
        """Raises `EmbedderUnavailable` while the provider is away."""
        if self._clock.now() < self._away_until:
            raise EmbedderUnavailable("the provider of embeddings is away")
        try:
            vector: Vector = self._embedded([text], QUESTION_SECONDS)[0]
        except OpenAIError as error:
            self._away_until = self._clock.now() + PAUSE_SECONDS
            log.warning("words alone are searched for %g s: no embedding (%s)", PAUSE_SECONDS, type(error).__name__)
            raise EmbedderUnavailable("the provider of embeddings does not answer") from error
        return vector

    def passages(self, texts: Sequence[str]) -> Vector:
        """Raises `KnowledgeError` where the provider does not answer: an index without meaning would hide it."""
        try:
            return self._embedded(texts, PASSAGES_SECONDS)
        except OpenAIError as error:
            raise KnowledgeError(
                f"the provider does not embed the company's files ({type(error).__name__}); check OPENAI_API_KEY, "
                "OPENAI_BASE_URL and knowledge.embedding_model, or set knowledge.embedder to 'e5'"
            ) from error

    def comparable(self, cosines: Vector) -> Vector:
        """By the spread of the question's own cosines: what another model's mean has to be seen in each question. The
        target is e5's mean of 0.81 and spread of 0.014."""
        spread = float(cosines.std())
        if spread < np.finfo(np.float32).eps:
            return np.full_like(cosines, 0.81)
        scaled: Vector = np.float32(0.014 / spread) * (cosines - cosines.mean()) + np.float32(0.81)
        return scaled

    def _embedded(self, texts: Sequence[str], seconds: float) -> Vector:
        """A row of length 1 for each text."""
        answer = self._client.embeddings.create(
            input=list(texts), model=self._model, encoding_format="float", timeout=seconds
        )
        vectors = np.array([each.embedding for each in answer.data], dtype=np.float32)
        lengths: Vector = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.maximum(lengths, np.finfo(np.float32).eps)).astype(np.float32)
