"""Search by a provider's embeddings, and without them while the provider is away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.errors import KnowledgeError
from server.knowledge.library import Library
from server.knowledge.remote import PAUSE_SECONDS, Remote
from tests.cli.scripted_daemon import Reply, ScriptedDaemon, Seen
from tests.clock import FakeClock

PATH = "POST /v1/embeddings"
SUBJECTS = ("маник", "педик", "волос")


def embedded(seen: Seen) -> Reply:
    """Vectors that know three subjects."""
    texts = json.loads(seen.body)["input"]
    vectors = [[2.0 * (subject in text.lower()) + 0.1 for subject in SUBJECTS] for text in texts]
    data = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
    return 200, {"object": "list", "model": "m", "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}}


@pytest.fixture
def provider() -> Iterator[ScriptedDaemon]:
    with ScriptedDaemon() as scripted:
        scripted.headers["Content-Type"] = "application/json"
        scripted.answers[PATH] = embedded
        yield scripted


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def library(provider: ScriptedDaemon, clock: FakeClock, folder: Path, tmp_path: Path) -> Library:
    remote = Remote(f"{provider.url}/v1/", "sk-for-tests", "text/embedding-3", clock)
    return Library(folder, tmp_path / "index", embedder=remote, clock=clock)


async def test_files_and_questions_are_embedded_by_the_provider(library: Library, provider: ScriptedDaemon) -> None:
    assert library.open().embedder == "openai-text-embedding-3"
    assert (await library.search("маникюр")).results
    assert {seen.headers["authorization"] for seen in provider.seen} == {"Bearer sk-for-tests"}
    assert json.loads(provider.seen[-1].body)["model"] == "text/embedding-3"


async def test_while_the_provider_is_away_words_alone_are_searched_and_it_is_left_alone(
    library: Library, provider: ScriptedDaemon, clock: FakeClock
) -> None:
    library.open()
    provider.answers[PATH] = (500, {"error": {"message": "away"}})
    asked = len(provider.seen)
    for _ in range(3):
        assert (await library.search("маникюр")).results
    assert len(provider.seen) == asked + 1
    clock.advance(PAUSE_SECONDS + 1)
    provider.answers[PATH] = embedded
    await library.search("маникюр")
    assert len(provider.seen) == asked + 2


def test_an_index_is_not_built_without_what_it_is_to_be_built_with(library: Library, provider: ScriptedDaemon) -> None:
    provider.answers[PATH] = (401, {"error": {"message": "wrong key"}})
    with pytest.raises(KnowledgeError, match="check OPENAI_API_KEY"):
        library.open()
