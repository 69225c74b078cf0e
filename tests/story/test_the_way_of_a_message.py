"""A guided tour: what happens to a caller's words from the webhook to the reply he hears."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from tests.daemon import TOKEN, documented, real, running_daemon, settings_for
from tests.polling import eventually
from tests.scripted_talkme import Answer, ScriptedTalkMe


async def say(daemon: httpx.AsyncClient, text: str, user: str = "anna") -> httpx.Response:
    return await daemon.post("/webhook/talkme", json=documented(text, user))


async def test_a_caller_who_greets_is_greeted(daemon: httpx.AsyncClient, talkme: ScriptedTalkMe) -> None:
    answer = await say(daemon, "Привет")
    assert answer.status_code == 200
    assert answer.json() == {
        "success": True,
        "session_id": "session-of-anna",
        "message": "Сообщение отправлено",
        "end_conversation": False,
    }
    (greeting,) = talkme.sent(TOKEN)
    assert greeting.startswith("Здравствуйте!")


async def test_a_question_is_answered_with_what_stands_in_the_excel_file(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    await say(daemon, "Сколько стоит классический маникюр?")
    (price,) = talkme.sent()
    assert "Маникюр классический" in price
    assert "48 рублей" in price


async def test_the_form_that_talkme_really_sends_is_understood(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    answer = await daemon.post("/webhook/talkme", json=real("Привет"))
    assert (answer.status_code, answer.json()["session_id"]) == (200, "3120")
    session = (await daemon.get("/webhook/talkme/session/xI4WylKDvtas")).json()
    assert (session["user_id"], session["client_name"], session["phone_number"]) == ("xI4WylKDvtas", None, None)


async def test_talkme_is_told_the_turn_by_which_logs_and_timeline_know_it(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    await say(daemon, "До свидания")
    session = (await daemon.get("/webhook/talkme/session/anna")).json()
    assert {call.turn for call in talkme.calls} == {session["transcript"][0]["message_id"]}


async def test_a_slash_at_the_end_of_the_address_does_no_harm(daemon: httpx.AsyncClient) -> None:
    assert (await daemon.post("/webhook/talkme/", json=real())).status_code == 200


async def test_the_caller_sees_typing_while_the_reply_is_composed(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    await say(daemon, "Привет")
    typing = await eventually(lambda: talkme.of("simulateTyping"))
    assert (typing[0].token, typing[0].body) == (TOKEN, {"ttl": 15})


async def test_a_goodbye_ends_the_dialog_after_the_last_words(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    answer = await say(daemon, "Спасибо, до свидания")
    assert answer.json()["end_conversation"] is True
    spoken = [call for call in talkme.calls if call.method != "simulateTyping"]
    assert [call.method for call in spoken] == ["send", "finish"]
    assert spoken[1].body == {"code": "SUCCESS"}


async def test_a_reply_was_sent_though_talkme_does_not_answer_that_the_dialog_is_ended(
    folder: Path, talkme: ScriptedTalkMe
) -> None:
    of_a_turn = {"message_timeout": 2, "reply_wait": 0.05}
    settings = settings_for(folder, talkme.url, server=of_a_turn, agent={"timeout": 1}, talkme={"timeout": 1.5})
    talkme.script["finish"].extend([Answer(until=asyncio.Event())] * 10)
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url) as daemon:
        farewell = real("Спасибо, до свидания", message_id=1)
        await daemon.post("/webhook/talkme", json=farewell)

        async def states() -> set[str]:
            session = (await daemon.get("/webhook/talkme/session/xI4WylKDvtas")).json()
            return {line["state"] for line in session["transcript"]}

        await eventually(states, lambda states: states == {"sent"})
        assert (await daemon.post("/webhook/talkme", json=farewell)).status_code == 200
    assert len(talkme.sent()) == 1


async def test_who_asks_for_a_human_is_handed_over(daemon: httpx.AsyncClient, talkme: ScriptedTalkMe) -> None:
    answer = await say(daemon, "Соедините меня с оператором")
    assert answer.json()["end_conversation"] is True
    assert [call.body for call in talkme.of("finish")] == [{"code": "OPERATOR_REQUEST"}]


async def test_a_name_once_given_belongs_to_the_session(daemon: httpx.AsyncClient, talkme: ScriptedTalkMe) -> None:
    await say(daemon, "Здравствуйте, меня зовут Анна")
    assert "Анна" in talkme.sent()[0]
    session = (await daemon.get("/webhook/talkme/session/anna")).json()
    assert (session["client_name"], session["gender"]) == ("Анна", "female")


async def test_what_is_not_in_the_files_is_admitted(daemon: httpx.AsyncClient, talkme: ScriptedTalkMe) -> None:
    await say(daemon, "Какая погода будет в Лондоне в пятницу?")
    assert "точного ответа у меня нет" in talkme.sent()[0]


async def test_the_same_message_delivered_twice_is_answered_once(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    first, second = await asyncio.gather(*(daemon.post("/webhook/talkme", json=real(message_id=1)) for _ in range(2)))
    assert first.json() == second.json()
    assert len(talkme.sent()) == 1


async def test_yes_said_twice_is_answered_twice(daemon: httpx.AsyncClient, talkme: ScriptedTalkMe) -> None:
    await asyncio.gather(say(daemon, "да"), say(daemon, "да"))
    assert len(talkme.sent()) == 2


async def test_replies_of_a_session_leave_in_the_order_of_its_messages(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    held = asyncio.Event()
    talkme.script["send"].append(Answer(until=held))
    first = asyncio.create_task(say(daemon, "Привет"))
    await eventually(talkme.sent)
    second = asyncio.create_task(say(daemon, "Сколько стоит классический маникюр?"))

    async def waiting() -> object:
        return (await daemon.get("/webhook/talkme/stats")).json()["queue"]["depth"]

    await eventually(waiting, lambda depth: depth == 2)
    assert len(talkme.sent()) == 1, "the second reply must not leave before the first has been delivered"
    held.set()
    assert [(await answer).status_code for answer in (first, second)] == [200, 200]
    greeting, price = talkme.sent()
    assert greeting.startswith("Здравствуйте!")
    assert "48 рублей" in price


async def test_a_slow_call_does_not_hold_up_the_others(daemon: httpx.AsyncClient, talkme: ScriptedTalkMe) -> None:
    held = asyncio.Event()
    talkme.script["send"].append(Answer(until=held))
    slow = asyncio.create_task(say(daemon, "Привет", user="anna"))
    await eventually(talkme.sent)
    assert (await say(daemon, "Привет", user="boris")).status_code == 200
    assert not slow.done()
    held.set()
    assert (await slow).status_code == 200


async def test_a_dropped_connection_to_talkme_is_not_the_end(daemon: httpx.AsyncClient, talkme: ScriptedTalkMe) -> None:
    talkme.script["send"].append(Answer(drop=True))
    answer = await say(daemon, "Привет")
    assert (answer.status_code, answer.json()["message"]) == (200, "Сообщение отправлено")
    assert len(talkme.sent()) == 2


async def test_a_message_that_talkme_refuses_fails_visibly_and_is_tried_again_when_it_comes_again(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    talkme.script["send"].extend(Answer(status=500) for _ in range(3))
    failed = await daemon.post("/webhook/talkme", json=real("Привет"))
    assert failed.status_code == 502
    assert failed.json()["success"] is False
    assert failed.json()["error"]
    assert (await daemon.get("/webhook/talkme/stats")).json()["errors"] == 1
    again = await daemon.post("/webhook/talkme", json=real("Привет"))
    assert (again.status_code, again.json()["message"]) == (200, "Сообщение отправлено")
    assert len(set(talkme.sent())) == 1, "the stored reply is sent again, not a new one"


async def test_a_wrong_token_is_not_tried_three_times(daemon: httpx.AsyncClient, talkme: ScriptedTalkMe) -> None:
    refusal = Answer(body={"success": False, "error": {"descr": "Неверный токен"}})
    talkme.script["send"].append(refusal)
    assert (await say(daemon, "Привет")).status_code == 502
    assert len(talkme.sent()) == 1


async def test_the_transcript_shows_what_was_said(daemon: httpx.AsyncClient, talkme: ScriptedTalkMe) -> None:
    await say(daemon, "Привет")
    lines = (await daemon.get("/webhook/talkme/session/anna")).json()["transcript"]
    assert [(line["role"], line["text"], line["state"]) for line in lines] == [
        ("caller", "Привет", "sent"),
        ("consultant", talkme.sent()[0], "sent"),
    ]
