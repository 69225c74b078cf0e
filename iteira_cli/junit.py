"""Played scenarios as JUnit XML, the form in which CI servers read results of tests.

There is no standard; this is what Jenkins' and GitLab's readers agree on: `testsuites` with one `testsuite` for each
scenario, in it one `testcase` for each call, with a `failure` where the call did not go as written and an `error` where
it could not be made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from iteira_cli.errors import Failed, Usage
from iteira_cli.scenarios import Played, Rate, rates

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

UNSPEAKABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document can hold, not even escaped."""
CLASS = "iteira.simulate-call"


def check_place(path: Path) -> None:
    """Raises `Usage` before any call is made if nothing can be written there."""
    if path.is_dir():
        raise Usage(f"--junit {path}: a file is expected")
    if not path.parent.is_dir():
        raise Usage(f"--junit {path}: there is no folder {path.parent}")


def write(path: Path, played: Sequence[Played]) -> None:
    """Raises `Failed` if the file cannot be written: a pipeline that reads it must not see an old one."""
    try:
        path.write_bytes(document(played))
    except OSError as error:
        raise Failed(f"--junit {path}: the results cannot be written: {error.strerror}") from None


def document(played: Sequence[Played]) -> bytes:
    """The document in UTF-8. Times are seconds."""
    from xml.etree import ElementTree as Xml

    root = Xml.Element("testsuites", {"name": CLASS, **_counts(played)})
    for rate in rates(played):
        root.append(_suite(rate))
    Xml.indent(root)
    text: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _suite(rate: Rate) -> Element:
    from xml.etree import ElementTree as Xml

    source = rate.calls[0].source
    suite = Xml.Element("testsuite", {"name": _plain(source), **_counts(rate.calls)})
    for each in rate.calls:
        title = each.title if len(rate.calls) == 1 else f"{each.title} ({each.attempt} of {len(rate.calls)})"
        names = {"classname": f"{CLASS}.{_plain(source)}", "name": _plain(title), "time": f"{each.took:.3f}"}
        suite.append(_case(each, names | ({"file": _plain(str(each.file))} if each.file else {})))
    return suite


def _case(played: Played, names: dict[str, str]) -> Element:
    from xml.etree import ElementTree as Xml

    case = Xml.Element("testcase", names)
    problems = [f"«{each.said.text}»: {problem}" for each in played.outcomes for problem in each.problems]
    if played.error:
        Xml.SubElement(case, "error", {"message": _plain(played.error), "type": "call"})
    elif problems:
        failure = Xml.SubElement(case, "failure", {"message": _plain(problems[0]), "type": "scenario"})
        failure.text = _plain("\n".join(problems))
    Xml.SubElement(case, "system-out").text = _plain("\n".join(_conversation(played)))
    return case


def _conversation(played: Played) -> list[str]:
    lines = []
    for outcome in played.outcomes:
        lines.append(f"Вы: {outcome.said.text}")
        lines += [f"Консультант: {reply}" for reply in outcome.said.replies]
    return lines


def _counts(played: Sequence[Played]) -> dict[str, str]:
    return {
        "tests": str(len(played)),
        "failures": str(sum(not each.passed and each.error is None for each in played)),
        "errors": str(sum(each.error is not None for each in played)),
        "skipped": "0",
        "time": f"{sum(each.took for each in played):.3f}",
    }


def _plain(text: str) -> str:
    return UNSPEAKABLE.sub("\N{REPLACEMENT CHARACTER}", text)
