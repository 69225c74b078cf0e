"""What is asked of the model provider: as much of OpenAI's requests as has an effect here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

DIMENSIONS = 256
"""Of an embedding for which no number is asked."""


class Part(BaseModel):
    type: str
    text: str = ""


class Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class Function(BaseModel):
    name: str


class Tool(BaseModel):
    type: Literal["function"]
    function: Function


class StreamOptions(BaseModel):
    include_usage: bool = False


class Completion(BaseModel):
    """What is read of a request; whatever else the API knows is accepted and has no effect."""

    model_config = ConfigDict(extra="allow")

    model: Annotated[str, Field(min_length=1)]
    messages: Annotated[list[Message], Field(min_length=1)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    tools: list[Tool] = []
    tool_choice: Literal["none", "auto", "required"] | Tool = "auto"

    @property
    def functions(self) -> set[str]:
        """Those that the model may call."""
        return set() if self.tool_choice == "none" else {tool.function.name for tool in self.tools}


class Embedding(BaseModel):
    model: Annotated[str, Field(min_length=1)]
    input: Annotated[str | list[str] | list[int] | list[list[int]], Field(min_length=1)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, Field(ge=1, le=4096)] = DIMENSIONS

    @property
    def texts(self) -> list[str]:
        """Tokens are numbers of a vocabulary that this model does not have: they are taken for words."""
        if isinstance(self.input, str):
            return [self.input]
        if isinstance(self.input[0], int):
            return [" ".join(map(str, self.input))]
        return [item if isinstance(item, str) else " ".join(map(str, item)) for item in self.input]
