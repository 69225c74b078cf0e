"""The HTTP interface as Markdown, written from the OpenAPI document of the daemon: `make docs`."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from server.app import create_app
from server.settings import Knowledge, Settings

HEAD = """# HTTP interface

Written by `make docs` from the daemon's own `/openapi.json`; a test fails when it is stale.

TalkMe calls one path, the [webhook](webhook.md), whose fields, statuses and repetitions are explained there. Health
is for load balancers, and says nothing about callers. Everything else is administration: it wants `Authorization:
Bearer …`, and who may do what is told in [security](security.md). Without a token configured it answers programs of
the same machine only:

```
curl http://127.0.0.1:8000/webhook/talkme/stats
curl -H "Authorization: Bearer $ITEIRA_ADMIN__TOKEN" https://your.domain/knowledge-base/status
```

The commands of `iteira` use these paths and print these documents with `--json` ([cli.md](cli.md)).

Answers are JSON. Times are ISO 8601 in UTC, durations seconds. A refusal has a status from 400 on and
`{"success": false, "error": "…"}` with what was wrong and what is expected. Who is refused and after how much: [who
comes in](gate.md).
"""
Document = Mapping[str, Any]
_LONG_NAME = re.compile(r"^.*__")


def api() -> str:
    """The whole document."""
    document = asyncio.run(_document())
    common = _common(document)
    parts = [HEAD, _overview(document), _refusals(common)]
    for tag, operations in _by_tag(document).items():
        parts.append(f"## {tag.capitalize()}\n")
        parts += [line for operation in operations for line in _operation(*operation, common)]
    parts += ["## Objects\n", *_objects(document)]
    return "\n".join(parts).rstrip() + "\n"


async def _document() -> Document:
    """As a program of the daemon's own machine gets it."""
    app = create_app(Settings(knowledge=Knowledge(embedder="none")))  # the embedder takes long to load
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 40_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        document: Document = (await client.get("/openapi.json")).raise_for_status().json()
    return document


def _common(document: Document) -> dict[str, str]:
    """Refusals that most routes have, by their status."""
    all_of_them = [operation for operations in _by_tag(document).values() for _, _, operation in operations]
    told = Counter(each for operation in all_of_them for each in _answers(operation) if each[0] >= "400")
    return {status: said for (status, said), often in told.items() if 2 * often > len(all_of_them)}


def _refusals(common: Mapping[str, str]) -> str:
    rows = [f"| {status} | {said} |" for status, said in sorted(common.items())]
    if not rows:
        return ""
    said = "Every path of the administration may be refused like this; what it refuses besides is told with it."
    return "\n".join(["## Refusals\n", f"{said}\n", "| status | |\n| --- | --- |", *rows, ""])


def _answers(operation: Document) -> Iterator[tuple[str, str]]:
    """Status, and what it means with what is answered."""
    for status, answer in operation["responses"].items():
        said = "" if answer.get("description") == "Successful Response" else _said(answer.get("description"))
        yield status, ": ".join(filter(None, [said, _content(answer)]))


def _by_tag(document: Document) -> dict[str, list[tuple[str, str, Document]]]:
    found: dict[str, list[tuple[str, str, Document]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found.setdefault(operation.get("tags", ["other"])[0], []).append((path, method.upper(), operation))
    return found


def _overview(document: Document) -> str:
    rows = [
        f"| [`{method} {path}`](#{_anchor(f'{method} {path}')}) | {_said(operation.get('description'))} |"
        for operations in _by_tag(document).values()
        for path, method, operation in operations
    ]
    return "\n".join(["| path | |", "| --- | --- |", *rows, ""])


def _anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _operation(path: str, method: str, operation: Document, common: Mapping[str, str]) -> Iterator[str]:
    yield f"### {method} {path}\n"
    yield f"{_said(operation.get('description'))}\n"
    if parameters := operation.get("parameters"):
        yield "| parameter | expected | |\n| --- | --- | --- |"
        for one in parameters:
            schema = one.get("schema", {})
            given = schema.get("default")
            default = f"default `{json.dumps(given, ensure_ascii=False)}`" if given is not None else ""
            said = _said(one.get("description") or schema.get("description"))
            told = "; ".join(filter(None, [said, default]))
            yield f"| `{one['name']}` in the {one['in']} | {_kind(schema)} | {told} |"
        yield ""
    if body := operation.get("requestBody"):
        yield f"Body: {_content(body)}\n"
    yield "| status | |\n| --- | --- |"
    yield from (f"| {status} | {said} |" for status, said in _answers(operation) if common.get(status) != said)
    yield ""


def _content(part: Document) -> str:
    kinds = []
    for kind, content in part.get("content", {}).items():
        form = _kind(content.get("schema", {}))
        kinds.append(form if kind == "application/json" else f"`{kind}`")
    return " or ".join(dict.fromkeys(filter(None, kinds)))


def _objects(document: Document) -> Iterator[str]:
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        yield f"### {_short(name)}\n"
        if "description" in schema:
            yield f"{_said(schema['description'])}\n"
        if "enum" in schema:
            yield f"One of {_kind(schema)}.\n"
            continue
        required = schema.get("required", ())
        yield "| field | is | |\n| --- | --- | --- |"
        for key, part in schema.get("properties", {}).items():
            optional = "" if key in required or "default" in part else " Not always there."
            yield f"| `{key}` | {_kind(part)} | {_said(part.get('description'))}{optional} |"
        yield ""


def _kind(schema: Document) -> str:
    """What a value is, in words; objects by a link to their own table."""
    if "$ref" in schema:
        name = _short(schema["$ref"].rpartition("/")[2])
        return f"[{name}](#{_anchor(name)})"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(map(_kind, schema[several])))
    if values := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return ", ".join(f"`{value}`" for value in values)
    return _simple(schema)


def _simple(schema: Document) -> str:
    match schema.get("type"):
        case "array":
            return f"list of {_kind(schema.get('items', {}))}"
        case "object":
            values = schema.get("additionalProperties")
            if "properties" in schema:
                return _said(schema.get("title")) or "object"
            return f"object of {_kind(values)}" if isinstance(values, dict) and values else "object"
        case "string":
            return "time (ISO 8601)" if schema.get("format") == "date-time" else "text"
        case str() as kind:
            return kind + _range(schema)
    return ""


def _range(schema: Document) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    return f" from {least} to {most}" if least is not None and most is not None else ""


def _short(name: str) -> str:
    """Objects of the same name in two modules carry the modules' names in the document."""
    module = _LONG_NAME.match(name)
    return name if module is None else f"{name[module.end() :]} of {module[0].removesuffix('__').rpartition('__')[2]}"


def _said(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(api())
