"""What a caller wants when it is not a question to the knowledge base: recognised by the words alone."""

from __future__ import annotations

import re
from enum import Enum, auto

from server.consultant.names import without_introduction


class Intent(Enum):
    EMERGENCY = auto()
    TROUBLE = auto()
    """Something hurts after a procedure, or he complains: nothing for a machine."""
    OPERATOR = auto()
    ROBOT = auto()
    MANIPULATION = auto()
    """He gives orders to the machine instead of asking the company."""
    OTHERS = auto()
    """He asks about another client."""
    SWEARING = auto()
    APPOINTMENT = auto()
    """To make, move or cancel one, or to be called back."""
    CONTACT = auto()
    """He dictates his number."""
    REPEAT = auto()
    HEARING = auto()
    YES = auto()
    NO = auto()
    GOODBYE = auto()
    GREETING = auto()
    THANKS = auto()
    QUESTION = auto()


RELATIVE = (
    r"жен\w|муж[ау]?|мужем|сосед\w*|подруг\w*|друг\w?|мам\w|сестр\w|брат\w?|доч\w+|коллег\w*|начальни\w+|девушк\w"
)
STAFF = r"администратор\w*|менеджер\w*|сотрудник\w*|специалист\w*|девушк\w+|мастер\w*"
HUMAN = rf"(?:жив|реальн|настоящ)\w+ (?:человек|сотрудник|оператор)\w*|человек\w*|{STAFF}"
MACHINE = r"робот\w*|бот\w{0,2}|автоответчик\w*|машин[ауы]|компьютер\w*|нейросет\w+|искусственн\w+ интеллект\w*"

DAY = "сегодня|завтра|послезавтра|понедельник|вторник|среду|четверг|пятницу|субботу|воскресенье"

ANYWHERE = {
    Intent.EMERGENCY: r"скорую|скорой помощ\w+|скорая нужна|без сознания|потерял\w? сознание|задыха\w+|"
    r"(?:не могу|не может|нечем|тяжело) дышать|умира[ею]\w*",
    Intent.TROUBLE: r"опух\w*|распух\w*|ожог|обожгл\w+|гноит\w*|волдыр\w*|осложнени[ея]|"
    r"(?:болит|болят|кровит|кровоточит|воспалил\w+|покраснел\w*|аллергия|отек|отекл\w+)(?=.*\b(?:после|у вас|ваш\w*))|"
    r"(?:после|у вас|ваш\w*)\b.*\b(?:болит|болят|кровит|кровоточит|воспалил\w+|покраснел\w*|аллергия|отекл\w+)|"
    r"(?:начал\w+|появил\w+|пошл\w) аллергия|аллергия (?:начал\w+|появил\w+|пошл\w)|"
    r"жалоб\w+|претензи\w+|пожаловаться|жалуюсь|верните|хочу вернуть деньги|"
    r"испортили|изуродовали|(?:мне )?(?:нахамили|нагрубили)",
    Intent.OPERATOR: r"оператор\w*|с (?:жив|реальн|настоящ)\w+ человек\w*|с человеком|с кем-нибудь живым|"
    rf"(?:соедин|переключ|перевед|позов|дайте|свяж)\w*\b.*\b(?:{HUMAN})|(?:{HUMAN}) (?:позов|дайте)\w*|"
    rf"(?:пообщаться|говорить|поговорить|связаться) с (?:{HUMAN})|с (?:{HUMAN}) (?:по)?говорить|"
    rf"не с (?:{MACHINE})|не хочу \w* ?с (?:{MACHINE})",
    Intent.ROBOT: rf"(?:вы|ты|это|я с|со мной|с кем я|там)\b.{{0,20}}\b(?:{MACHINE}|(?:жив\w+|настоящ\w+) человек)",
    Intent.MANIPULATION: r"(?:забуд|игнориру|проигнориру)\w*\b.*\b(?:инструкци|указани|правил|предыдущ)\w*|промпт\w*|"
    r"представь,? что ты|ты теперь|притворись|выведи\b.*\b(?:записи|данные|баз\w)|баз\w данных",
    Intent.OTHERS: rf"записан\w?\b.*\b(?:{RELATIVE})|(?:{RELATIVE})\b.*\bзаписан\w?|"
    rf"(?:телефон|номер|адрес|данные|фамили\w) (?:\w+ )?(?:{RELATIVE}|клиент\w*|мастера)",
    Intent.SWEARING: r"бля(?:дь|ть|ди|дск\w+)?|ху[йеёяи]\w*|пизд\w*|[её]б\w{2,}|сук[аи]|"
    r"(?:о|на|по)хрен\w*|охуе\w*|мудак\w*|идиот\w*|заткнись|нахер|твою мать",
    Intent.APPOINTMENT: r"запи(?:ши|шу|сать)\w*|записан\w?|забронир\w+|(?:нужна|хочу|можно) (?:на )?запись|"
    rf"хочу на \w+|^(?!.*(?:работа|открыт|скольк)).*\b(?:можно|хочу|хотел\w*|запис\w+)\b.*\b(?:{DAY})|"
    r"(?:перенес|отмен)(?:ти|ить|ите|яю|им|у)\b|перезвон\w+|"
    r"(?:свободн\w+|есть|будет) (?:окошк\w+|окн\w+|мест\w+|врем\w+)",
    Intent.CONTACT: r"(?:мой|моя|мои|номер|телефон)\b.*\d[\d ()+-]{5,}\d|\+?[\d ()-]{9,}\d",
}
"""In the order in which they are looked for: whoever is in trouble may swear, and ask for a human."""

