"""What the mock model says: by a script, else out of the prompt it was given, as a model that never invents would.

A script is a TOML file of answers. The first that fits what the caller said last is given:

    [[answer]]
    match = "маникюр"             # regular expression, any case; without it every message fits
    times = 1                     # how often it is given; without it always
    text = "Маникюр — 42 рубля."
    call = [{ name = "remember_client", arguments = { name = "Анна" } }]
    status = 429                  # in place of an answer: an error of the provider
    first_token = 1.5             # seconds; otherwise as the mock was started
    tokens_per_second = 20
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

KNOWLEDGE = re.compile(r".*<сведения>\s*(.*?)\s*</сведения>", re.DOTALL)
"""Where the daemon's prompt holds the rows it has found, the best first; its rules may name the brackets before."""
CALLER = re.compile(r"<реплика>\s*(.*?)\s*</реплика>", re.DOTALL)
DIALOG = re.compile(r"<разговор>\s*(.*?)\s*</разговор>", re.DOTALL)
"""A dialog to be summarised."""
SUMMARY_LENGTH = 400
"""Characters of it that are repeated as its summary."""
ROW_BREAK = "\n---\n"
COLUMN = re.compile(r"^(?P<name>[^:\n]{1,40}): (?P<value>.+)$", re.MULTILINE)
COLUMNS_TOLD = 3
STEM = 5
"""Letters at the beginning of a word that its forms share, near enough for a mock."""

NAME = re.compile(r"\bменя зовут\s+([А-ЯЁа-яёA-Za-z-]+)", re.IGNORECASE)
GOODBYE = re.compile(r"до свидани|всего доброго|всего хорошего|\bпока\b", re.IGNORECASE)
OPERATOR = re.compile(r"оператор|администратор|жив\w+ человек|с человеком|менеджер", re.IGNORECASE)
IRRELEVANT = re.compile(r"ошиб\w+ номером|предлагаем (?:вам )?(?:кредит|рекламу|продвижение)", re.IGNORECASE)
GREETING = re.compile(r"здравствуй|привет|добр\w+ (?:день|утро|вечер)|алл?[оё]", re.IGNORECASE)

UNKNOWN = "К сожалению, такой информации у меня нет. Соединить вас с администратором?"
INVENTED = "Эта услуга стоит 7777 рублей, а телефон мастера +375 29 000-00-00."
"""What the fault `model_invent` says further: a price and a number that stand nowhere."""


class ScriptError(ValueError):
    """A script that cannot be used; the text names file, place and what is expected."""


class FunctionCall(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    arguments: dict[str, Any] = {}


class Answer(BaseModel):
    """One answer of the model. Times are seconds."""

    model_config = ConfigDict(extra="forbid")

    match: re.Pattern[str] | None = None
    times: Annotated[int, Field(ge=1)] | None = None
    text: str = ""
    call: list[FunctionCall] = []
    status: Annotated[int, Field(ge=400, le=599)] | None = None
    first_token: Annotated[float, Field(ge=0)] | None = None
    tokens_per_second: Annotated[float, Field(gt=0)] | None = None

    @field_validator("match", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return re.compile(value, re.IGNORECASE)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None


class ScriptFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    answer: Annotated[list[Answer], Field(min_length=1)]


class Script:
    """Answers in the order in which they are looked through."""

    def __init__(self, answers: Sequence[Answer] = ()) -> None:
        self._answers = answers
        self._given = [0] * len(answers)

    def answer(self, text: str) -> Answer | None:
        """What the script says to `text`, if anything."""
        for number, answer in enumerate(self._answers):
            spent = answer.times is not None and self._given[number] >= answer.times
            if not spent and (answer.match is None or answer.match.search(text)):
                self._given[number] += 1
                return answer
        return None


def read_script(path: Path) -> Script:
    """The script in a TOML file. Raises `ScriptError`."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return Script(ScriptFile.model_validate(content).answer)
    except OSError as error:
        raise ScriptError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScriptError(f"{path} is not TOML in UTF-8: {error}") from None
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part + 1) if isinstance(part, int) else part for part in problem["loc"])
        raise ScriptError(f"{path}: {place}: {problem['msg']}") from None


def by_itself(messages: Sequence[Mapping[str, str]], functions: Collection[str]) -> Answer:
    """What a careful model would say to the last of `messages` (`role`, `content`), out of the prompt alone.

    It decides only by the functions it was offered.
    """
    said = next((message["content"] for message in reversed(messages) if message["role"] == "user"), "")
    if dialog := DIALOG.search(said):
        return Answer(text=" ".join(dialog[1].split())[:SUMMARY_LENGTH])
    said = words(said)
    instructions = "\n".join(message["content"] for message in messages if message["role"] == "system")
    answer = _on_occasion(said) or Answer(text=_known(instructions, said))
    return answer.model_copy(update={"call": [call for call in answer.call if call.name in functions]})


def words(content: str) -> str:
    """What the caller said, without the brackets that a prompt puts around it."""
    caller = CALLER.search(content)
    return caller[1] if caller else content


def _on_occasion(said: str) -> Answer | None:
    """What is said without looking anything up."""
    if name := NAME.search(said):
        called = name[1].capitalize()
        return _answer(f"Очень приятно, {called}! Чем могу помочь?", "remember_client", name=called)
    if OPERATOR.search(said):
        return _answer("Соединяю вас с администратором, оставайтесь на линии.", "transfer_to_operator", reason="просит")
    if IRRELEVANT.search(said):
        return _answer("Извините, с этим я помочь не могу.", "irrelevant")
    if GOODBYE.search(said):
        return _answer("Всего доброго, будем рады вас видеть!", "end_conversation")
    if GREETING.search(said) and len(said.split()) <= len(("добрый", "день", "девушка")):
        return Answer(text="Здравствуйте! Чем могу помочь?")
    return None


def _answer(text: str, function: str, **arguments: str) -> Answer:
    return Answer(text=text, call=[FunctionCall(name=function, arguments=arguments)])


def _known(instructions: str, said: str) -> str:
    """The row of the prompt that shares most words with what was said."""
    found = KNOWLEDGE.search(instructions)
    rows = found[1].split(ROW_BREAK) if found else []
    asked = _stems(said)
    best = max(rows, key=lambda row: len(asked & _stems(row)), default="")
    return _told(best) if asked & _stems(best) else UNKNOWN


def _stems(text: str) -> set[str]:
    return {word[:STEM].lower().replace("ё", "е") for word in re.findall(r"\w{4,}", text)}


def _told(row: str) -> str:
    """A row as one would say it; of a question with its answer, the answer."""
    columns = [(match["name"], match["value"]) for match in COLUMN.finditer(row)]
    for name, value in columns:
        if "ответ" in name.lower():
            return value
    if not columns:
        return " ".join(row.split())
    (_, title), *others = columns
    return f"{title}: {', '.join(_column(*column) for column in others[:COLUMNS_TOLD])}."


def _column(name: str, value: str) -> str:
    """«Длительность, мин: 45» is «длительность 45 мин»."""
    what, _, unit = name.partition(", ")
    return f"{what.lower()} {value} {unit}".strip()
