"""The date and the hour where the company is."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from server.clock import Clock

MONTHS = (
    *("января", "февраля", "марта", "апреля", "мая", "июня"),
    *("июля", "августа", "сентября", "октября", "ноября", "декабря"),
)
DAYS = ("понедельник", "вторник", "среда", "четверг", "пятница", "суббота", "воскресенье")


class Calendar:
    """`zone`: an IANA name such as Europe/Minsk."""

    def __init__(self, clock: Clock, zone: str) -> None:
        self._clock, self._zone = clock, ZoneInfo(zone)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), self._zone)

    def spoken(self) -> str:
        """«среда, 25 ноября 2026 года, 16:40»."""
        now = self.now()
        day = f"{DAYS[now.weekday()]}, {now.day} {MONTHS[now.month - 1]} {now.year} года"
        return f"{day}, {now.hour}:{now.minute:02}"
