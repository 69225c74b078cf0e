"""What the offline consultant makes of the first words of a call: intent, name, gender, telephone number.

    python -m benchmarks.openings FILE

FILE has one JSON object a line: `text`; `intent` and `intent_alt`; `name`, `gender` and `phone`, each possibly null.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from server.consultant.callers import said_of_himself
from server.consultant.intents import Intent, intent

NAMES = {
    Intent.EMERGENCY: "operator",
    Intent.TROUBLE: "operator",
    Intent.OPERATOR: "operator",
    Intent.ROBOT: "question",
    Intent.MANIPULATION: "injection",
    Intent.OTHERS: "third_party_data",
    Intent.SWEARING: "profanity",
    Intent.APPOINTMENT: "booking",
    Intent.CONTACT: "contact",
    Intent.LATER: "goodbye",
    Intent.WRONG_NUMBER: "goodbye",
    Intent.OWN_NAME: "question",
    Intent.UNCLEAR: "silence",
    Intent.REPEAT: "silence",
    Intent.HEARING: "silence",
    Intent.YES: "yes",
    Intent.NO: "no",
    Intent.GOODBYE: "goodbye",
    Intent.GREETING: "greeting",
    Intent.INTRODUCTION: "introduction",
    Intent.THANKS: "thanks",
    Intent.QUESTION: "question",
}
"""Our intents in the words of the file."""
ASPECTS = ("intent", "name", "gender", "phone")


def main(path: Path, region: str = "BY") -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    openings = [json.loads(line) for line in lines if line.strip()]
    right = dict.fromkeys(ASPECTS, 0)
    for opening in openings:
        heard = understood(opening["text"], region)
        for aspect in ASPECTS:
            if fits(opening, aspect, heard[aspect]):
                right[aspect] += 1
            else:
                print(f"{aspect}: {heard[aspect]} instead of {opening[aspect]}: {opening['text']}")
    for aspect, count in right.items():
        print(f"{aspect:7} {count}/{len(openings)}")


def understood(text: str, region: str) -> dict[str, str | None]:
    """What the consultant makes of one opening."""
    himself = said_of_himself(text, region)
    return {
        "intent": NAMES[intent(text)],
        "name": himself.name,
        "gender": himself.gender,
        "phone": himself.phone,
    }


def fits(opening: dict[str, Any], aspect: str, heard: str | None) -> bool:
    if aspect == "intent":
        return heard in (opening["intent"], *opening.get("intent_alt", ()))
    return _plain(heard) == _plain(opening.get(aspect))


def _plain(value: str | None) -> str | None:
    return value.lower().replace("ё", "е") if value else None


if __name__ == "__main__":
    main(Path(sys.argv[1]))
