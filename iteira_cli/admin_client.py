"""The daemon's administration API, typed, and the one way in which the command line speaks HTTP with the daemon.

It uses the standard library's urllib because a command that reads one document should answer at once: httpx takes
0.1 s to import, as long as such a command needs for everything else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, Any, TypeVar, cast
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from iteira_cli import __version__
from iteira_cli.documents import (
    AllCleared,
    DeadMessage,
    DeadMessages,
    Done,
    Forgotten,
    Gaps,
    Health,
    KnowledgeStatus,
    Message,
    Questions,
    Retried,
    Search,
    SessionDetail,
    Sessions,
    Stats,
    WaitingMessages,
)
from iteira_cli.errors import AccessDenied, DaemonUnreachable, Failed, NotFound, Usage
from iteira_cli.loopback import is_loopback

T = TypeVar("T")

TIMEOUT = 10.0
"""Seconds that an answer of the administration may take. It reads a store; nothing in it waits for a model."""

REINDEX_TIMEOUT = 600.0
"""Seconds that reading the whole knowledge base again may take: every document is embedded."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whatever its status."""

    status: int
    body: bytes

    @property
    def document(self) -> dict[str, object]:
        """The JSON object in the body; empty if there is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def error(self) -> str:
        """What the answer says went wrong."""
        said = self.document.get("error") or self.document.get("detail")
        return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False) if said else ""


def request(
    method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, timeout: float = TIMEOUT
) -> Answer:
    """One HTTP exchange with the daemon. No redirect is followed; loopback is reached without a proxy.

    Raises `DaemonUnreachable` if there was no answer within `timeout` seconds.
    """
    outgoing = Request(url, data=body, headers=dict(headers or {}), method=method)  # noqa: S310 - checked by base_url
    try:
        status, answer = _opened(outgoing, timeout)
        with answer:
            return Answer(status, answer.read())
    except (OSError, HTTPException) as error:
        cause = error.reason if isinstance(error, URLError) else error
        reason = (cause.strerror if isinstance(cause, OSError) else None) or cause
        parts = urlsplit(url)
        raise DaemonUnreachable(
            f"the daemon does not answer at {parts.scheme}://{parts.netloc} ({reason})",
            "start it with `iteira serve` (or `iteira dev`), or pass --url",
        ) from error


def _opened(outgoing: Request, timeout: float) -> tuple[int, HTTPResponse | HTTPError]:
    """The status, whichever it is, and the answer, whose body is still to be read: that can go wrong as well."""
    try:
        answer: HTTPResponse = _opener(outgoing.full_url).open(outgoing, timeout=timeout)
    except HTTPError as refusal:
        return refusal.code, refusal
    return answer.status, answer


def base_url(url: str) -> str:
    """The address without a slash at its end. Raises `Usage` if it is none."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isascii() or " " in url:
        raise Usage(f"{url!r} is no address of a daemon", "pass --url like http://127.0.0.1:8000")
    return url.rstrip("/")


