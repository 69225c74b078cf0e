"""The index: all documents, ranked for one question by words and meaning together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from server.knowledge.base import Document, Finding, Findings
from server.knowledge.confidence import Evidence, confidence
from server.knowledge.embedding import Vector
from server.knowledge.lexical import Lexical
from server.knowledge.price import asks_price, has_price
from server.knowledge.spelling import Spelling
from server.knowledge.words import lemmas, terms

LEXICAL_WEIGHT = 0.08
"""What a perfect lexical match is worth in cosine: cosines of this model lie between 0.75 and 0.95, and differ by less
than 0.05 between the right row and its neighbours."""
PRICE_FACTOR = 1.25
"""A matching word's worth in a row with a price when a price is asked: «маникюр» also stands in a discount's terms."""


class Index:
    """Immutable once built; safe to use from several threads."""

    def __init__(self, documents: Sequence[Document], vectors: Vector | None) -> None:
        """`documents` holds at least one; `vectors` has a row for each of them, or is None for lexical search alone."""
        self.documents = tuple(documents)
        self.vectors = vectors
        searched = [_searched(document) for document in documents]
        self._lexical = Lexical(searched)
        self._spelling = Spelling(searched)
        self._factors = np.array([PRICE_FACTOR if has_price(document) else 1.0 for document in documents], np.float32)

    def mended(self, query: str) -> str:
        """The query with misheard words put right by the words of the documents."""
        return self._spelling.mended(query)

    def search(self, query: str, vector: Vector | None, limit: int) -> Findings:
        """The best documents, best first; `vector` is the question's, None for lexical search alone."""
        asked = list(dict.fromkeys(terms(query)))
        scores = self._lexical.scores(asked)
        if asks_price(query):
            scores = scores * self._factors
        cosines = None
        if self.vectors is not None and vector is not None:
            cosines = self.vectors @ vector
            scores = cosines + np.float32(LEXICAL_WEIGHT) * scores
        order = np.argsort(-scores, kind="stable")[:limit]
        found = tuple(Finding(self.documents[at], float(scores[at])) for at in order if scores[at] > 0)
        if not found:
            return Findings(query, 0.0)
        best = int(order[0])
        evidence = Evidence(
            coverage=self._lexical.coverage(asked, best),
            words=len(set(lemmas(query))),
            cosine=None if cosines is None else float(cosines[best]),
        )
        return Findings(query, confidence(evidence), found)


def _searched(document: Document) -> str:
    """The words in which a document is looked for: of a row its values, for its column names stand in every row."""
    return "\n".join(value for _, value in document.fields) or document.text
