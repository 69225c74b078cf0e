"""Prices and durations as cells of a table hold them, in the words in which one says them."""

from __future__ import annotations

import re

AMOUNT = re.compile(
    r"(?P<bound>\b(?:от|до)\s+)?(?P<number>\d+(?:\s\d{3})*(?:[.,]\d+)?)(?P<range>\s*(?:[-–—]|до)\s*\d+(?:\s\d{3})*(?:[.,]\d+)?)?"
    r"(?P<currency>\s*(?:бел\.?\s*|б\.\s*)?(?:руб(?:\.|л[а-я]+\b|\b)|р\.|р\b|byn\b|br\b\.?))?",
    re.IGNORECASE,
)
FOREIGN = r"[$€₽£]|долл|евро|usd|eur|rub"
OTHER_CURRENCY = re.compile(FOREIGN, re.IGNORECASE)
AFTER_PRICE = re.compile(
    rf"\s*(?:$|[,;.(*+]|[/–—-]\s*[^\W\d]|за\b(?!\s*\d)|(?:со?|на|в|без|для|и|или|при|по|до|от)\b|{FOREIGN})",
    re.IGNORECASE,
)
"""What may stand behind a number that is the price; behind others is what they count, or one more number."""
MINUTES = re.compile(r"(\d+)\s*(мин(?:\.|ут[аы]?\b|\b))?", re.IGNORECASE)
SHORT_MINUTES = re.compile(r"\bмин\b\.?", re.IGNORECASE)
HOURS_COLUMN = re.compile(r"\bч(?:ас\w*)?\b", re.IGNORECASE)
MINUTES_COLUMN = re.compile(r"\bмин", re.IGNORECASE)


def priced(price: str) -> str:
    """With its currency as a word: «60» is «60 рублей», «от 4 за ноготь» is «от 4 рублей за ноготь».

    Where no number has a currency, the first one gets it, if it is a price and does not count something: «5 процедур —
    300» stays as it is, and so does a price in foreign money.
    """
    if OTHER_CURRENCY.search(price):
        return price
    amount = _amount(price)
    at = amount.start() if amount else -1
    return AMOUNT.sub(lambda match: _roubles(match, match.start() == at), price)


def worth(price: str) -> float:
    """The number in a price, to put prices in order; infinite where none is plainly one."""
    amount = _amount(price)
    return float(re.sub(r"\s", "", amount["number"]).replace(",", ".")) if amount else float("inf")


def lasting(duration: str, column: str) -> str:
    """A duration of a column, which may name the unit: «240» is «4 часа», «90 мин.» is «полтора часа».

    What the cell names itself counts; where the column names both units, a bare number stays as it is.
    """
    match = MINUTES.fullmatch(duration)
    in_hours = HOURS_COLUMN.search(column)
    if match and match[2]:
        return _minutes(int(match[1]))
    if in_hours and MINUTES_COLUMN.search(column):
        return SHORT_MINUTES.sub("минут", duration)
    if match:
        return _minutes(int(match[1]) * (60 if in_hours else 1))
    if re.fullmatch(r"\d+\s*[-–—]\s*\d+", duration):
        return f"{duration} {'часов' if in_hours else 'минут'}"
    return SHORT_MINUTES.sub("минут", duration)


def counted(number: str, one: str, few: str, many: str) -> str:
    """The form of a noun after a number: 1 рубль, 2 рубля, 5 рублей, 4,20 рубля."""
    if not number.isdigit():
        return few
    if int(number) % 100 in range(11, 15):
        return many
    return {1: one, 2: few, 3: few, 4: few}.get(int(number) % 10, many)


def _amount(price: str) -> re.Match[str] | None:
    """The first number with a currency, or the first of all where it is plainly a price."""
    found = list(AMOUNT.finditer(price))
    bare = found[0] if found and AFTER_PRICE.match(price, found[0].end()) else None
    return next((match for match in found if match["currency"]), bare)


def _roubles(match: re.Match[str], first: bool) -> str:
    if not (match["currency"] or first):
        return match[0]
    number = re.split("[-–—о]", match["range"])[-1] if match["range"] else match["number"]
    number = re.sub(r"\s", "", number)
    one, few, many = ("рубля", "рублей", "рублей") if match["bound"] else ("рубль", "рубля", "рублей")
    said = counted(number, one, few, many) if number.isdigit() else "рубля"
    return f"{match['bound'] or ''}{match['number']}{match['range'] or ''} {said}"


def _minutes(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    if (hours, rest) == (1, 30):
        return "полтора часа"
    said = f"{hours} {counted(str(hours), 'час', 'часа', 'часов')}" if hours else ""
    return f"{said} {rest} {counted(str(rest), 'минута', 'минуты', 'минут')}".strip() if rest or not hours else said