ALONE = {
    Intent.GOODBYE: r"до свидани[яе]|до свиданья|до встречи|всего (?:доброго|хорошего|наилучшего)|"
    r"хорошего (?:дня|вечера)|пока(?:[ -]пока)?|больше (?:ничего|вопросов)(?: не надо| не нужно| нет)?|"
    r"(?:это|на этом) все|прощайте",
    Intent.REPEAT: r"повтори(?:те)?|еще раз(?:ок)?|(?:я )?не (?:рас)?слышал[аи]?|не понял[аи]?|что(?: вы)? сказали|"
    r"(?:что|как) вы говорите|как вы сказали|что-что|чего|не расслышать",
    Intent.HEARING: r"(?:вы |ты )?(?:меня )?слыш(?:ите|ишь|но)(?: меня)?|вы (?:тут|здесь|там)|на связи|"
    r"(?:что[ -]то )?(?:вы )?пропада(?:ете|ешь)|(?:очень )?плохо (?:вас )?слышно|вас не слышно|есть кто",
    Intent.YES: r"да|ага|угу|конечно|верно|правильно|точно|именно|давайте|хочу|"
    r"соедини(?:те)?|соединяй(?:те)?|было бы хорошо",
    Intent.NO: r"нет|неа|не надо|не нужно|не хочу|не то|не про это",
    Intent.THANKS: r"(?:большое )?спасибо(?: большое| огромное| вам)?|благодарю(?: вас)?|(?:очень )?помогли",
    Intent.GREETING: r"здравствуй(?:те)?|привет(?:ствую)?|добр(?:ый|ое|ого)\s+(?:день|утро|вечер|дня|утра|вечера)|"
    r"алл?[ое]|хай|салют",
}
"""Said for themselves: around a question they do not make it less of a question. The first that is there counts."""
SMALL = r"ну|все|хорошо|ладно|понятно|ясно|отлично|пожалуйста|очень|вам|и|а|тогда|девушка|это|я|вас|так|вы|меня"

FORMULAS = {meaning: re.compile(rf"\b(?:{words})\b") for meaning, words in ALONE.items()}
SIGNS = {meaning: re.compile(rf"(?<![\w+])(?:{words})(?!\w)") for meaning, words in ANYWHERE.items()}
SMALL_WORDS = re.compile(rf"\b(?:{SMALL})\b")
NO_WORDS = re.compile(r"[^а-яa-z0-9]+")


def intent(text: str) -> Intent:
    """The intent of one utterance."""
    words = _plain(text)
    for meaning, sign in SIGNS.items():
        if sign.search(words):
            return meaning
    rest = without_introduction(words)
    if not _something_left(rest):
        for meaning, formula in FORMULAS.items():
            if formula.search(rest):
                return meaning
    return Intent.QUESTION


def greets(text: str) -> bool:
    """Whether a greeting is among the words."""
    return bool(FORMULAS[Intent.GREETING].search(_plain(text)))


def _plain(text: str) -> str:
    return text.lower().replace("ё", "е")


def _something_left(words: str) -> bool:
    for formula in (*FORMULAS.values(), SMALL_WORDS):
        words = formula.sub(" ", words)
    return bool(NO_WORDS.sub("", words))
