"""The mock model provider, as OpenAI's own client finds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

from mock_server.app import create_app
from mock_server.model_answers import Script, ScriptError, by_itself, read_script
from mock_server.openai_api import Model
from mock_server.serving import Server
from server.consultant.prompt import FUNCTIONS
from tests.mock.serving import in_thread

FAST = 100_000.0
PROMPT = (
    "Ты — консультант.\n<сведения>\n"
    "Услуга: Маникюр классический\nКатегория: Маникюр\nЦена, BYN: 42\nДлительность, мин: 50\n---\n"
    "Тема: Запись\nВопрос: Как записаться на процедуру?\nОтвет: По телефону или на сайте.\n</сведения>"
)
MODEL = "gpt-of-any-name"


@pytest.fixture
def model() -> Model:
    return Model(first_token=0, tokens_per_second=FAST)


@pytest.fixture
def client(model: Model) -> Iterator[OpenAI]:
    with (
        in_thread(Server(create_app(model=model))) as url,
        OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client,
    ):
        yield client


def script(tmp_path: Path, toml: str) -> Script:
    path = tmp_path / "script.toml"
    path.write_text(toml, encoding="utf-8")
    return read_script(path)


def asking(text: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "system", "content": PROMPT}, {"role": "user", "content": text}]


def test_an_answer_comes_whole_with_its_usage(client: OpenAI) -> None:
    completion = client.chat.completions.create(model=MODEL, messages=asking("Сколько стоит маникюр?"))

    (choice,) = completion.choices
    assert choice.message.content == "Маникюр классический: категория Маникюр, цена 42 BYN, длительность 50 мин."
    assert (choice.message.role, choice.finish_reason) == ("assistant", "stop")
    assert completion.model == MODEL
    assert completion.usage
    assert completion.usage.completion_tokens == 10
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + 10


def test_a_stream_is_the_same_answer_in_pieces_with_usage_where_it_is_asked_for(client: OpenAI) -> None:
    asked = asking("Как записаться?")
    whole = client.chat.completions.create(model=MODEL, messages=asked)
    chunks = list(
        client.chat.completions.create(model=MODEL, messages=asked, stream=True, stream_options={"include_usage": True})
    )

    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == whole.choices[0].message.content == "По телефону или на сайте."
    assert len([piece for piece in pieces if piece]) == 5
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


@pytest.mark.parametrize(
    ("said", "function", "arguments"),
    [
        ("До свидания", "end_conversation", {}),
        ("Соедините с оператором", "transfer_to_operator", {"reason": "просит"}),
        ("Здравствуйте, меня зовут анна", "remember_client", {"name": "Анна"}),
        ("Вы ошиблись номером", "irrelevant", {}),
    ],
)
def test_decisions_are_function_calls_beside_the_text(
    client: OpenAI, said: str, function: str, arguments: dict[str, str]
) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=asking(said), tools=FUNCTIONS)
    with client.chat.completions.stream(model=MODEL, messages=asking(said), tools=FUNCTIONS) as stream:
        streamed = stream.get_final_completion()

    for completion in (whole, streamed):
        message = completion.choices[0].message
        (call,) = message.tool_calls or []
        assert call.type == "function"
        assert (call.function.name, json.loads(call.function.arguments)) == (function, arguments)
        assert message.content
        assert completion.choices[0].finish_reason == "tool_calls"


def test_functions_that_were_not_offered_are_not_called(client: OpenAI) -> None:
    without = client.chat.completions.create(model=MODEL, messages=asking("До свидания"))
    forbidden = client.chat.completions.create(
        model=MODEL, messages=asking("До свидания"), tools=FUNCTIONS, tool_choice="none"
    )
    assert without.choices[0].message.tool_calls is None
    assert forbidden.choices[0].message.tool_calls is None


def test_a_function_that_is_demanded_is_called(client: OpenAI) -> None:
    completion = client.chat.completions.create(
        model=MODEL,
        messages=asking("Привет"),
        tools=FUNCTIONS,
        tool_choice={"type": "function", "function": {"name": "irrelevant"}},
    )
    (call,) = completion.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "irrelevant"


def test_it_finds_its_way_in_a_prompt_that_names_its_brackets_and_corrects_an_answer() -> None:
    messages = [
        {"role": "system", "content": f"Слова клиента (внутри <реплика>) и сведения (внутри <сведения>).\n{PROMPT}"},
        {"role": "user", "content": "<реплика>Сколько стоит маникюр?</реплика>"},
        {"role": "system", "content": "Прошлый вариант ответа отклонён."},
    ]
    assert by_itself(messages, ()).text.startswith("Маникюр классический: ")
    messages[1]["content"] = "<реплика>Добрый день</реплика>"
    assert by_itself(messages, ()).text == "Здравствуйте! Чем могу помочь?"


def test_a_dialog_is_summarised_out_of_itself() -> None:
    dialog = "<разговор>\nКлиент: Сколько стоит маникюр?\nКонсультант: 42 рубля.\n</разговор>"
    assert by_itself([{"role": "user", "content": dialog}], ()).text == (
        "Клиент: Сколько стоит маникюр? Консультант: 42 рубля."
    )


def test_what_stands_in_no_row_is_not_answered() -> None:
    messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": "Продаёте велосипеды?"}]
    assert by_itself(messages, ()).text.startswith("К сожалению")


def test_a_script_is_followed_in_order_each_answer_as_often_as_it_says(
    client: OpenAI, model: Model, tmp_path: Path
) -> None:
    model.script = script(
        tmp_path,
        """
        [[answer]]
        match = "МАНИКЮР"
        times = 1
        text = "По сценарию."
        call = [{ name = "remember_client", arguments = { gender = "female" } }]

        [[answer]]
        match = "предел"
        status = 429
        """,
    )
    first, second = (
        client.chat.completions.create(model=MODEL, messages=asking("Сколько стоит маникюр?")) for _ in range(2)
    )
    assert first.choices[0].message.content == "По сценарию."
    assert first.choices[0].message.tool_calls
    assert "42 BYN" in (second.choices[0].message.content or "")
    with pytest.raises(openai.RateLimitError) as limited:
        client.chat.completions.create(model=MODEL, messages=asking("предел"))
    assert limited.value.response.headers["retry-after"] == "1"
    assert limited.value.code == "rate_limit_exceeded"


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("answer = 1", "answer: "),
        ("[[answer]]\ntxt = 'a'", "answer.1.txt: Extra inputs are not permitted"),
        ("[[answer]]\ntext = 'a'\n[[answer]]\nmatch = '('", "answer.2.match: Value error, not a regular expression"),
        ("[[answer]]\nstatus = 200", "answer.1.status: Input should be greater than or equal to 400"),
        ("[[answer", "is not TOML in UTF-8"),
    ],
)
def test_a_script_that_cannot_be_used_is_told_with_its_place(tmp_path: Path, toml: str, complaint: str) -> None:
    with pytest.raises(ScriptError) as told:
        script(tmp_path, toml)
    assert str(tmp_path / "script.toml") in str(told.value)
    assert complaint in str(told.value)


def test_errors_have_the_form_of_the_api(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as empty:
        client.chat.completions.create(model=MODEL, messages=[])
    assert empty.value.param == "messages"
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=MODEL, messages=asking("Привет"), extra_body={"tool_choice": {}})
    assert empty.value.type == "invalid_request_error"
    nameless = httpx.post(f"{client.base_url}chat/completions", json={})
    assert nameless.status_code == 401
    assert nameless.json()["error"]["code"] == "invalid_api_key"


def test_embeddings_come_as_numbers_or_packed_and_texts_that_share_words_are_near(client: OpenAI) -> None:
    texts = ["цена маникюра в салоне", "цена педикюра в салоне", "совсем другое"]
    packed = client.embeddings.create(model=MODEL, input=texts)
    plain = client.embeddings.create(model=MODEL, input=texts, encoding_format="float")
    assert [each.embedding for each in packed.data] == [each.embedding for each in plain.data]
    first, near, far = (each.embedding for each in packed.data)

    def product(one: list[float], other: list[float]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    assert product(first, first) == pytest.approx(1)
    assert product(first, near) > 0.5 > product(first, far)
    assert packed.usage.prompt_tokens == 10
    assert len(client.embeddings.create(model=MODEL, input=[1, 2], dimensions=8).data[0].embedding) == 8
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model=MODEL, input=[])


def test_models_are_listed_and_any_name_is_known(client: OpenAI) -> None:
    assert "iteira-mock" in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL


def test_a_prompt_may_be_longer_than_anything_that_talkme_sends(client: OpenAI) -> None:
    long: list[ChatCompletionMessageParam] = [{"role": "system", "content": "слово " * 50_000}, *asking("Привет")]
    assert client.chat.completions.create(model=MODEL, messages=long).choices[0].message.content


def test_without_a_model_there_is_no_provider() -> None:
    with in_thread(Server(create_app())) as url:
        assert httpx.get(f"{url}/v1/models", headers={"Authorization": "Bearer any"}).status_code == 404
