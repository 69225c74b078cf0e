"""A real daemon whose consultant is OpenAI's, with the mock as its TalkMe and its model: `iteira dev --llm`."""

from __future__ import annotations

from pathlib import Path

import httpx

from mock_server.app import create_app
from mock_server.caller import open_call
from mock_server.openai_api import Model
from mock_server.serving import Server
from tests.daemon import running_daemon, settings_for
from tests.mock.serving import in_thread

SHIPPED = Path(__file__).parents[2] / "knowledge"


async def test_a_whole_conversation_with_the_openai_consultant_needs_nothing_but_the_mock(tmp_path: Path) -> None:
    app = create_app(model=Model(first_token=0, tokens_per_second=10_000))
    with in_thread(Server(app)) as mock:
        settings = settings_for(
            tmp_path,
            f"{mock}/",
            agent={"provider": "openai", "base_url": f"{mock}/v1", "api_key": "any"},
            knowledge={"path": SHIPPED},
        )
        async with running_daemon(settings) as daemon, httpx.AsyncClient(trust_env=False) as http:
            call = await open_call(http, daemon=daemon, mock=mock)
            said = [
                await call.say(text)
                for text in ("Меня зовут Анна", "Сколько стоит маникюр мужской?", "Спасибо, до свидания")
            ]
            session = (await http.get(f"{daemon}/webhook/talkme/session/{call.dialog['clientId']}")).json()
            app.state.speaker.daemon = daemon
            turns = (await http.get(f"{mock}/calls/{call.dialog['id']}/turns")).json()["turns"]
            health = (await http.get(f"{daemon}/webhook/talkme/health")).json()

    assert [each.error for each in said] == [None] * 3
    assert "Анна" in said[0].replies[0]
    assert "45" in said[1].replies[0]
    assert [each.end_conversation for each in said] == [False, False, True]
    assert session["client_name"] == "Анна"
    assert health["status"] == "ok", health
    assert [(turn["text"], turn["state"]) for turn in turns] == [(each.text, "sent") for each in said]
    assert turns[1]["timeline"][0]["event"] == "accepted"
    assert {"knowledge", "consultant", "send"} <= {event["event"] for event in turns[1]["timeline"]}