class AdminClient:
    """The administration of the daemon at `url`.

    All methods raise `DaemonUnreachable` when nobody answers, `AccessDenied` when the token is wrong or missing
    or does not cover it, and `Failed` with the daemon's own words for every other refusal.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self._timeout = TIMEOUT
        self.url = base_url(url)
        if token and not (token.isascii() and token.isprintable()):
            raise Usage("the admin token holds characters that no HTTP header can carry", "check --token, admin.token")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def with_timeout(self, seconds: float) -> AdminClient:
        """The same, with less patience."""
        other = copy(self)
        other._timeout = seconds
        return other

    def health(self) -> Health:
        """The daemon's own checks. A daemon that is `unavailable` answers 503, which is an answer too."""
        answer = request("GET", self.url + "/webhook/talkme/health", headers=self._headers, timeout=self._timeout)
        if answer.status == 503 and "checks" in answer.document:
            answer = replace(answer, status=200)
        return self._judge(answer, Health)

    def stats(self) -> Stats:
        return self._call("GET", "/webhook/talkme/stats", Stats)

    def waiting(self, limit: int) -> WaitingMessages:
        """Who waits for an answer now, the longest first."""
        return self._call("GET", _query("/webhook/talkme/waiting", limit=limit), WaitingMessages)

    def sessions(self, **wanted: str | int | None) -> Sessions:
        """`wanted`: limit, page, active, waiting, phone, name, since (ISO 8601) and sort, as the API has them."""
        return self._call("GET", _query("/webhook/talkme/sessions", **wanted), Sessions)

    def session(self, user_id: str, masked: bool = False) -> SessionDetail:
        """`masked` hides who the caller is, in the texts too. Raises `NotFound` if there is no such session."""
        return self._session("GET", user_id, SessionDetail, masked="true" if masked else None)

    def message(self, message_id: str) -> Message:
        """One message with its timeline. Raises `NotFound` if there is none of this id."""
        return self._call("GET", f"/webhook/talkme/message/{quote(message_id, safe='')}", Message)

    def clear_session(self, user_id: str) -> Done:
        """Raises `NotFound` if there is no such session."""
        return self._session("DELETE", user_id, Done)

    def clear_sessions(self) -> AllCleared:
        return self._call("DELETE", "/webhook/talkme/sessions", AllCleared)

    def failed(self, limit: int, since: str | None = None) -> DeadMessages:
        """What was not answered, latest first; `since` (ISO 8601) leaves out what was given up before."""
        return self._call("GET", _query("/webhook/talkme/failed", limit=limit, since=since), DeadMessages)

    def failed_message(self, message_id: str) -> DeadMessage:
        """Raises `NotFound` if no dead message has this id."""
        return self._dead("GET", message_id, "", DeadMessage)

    def retry(self, message_id: str) -> Done:
        """Raises `NotFound` if no dead message has this id."""
        return self._dead("POST", message_id, "/retry", Done)

    def retry_all(self, since: str | None = None) -> Retried:
        return self._call("POST", _query("/webhook/talkme/failed/retry", since=since), Retried)

    def drop(self, message_id: str) -> Done:
        """Raises `NotFound` if no dead message has this id."""
        return self._dead("DELETE", message_id, "", Done)

    def knowledge_status(self) -> KnowledgeStatus:
        return self._call("GET", "/knowledge-base/status", KnowledgeStatus)

    def knowledge_search(self, text: str) -> Search:
        return self._call("GET", _query("/knowledge-base/search", q=text), Search)

    def knowledge_gaps(self, limit: int) -> Gaps:
        return self._call("GET", _query("/knowledge-base/gaps", limit=limit), Gaps)

    def forget_gaps(self, question: str | None = None) -> Forgotten:
        """One question with those that ask the same, or all. Raises `NotFound` if there is no such question."""
        return self._call("DELETE", _query("/knowledge-base/gaps", question=question), Forgotten)

    def knowledge_questions(self) -> Questions:
        return self._call("GET", "/knowledge-base/questions", Questions)

    def knowledge_regenerate(self) -> KnowledgeStatus:
        """Returns when everything has been read again."""
        return self._call("POST", "/knowledge-base/regenerate", KnowledgeStatus, REINDEX_TIMEOUT)

    def _session(self, method: str, user_id: str, shape: type[T], **parameters: str | None) -> T:
        try:
            path = _query("/webhook/talkme/session/" + quote(user_id, safe=""), **parameters)
            return self._call(method, path, shape)
        except NotFound as error:
            raise NotFound(f"there is no session of {user_id}", "`iteira sessions list` shows all") from error

    def _dead(self, method: str, message_id: str, what: str, shape: type[T]) -> T:
        try:
            return self._call(method, f"/webhook/talkme/failed/{quote(message_id, safe='')}{what}", shape)
        except NotFound as error:
            raise NotFound(f"no failed message has the id {message_id}", "`iteira failed list` shows all") from error

    def _call(self, method: str, path: str, shape: type[T], timeout: float | None = None) -> T:
        patience = timeout or self._timeout
        return self._judge(request(method, self.url + path, headers=self._headers, timeout=patience), shape)

    def _judge(self, answer: Answer, shape: type[T]) -> T:
        """The answer's document if it has the keys of `shape`; other keys are left in it."""
        if answer.status == 403 and answer.error:
            raise AccessDenied(f"the daemon does not allow it: {answer.error}")
        if answer.status in {401, 403}:
            given = "the admin token is refused" if self._headers else "the daemon wants an admin token"
            raise AccessDenied(given, "set admin.token (ITEIRA_ADMIN__TOKEN) as the daemon has it, or pass --token")
        if answer.status != 200:
            said = answer.error or "and nothing that Iteira would say"
            refused = NotFound if answer.status == 404 else Failed
            hint = "`iteira doctor` finds the part that is to blame" if answer.status == 503 else None
            raise refused(f"the daemon answered {answer.status}: {said}", hint if answer.error else self._doubt)
        required: frozenset[str] = cast("Any", shape).__required_keys__
        if missing := required - answer.document.keys():
            raise Failed(f"the daemon's answer lacks {', '.join(sorted(missing))}", self._doubt)
        return cast("T", answer.document)

    @property
    def _doubt(self) -> str:
        return f"is it Iteira {__version__} that listens at {self.url}? Else pass --url"


def _query(path: str, **parameters: str | int | None) -> str:
    given = {name: value for name, value in parameters.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


class _StayHere(HTTPRedirectHandler):
    """The administration never redirects; following one would hand the token to whoever asks for it."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def _opener(url: str) -> OpenerDirector:
    proxies = [ProxyHandler({})] if is_loopback(urlsplit(url).hostname or "") else []
    return build_opener(_StayHere, *proxies)
