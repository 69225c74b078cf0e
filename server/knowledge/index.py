"""The index: all documents, ranked for one question by words and meaning together."""

from __future__ import annotations

import numpy as np

from server.knowledge.base import Finding, Findings
from server.knowledge.confidence import Evidence, confidence
from server.knowledge.embedding import Embedder, Vector
from server.knowledge.lexical import Lexical
from server.knowledge.price import asks_price, has_price
from server.knowledge.saved import Saved
from server.knowledge.spelling import Spelling
from server.knowledge.synonyms import Synonyms, everyday
from server.knowledge.words import lemmas, terms

LEXICAL_WEIGHT = np.float32(0.07)
"""What a perfect lexical match is worth in cosine: cosines of this model lie between 0.75 and 0.95, and differ by less
than 0.05 between the right row and its neighbours."""
PRICE_WORTH = np.float32(0.015)
"""What a price is worth in cosine when a price is asked: «маникюр» also stands in a discount's terms."""
PRICE_GAIN = np.float32(0.25)
"""By how much more the words of a row with a price count then, where words alone are searched."""


class Index:
    """Immutable once built; safe to use from several threads."""

    def __init__(self, saved: Saved, embedder: Embedder | None) -> None:
        """`embedder` is the one that `saved` was made with."""
        self.documents = saved.contents.found.documents
        self._meanings, self._embedder = saved.meanings, embedder
        self._lexical = Lexical(saved.postings)
        self._spelling = Spelling(saved.vocabulary)
        known = frozenset(saved.postings.terms)
        self._synonyms = Synonyms(saved.contents.found.synonyms, everyday(), known)
        self._priced: Vector = np.array([has_price(document) for document in self.documents], np.float32)

    def understood(self, query: str) -> str:
        """What is looked for: the query with misheard words put right, and with the files' words for what it says."""
        return self._synonyms.widened(self._spelling.mended(query))

    def search(self, query: str, understood: str, vector: Vector | None, limit: int) -> Findings:
        """The best documents, best first; `vector` is that of the `understood` query, None for words alone."""
        asked = list(dict.fromkeys(terms(understood)))
        matches = self._lexical.matches(asked)
        scores = matches.scores()
        cosines = self._cosines(vector)
        if cosines is not None:
            scores = cosines + LEXICAL_WEIGHT * scores
        if asks_price(query):
            if cosines is None:
                scores = scores * (1 + PRICE_GAIN * self._priced)
            else:
                scores = scores + PRICE_WORTH * self._priced
        order = (-scores).argsort(kind="stable")[:limit]
        places, worths = order.tolist(), scores[order].tolist()
        found = tuple(
            [Finding(self.documents[at], worth) for at, worth in zip(places, worths, strict=True) if worth > 0]
        )
        if not found:
            return Findings(query, 0.0, understood=understood)
        best = places[0]
        evidence = Evidence(
            coverage=matches.coverage(best),
            words=len(set(lemmas(understood))),
            cosine=None if cosines is None else float(cosines[best]),
        )
        return Findings(query, confidence(evidence), found, understood)

    def _cosines(self, vector: Vector | None) -> Vector | None:
        if self._meanings is None or self._embedder is None or vector is None:
            return None
        return self._embedder.comparable(self._meanings.nearness(vector))
