"""Questions whose answer is no price: does it hurt, may I, from what age, what after it, how long does it last."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from server.consultant.numerals import numbers
from server.consultant.rows import answer, is_question, kind, remarks, title
from server.knowledge.base import Document
from server.knowledge.price import asks_cost, has_price
from server.knowledge.words import lemmas

MAY = r"можно|нельзя|разреш\w+|допустимо|стоит ли|делают ли|делаете ли"
GIVEN_TO = r"реб[её]нку|детям|подростк\w+|дочк\w+|дочери|сыну|внучк\w+|внуку|несовершеннолетн\w+|школьни\w+"
CHILD = r"реб[её]н\w+|подростк\w+|доч\w+|сын\w*|внучк\w+|внук\w*|девочк\w+|мальчик\w*"
PREGNANT = r"беремен\w+|кормящ\w+|корм(?:лю|ит) грудью|груд(?:ью|ном) (?:корм|вскарм)\w+|жду реб[её]нка|жду малыша|гв"
WILL_BE = "будут|будет|останутся|останется|бывают|бывает"
TRACES = r"синяк\w*|от[её]к\w*|шрам\w*|след\w*|покраснени\w*"
ASKED = {
    "боль": r"больно\b|больно ли|болезненн\w+|боли\b|болит ли|неприятн\w+|обезбол\w+|анестези\w+|терпимо",
    "беременность": rf"(?<!для )(?:{PREGNANT})",
    "возраст": rf"(?:со?|до) скольки лет|с какого возраста|возраст\w*|"
    rf"несовершеннолетн\w+|(?:{MAY})(?: \w+){{0,2}} (?:{GIVEN_TO})|(?:{GIVEN_TO})\b.*\b(?:{MAY})",
    "вред": r"противопоказ\w+|(?:без)?опасн\w+|вредн\w+|побочн\w+|последстви\w+|риск\w*",
    "следы": rf"сколько (?:дней|недель)\b.*(?:шелуш|красн|зажив|сход|проход|бол)\w*|"
    rf"(?:{WILL_BE}) (?:\w+ )?(?:{TRACES})|(?:{TRACES}) (?:потом )?(?:{WILL_BE}|сойдут|пройд[её]т)",
    "запрет": rf"^(?:а|и|ну) (?:при|после) \w+$|мне (?:это |такое )?(?:{MAY})$|"
    rf"(?:{MAY})\b.*\b(?:при|если|после|перед|во время|до|летом|зимой)\b|"
    rf"\b(?:при|если|после|перед|во время|летом|зимой)\b.*\b(?:{MAY})\b|"
    rf"(?:ей|ему|им)\b.*\b(?:{MAY})|(?:{MAY})(?: \w+)? (?:ей|ему|им)\b|"
    rf"у меня\b.*\b(?:{MAY})\b(?! (?:ли )?(?:записать|прийти))",
    "уход": r"(?:сколько|когда|что) (?:\w+ )?потом|ухаживать|восстанов(?:ление|иться|ительн\w+)|реабилит\w+|зажив\w+|"
    r"после\b.*\b(?:можно|нельзя|дела\w+|ухаж\w+|мыть\w*|краси\w+|загора\w+|пить|когда|чего|что|как)",
    "подготовка": r"подготов\w+|готовиться|перед (?:процедур|эпиляци|сеанс|визит)\w+",
    "срок": r"(?:сколько|долго|надолго|насколько)\b.*\b(?:держ|хват|сохран|действ|эффект|результат)\w*|"
    r"(?:держ|хвата|хватит|сохран)\w*\b.*\b(?:сколько|долго)|надолго ли|на (?:какой срок|сколько хват\w+)",
    "курс": r"сколько (?:\w+ )?(?:сеанс|раз\b|процедур)\w*|как часто|какой курс",
}
SPEAKS = {
    "боль": r"боль|болез|обезбол|анестез|приятн|ощущ",
    "беременность": r"беремен|кормящ|кормлен",
    "возраст": r"возраст|\d+ лет|-летн|несовершеннолет",
    "вред": r"противопоказ|опасн|вред|побочн|нельзя",
    "следы": r"шелуш|синяк|от[её]к|покрасне|след|шрам|восстанов",
    "запрет": r"нельзя|можно|запрещ|если|кроме|без \w+",
    "уход": r"после|ухаж|проход|восстан|сутк|зажив",
    "подготовка": r"подготов|за день|за сутки|перед|не загорать",
    "срок": r"держ|хват|сохран|действ|подейств|жив[её]т|эффект|результат",
    "курс": r"курс|сеанс|раз в|раз с|\d процедур",
}
"""What is asked about, by the words that ask it; and by the words that answer it."""
ROOT = 5
"""Letters at the beginning of two long words that make them akin."""
FORBIDDEN = "запрет"
CHILDHOOD = 18
"""Years; whoever is said to be younger is asked about because of that."""
_ASKED = {concern: re.compile(rf"\b(?:{words})(?!\w)") for concern, words in ASKED.items()}
_ANY_ASKED = re.compile(rf"\b(?:{'|'.join(ASKED.values())})(?!\w)")
"""One pass, where most questions have nothing of the kind. All expressions here are looked for in small letters, which
takes a third of the time that it takes to ignore which they are."""
_SPEAKS = {concern: re.compile(rf"\b(?:{words})") for concern, words in SPEAKS.items()}
_FOR_SO_LONG = re.compile(r"\b(?:до|на|\d+|полтора|пол) (?:\w+ )?(?:месяц|недел|лет\b|год)")
"""How a description says how long it lasts, without a word that means lasting."""
_MAY = re.compile(rf"\b(?:{MAY})\b")
_WISHES = re.compile(r"что (?:можно|мне) (?:с этим )?(?:сделать|делать|посовет\w+)|что (?:по)?советуете")
_ALLOWED = re.compile(rf"\b(?:{MAY}|дела\w+|мне)\b")
SCHOOL = 10
"""Years from which on somebody may ask for himself."""
_I_AM = re.compile(r"\bмне (?:всего |только |ещ[её] |пока )?\w+\W*$")
_THEIRS = re.compile(r"\b(?:ей|ему|им|не[её]|него|мне)\b")
_CHILD = re.compile(rf"\b(?:{CHILD})\b")
_OF_CONCERN = re.compile(
    rf"\b(?:{PREGNANT}|{GIVEN_TO}|{CHILD}|боль|возраст\w*|год\w*|лет|противопоказ\w*|опасн\w*|вред\w*|побочн\w*|последстви\w*|"
    r"синяк\w*|от[её]к\w*|шрам\w*|покраснени\w*|следы?|"
    r"эффект\w*|результат\w*|сеанс\w*|курс\w*|раз|срок\w*|подготов\w*|уход|восстановлени\w*|реабилитац\w*|анестези\w*|"
    r"обезболивани\w*|терпимо|нужн\w*|больно|болезненн\w*|держ\w*|хват\w*|ухаживать|нельзя|можно|деньги)\b",
)
_ANY = frozenset({"делать", "сделать", "процедура", "услуга", "после", "прийти", "действовать", "салон", "клиника"})
"""Lemmas that tell of no single service."""


def concerns(text: str, before: Sequence[str] = ()) -> list[str]:
    """What of it the words ask, the most particular first; empty where they ask nothing of the kind.

    `before`: what the caller has said till then, for it tells who «ей» is.
    """
    return list(_concerns(text, tuple(before)))


@lru_cache(maxsize=256)
def _concerns(text: str, before: tuple[str, ...]) -> tuple[str, ...]:
    """Kept for a while: one turn asks for them several times."""
    small = text.lower()
    if _WISHES.search(small):
        return ()
    found = [concern for concern, sign in _ASKED.items() if sign.search(small)] if _ANY_ASKED.search(small) else []
    still = any(map(_speaks_of_a_child, before)) and _THEIRS.search(small) is not None
    if (still or _speaks_of_a_child(text)) and "возраст" not in found:
        found.insert(0, "возраст")
    if found and "срок" not in found and "курс" not in found and asks_cost(small) and not _MAY.search(small):
        found = [concern for concern in found if concern in {"боль", "вред", "уход", "следы"}]
    return tuple(found)


def without_concern(text: str) -> str:
    """The words, in small letters, that are left of a question when those that tell what of it is asked are taken
    away."""
    return _OF_CONCERN.sub(" ", text.lower())


def answering(
    documents: Sequence[Document], query: str, text: str, asked: Sequence[str], service: Document | None
) -> str | None:
    """The words of a row that answer it for what is spoken of; None where no row does.

    A row of questions must be about the same service or about all of them; what a service's own row says of it is its
    description, without the price. `query`: what was searched for with the
    caller's `text`; `service`: the row of what is spoken of.
    """
    of_service = set(lemmas(f"{title(service)} {kind(service)} {service.location}")) if service else set()
    subject = set(lemmas(query)) | of_service
    texts = [row for row in documents if not has_price(row)]
    for concern in asked:
        fitting = [row for row in texts if _speaks(row, concern, text)]
        fitting.sort(key=lambda row: not _ASKED[concern].search(title(row).lower()))
        exact = [row for row in fitting if _about(row, subject)]
        alike = of_service if concern == FORBIDDEN else subject
        surely = [row for row in fitting if row is documents[0] or concern == FORBIDDEN]
        for document in (*exact, *(row for row in surely if _akin(_names(row), alike))):
            return answer(document)
        if service and (said := [remark for remark in remarks(service) if _remarks_on(remark, concern, text)]):
            return f"{title(service)}: {' '.join(said)}"
    return None


def _speaks(document: Document, concern: str, text: str) -> bool:
    """Whether its title asks about the concern, or its answer tells of it."""
    told = f"{title(document)} {answer(document)}" if _names(document) else ""
    if not (_ASKED[concern].search(title(document).lower()) or _SPEAKS[concern].search(told.lower())):
        return False
    return is_question(document) and _shares(told or title(document), text, concern)


def _remarks_on(remark: str, concern: str, text: str) -> bool:
    if concern == FORBIDDEN:
        return _shares(remark, text, concern)
    small = remark.lower()
    lasting = concern == "срок" and _FOR_SO_LONG.search(small) is not None
    return lasting or _SPEAKS[concern].search(small) is not None


def _akin(some: set[str], others: set[str]) -> bool:
    """Whether any of the words is in both, «лазер» and «лазерный» being the same."""
    return any(
        one == other or (len(one) >= ROOT and len(other) >= ROOT and one[:ROOT] == other[:ROOT])
        for one in some
        for other in others
    )


def _names(document: Document) -> set[str]:
    return set(lemmas(without_concern(title(document)))) - _ANY


def _speaks_of_a_child(text: str) -> bool:
    if not any(0 < number.value < CHILDHOOD for number in numbers(text)):
        return False
    small = text.lower()
    said = _CHILD.search(small) or re.search(r"\b(?:лет|год\w*)\b(?! назад)", small)
    himself = _I_AM.search(small) and any(number.value >= SCHOOL for number in numbers(text))
    return bool((said and _ALLOWED.search(small)) or himself)


def _about(document: Document, subject: set[str]) -> bool:
    """Whether what its title names, if anything, is what is spoken of: of several names one is enough."""
    names = [set(lemmas(without_concern(part))) - _ANY for part in re.split(r",| и | или ", title(document))]
    return not any(names) or any(name and all(_akin({one}, subject) for one in name) for name in names)


def _shares(told: str, text: str, concern: str) -> bool:
    """Of what is forbidden only words about the very thing that is asked tell anything: «летом», «баня», «герпес»."""
    if concern != FORBIDDEN:
        return True
    held, asked = set(lemmas(told)), set(lemmas(without_concern(text))) - _ANY
    return bool(asked) and all(_akin({one}, held) for one in asked)
