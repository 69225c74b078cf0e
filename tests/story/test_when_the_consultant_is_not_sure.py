"""What the offline consultant is not sure of it asks back; what it does not know it admits, and not for ever."""

from __future__ import annotations

import pytest

from server.consultant.base import TransferToOperator
from server.consultant.rows import told
from server.knowledge.base import Document
from tests.story.offline import MANICURE, PEDICURES, PHRASES, reply


@pytest.mark.parametrize(
    ("found", "question"),
    [
        ([MANICURE], "Вы спрашиваете: «маникюр классический»?"),
        (PEDICURES[1:2], "Вы спрашиваете: «Сколько держится педикюр»?"),
        (PEDICURES[1:3], "Уточните, пожалуйста: «Сколько держится педикюр» или «Педикюр мужской»?"),
    ],
)
async def test_what_is_uncertain_is_asked_back_and_told_after_a_yes(found: list[Document], question: str) -> None:
    assert await reply("а в Боровой делаете", confidence=0.55, found=found) == (question, [])
    words, decisions = await reply("да", replies=[question], found=found)
    assert (words, decisions) == (told(found[0], "да"), [])


async def test_after_a_no_to_the_question_it_asks_for_other_words() -> None:
    assert await reply("нет", replies=["Вы спрашиваете: «маникюр»?"]) == (PHRASES.other_words, [])


async def test_a_service_that_was_just_spoken_of_is_not_asked_back_again() -> None:
    words, _ = await reply("а это долго", confidence=0.55, replies=["Маникюр классический — 48 рублей."])
    assert words == "Маникюр классический — длительность 1 час."


async def test_below_the_confidence_it_admits_that_it_does_not_know() -> None:
    assert await reply("есть ли у вас парковка", confidence=0.4) == (PHRASES.unknown, [])


async def test_not_knowing_is_said_differently_each_time_and_ends_with_a_human() -> None:
    replies: list[str] = []
    for text in ("есть ли у вас сауна", "дреды плетете", "а хамам"):
        words, decisions = await reply(text, replies=replies)
        replies.append(words)
    assert len(set(replies)) == len(replies)
    assert PHRASES.transfer in words
    assert [type(decision) for decision in decisions] == [TransferToOperator]


async def test_an_answer_in_between_gives_it_new_patience() -> None:
    replies = [PHRASES.unknown, PHRASES.unknown_again, "48 рублей."]
    assert await reply("а хамам", replies=replies) == (PHRASES.unknown, [])


async def test_to_say_a_reply_again_is_no_new_failure() -> None:
    replies = [PHRASES.unknown, PHRASES.unknown]
    assert await reply("а хамам", replies=replies, asked="повторите") == (PHRASES.unknown, [])
