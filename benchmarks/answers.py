"""What callers hear, and which paragraph is found: `python -m benchmarks.answers DIR [--embedder e5|use|none]`.

`DIR` holds `salon/` (`kb/`, and questions with `facts` as JSON lines) and `xquad-ru-dev.json` (`paragraphs` and
`questions`); what is not there is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from server.clock import SystemClock
from server.consultant.base import Inquiry
from server.consultant.offline import OfflineConsultant
from server.consultant.phrases import Phrases
from server.conversation.query import look_up
from server.knowledge import contents, folder
from server.knowledge.base import Findings
from server.knowledge.confidence import MIN_CONFIDENCE
from server.knowledge.library import Library
from server.models import Session

KINDS = ("price", "faq", "natural")
PRICE = re.compile(r"(\d+(?:,\d+)?)\s+(?:белорусских\s+)?рубл")


def plain(text: str) -> str:
    return text.lower().replace("ё", "е").replace("\xa0", " ")


def holds(said: str, fact: str) -> bool:
    """Whether the fact is said; a number must not be the end of another one."""
    start = r"(?<!\d)" if fact[:1].isdigit() else ""
    return bool(re.search(start + re.escape(plain(fact)), plain(said)))


async def said_to(consultant: OfflineConsultant, text: str, findings: Findings) -> str:
    session = Session("anna", "anna", created_at=0, last_activity=0, conversation_since=0)
    parts = [part async for part in consultant.reply(Inquiry(session, (), text, findings))]
    return "".join(part for part in parts if isinstance(part, str))


def rows_meant(question: dict[str, Any], rows: dict[tuple[str, str], str]) -> str:
    places = ((each["file"], f"{each['sheet']}!{each['row']}") for each in question["expected"])
    return " ".join(rows.get(place, "") for place in places)


async def facts(data: Path, embedder: str, index: Path) -> None:
    """Required facts that are said, and answers with prices none of which is of a service that was meant."""
    library = Library(data / "kb", index, embedder=embedder, clock=SystemClock())
    library.open()
    documents = contents.read(data / "kb", folder.paths(data / "kb")).documents
    rows = {(each.source, each.location): each.text for each in documents}
    consultant = OfflineConsultant(Phrases("Здравствуйте!", "До свидания!"), MIN_CONFIDENCE)
    asked, right, wrong = Counter[str](), Counter[str](), list[str]()
    for file in ("questions-dev.jsonl", "natural-dev.jsonl"):
        for question in map(json.loads, (data / file).read_text(encoding="utf-8").splitlines()):
            said = await said_to(consultant, question["text"], await look_up(library, question["text"], ()))
            prices = PRICE.findall(said)
            if prices and not any(holds(rows_meant(question, rows), price) for price in prices):
                wrong.append(f"{question['kind']}: {question['text']} → {said}")
            if question["kind"] in KINDS and question["facts"]:
                asked[question["kind"]] += 1
                right[question["kind"]] += all(any(holds(said, each) for each in group) for group in question["facts"])
    for kind in KINDS:
        print(f"facts said, {kind}: {right[kind]} of {asked[kind]}")
    print(f"facts said: {right.total()} of {asked.total()} ({100 * right.total() / asked.total():.0f} %)")
    print(f"answers that state the price of another service alone, of all questions: {len(wrong)}")
    for each in wrong:
        print(f"  {each}")


async def paragraphs(file: Path, embedder: str, place: Path) -> None:
    """Recall of the paragraph that answers, each paragraph a Markdown file of its own."""
    data = json.loads(file.read_text(encoding="utf-8"))
    texts = place / "xquad"
    texts.mkdir()
    for each in data["paragraphs"]:
        (texts / f"{each['id']}.md").write_text(f"# {each['title']}\n\n{each['text']}\n", encoding="utf-8")
    library = Library(texts, place / "xquad-index", embedder=embedder, clock=SystemClock())
    library.open()
    found = Counter[int]()
    for question in data["questions"]:
        results = (await library.search(question["question"], 12)).results
        ids = list(dict.fromkeys(Path(each.document.source).stem for each in results))
        for at in (1, 5):
            found[at] += str(question["paragraph"]) in ids[:at]
    for at in (1, 5):
        print(f"paragraphs, recall@{at}: {found[at] / len(data['questions']):.3f}")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--embedder", default="e5")
    given = parser.parse_args()
    salon, xquad = given.data / "salon", given.data / "xquad-ru-dev.json"
    with tempfile.TemporaryDirectory() as scratch:
        if salon.exists():
            await facts(salon, given.embedder, Path(scratch, "salon"))
        if xquad.exists():
            await paragraphs(xquad, given.embedder, Path(scratch))


if __name__ == "__main__":
    asyncio.run(main())
