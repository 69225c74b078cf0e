"""What a stranger sends to the proxy, byte by byte, from an address of his own."""

from __future__ import annotations

import json
import socket
import ssl
import time
from contextlib import suppress

from deploy.checks.nodes import Node
from deploy.checks.running import Report

HOST = "iteira.test"
MESSAGES = iter(range(1, 1_000_000))
SLOW_SECONDS = 25.0
"""Longer than any time limit of the site for what has not arrived."""
Answer = tuple[int, dict[str, str], bytes]


def connected(source: str = "127.0.0.1") -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile="/etc/nginx/iteira/tls/fullchain.pem")
    plain = socket.create_connection(("127.0.0.1", 443), 30, (source, 0))
    return context.wrap_socket(plain, server_hostname=HOST)


def exchange(raw: bytes, source: str = "127.0.0.1") -> bytes:
    """Everything that comes back until the other side closes."""
    said = b""
    with connected(source) as sock:
        sock.settimeout(10)
        with suppress(OSError):
            sock.sendall(raw)
            while part := sock.recv(65536):
                said += part
    return said


def parsed(answer: bytes) -> Answer:
    """The first answer in it; status 0 where there is none."""
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *rest = head.decode("latin-1").split("\r\n")
    if not line.startswith("HTTP/1.1 "):
        return 0, {}, answer
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
    return int(line.split()[1]), headers, body


def ask(method: str, path: str, *headers: str, body: bytes = b"", source: str = "127.0.0.1") -> Answer:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", "Connection: close", *headers]
    if body:
        lines += [f"Content-Length: {len(body)}", "Content-Type: application/json"]
    return parsed(exchange("\r\n".join(lines).encode() + b"\r\n\r\n" + body, source))


def said(text: str = "Здравствуйте") -> bytes:
    number = next(MESSAGES)
    body = {
        "token": "token-of-a-stranger",
        "client": {"clientId": f"stranger-{number}"},
        "message": {"text": text},
        "originalOnlineChatMessage": {"id": number, "dialogId": number},
    }
    return json.dumps(body, ensure_ascii=False).encode()


def webhook(source: str, forwarded: str = "") -> Answer:
    headers = [f"X-Forwarded-For: {forwarded}", f"Forwarded: for={forwarded}"] if forwarded else []
    return ask("POST", "/webhook/talkme", *headers, body=said(), source=source)


HIDDEN = (
    "/",
    "/metrics",
    "/docs",
    "/openapi.json",
    "/webhook/talkme/stats",
    "/webhook/talkme/sessions",
    "/webhook/talkme/failed",
    "/webhook/talkme/waiting",
    "/webhook/talkme/session/x",
    "/knowledge-base/status",
    "/webhook/talkme/../../metrics",
    "/webhook/talkme/health/../stats",
    "/webhook/talkme/%73tats",
    "/webhook/talkme/health%2f..%2fstats",
    "//webhook/talkme//stats",
    "/webhook/talkme/health/..;/stats",
)
"""What only administrators may see, in several spellings."""


def what_is_let_through(report: Report) -> None:
    status, headers, _ = ask("GET", "/webhook/talkme/health")
    report.must(status == 200, "health is answered through TLS", status)
    report.must("max-age" in headers.get("strict-transport-security", ""), "with HSTS", headers)
    status, _, body = ask("POST", "/webhook/talkme", body=said())
    report.must(status == 200 and json.loads(body)["success"], "a webhook is answered", (status, body))
    seen = {path: ask("GET", path, "Authorization: Bearer an-admin-token-of-the-check")[0] for path in HIDDEN}
    report.must(not any(200 <= status < 300 for status in seen.values()), "nothing else is, by no spelling", seen)
    with socket.create_connection(("127.0.0.1", 80), 10) as plain:
        plain.sendall(b"POST /webhook/talkme HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
        report.must(b" 403 " in plain.recv(1000), "what comes unencrypted is refused")
    for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = old
        context.set_ciphers("ALL:@SECLEVEL=0")
        refused = False
        with socket.create_connection(("127.0.0.1", 443), 10) as sock:
            try:
                context.wrap_socket(sock).close()
            except (ssl.SSLError, OSError):
                refused = True
        report.must(refused, f"{old.name} is not spoken")
    much = b'{"token":"' + b"x" * 70_000 + b'"}'
    status, _, body = ask("POST", "/webhook/talkme", body=much)
    report.must(status == 413 and b'"success":false' in body, "a long body is refused in the contract's form", status)
    chunked = b"POST /webhook/talkme HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    chunks = b"".join(b"4000\r\n" + b"x" * 0x4000 + b"\r\n" for _ in range(5)) + b"0\r\n\r\n"
    report.must(parsed(exchange(chunked + chunks))[0] == 413, "so is one in chunks")
    report.must(ask("GET", "/webhook/talkme/health", "X: " + "y" * 9000)[0] == 400, "a header of 9 KB is refused")
    many = [f"X-{number}: {'y' * 2000}" for number in range(30)]
    report.must(ask("GET", "/webhook/talkme/health", *many)[0] == 400, "so are 60 KB of headers")
    report.must(ask("GET", "/" + "z" * 9000)[0] == 414, "and a path of 9 KB")


SMUGGLED = b"GET /webhook/talkme/smuggled HTTP/1.1\r\nHost: iteira.test\r\n\r\n"
"""A request inside another one; the nodes must never see its path."""


def requests_in_disguise() -> dict[str, bytes]:
    """Requests on whose end two servers may disagree. Each ends in one that the proxy must not let through."""
    first = b"POST /webhook/talkme HTTP/1.1\r\nHost: iteira.test\r\nContent-Type: application/json\r\n"
    length = b"Content-Length: %d\r\n"
    both = length % (len(SMUGGLED) + 5) + b"Transfer-Encoding: chunked\r\n"
    return {
        "length and chunks": first + both + b"\r\n0\r\n\r\n" + SMUGGLED,
        "chunks and length": first
        + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
        + b"%x\r\n" % len(SMUGGLED)
        + SMUGGLED
        + b"\r\n0\r\n\r\n",
        "two lengths": first + length % 0 + length % len(SMUGGLED) + b"\r\n" + SMUGGLED,
        "a length with a sign": first + b"Content-Length: +0\r\n\r\n" + SMUGGLED,
        "a list of lengths": first + b"Content-Length: 0, %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
        "a length in hexadecimal": first + b"Content-Length: 0x0\r\n\r\n" + SMUGGLED,
        "chunked, with a space before the colon": first
        + b"Transfer-Encoding : chunked\r\n"
        + length % (len(SMUGGLED) + 5)
        + b"\r\n0\r\n\r\n"
        + SMUGGLED,
        "chunked, with a tab": first + b"Transfer-Encoding:\tchunked\r\n" + length % 4 + b"\r\n0\r\n\r\n" + SMUGGLED,
        "chunked, misspelt": first + b"Transfer-Encoding: xchunked\r\n" + length % 4 + b"\r\n0\r\n\r\n" + SMUGGLED,
        "chunked twice": first
        + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"
        + SMUGGLED,
        "a folded header": first + b"Transfer-Encoding:\r\n chunked\r\n" + length % 4 + b"\r\n0\r\n\r\n" + SMUGGLED,
        "a header after a bare line feed": first
        + b"X: y\nTransfer-Encoding: chunked\r\n"
        + length % 4
        + b"\r\n0\r\n\r\n"
        + SMUGGLED,
        "a chunk's size that overflows": first + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + SMUGGLED,
        "a chunk's extension with a line feed": first + b"Transfer-Encoding: chunked\r\n\r\n0;x\n\r\n\r\n" + SMUGGLED,
        "a header's name with a NUL": first
        + b"Transfer-Encoding\0: chunked\r\n"
        + length % 4
        + b"\r\n0\r\n\r\n"
        + SMUGGLED,
        "version 0.9": b"GET /webhook/talkme/smuggled\r\n\r\n",
        "an absolute address": b"GET http://127.0.0.1:8001/metrics HTTP/1.1\r\nHost: iteira.test\r\n\r\n",
    }


def smuggling(report: Report, nodes: list[Node]) -> None:
    """Whatever the proxy makes of such a request, no node sees the one inside."""
    for name, raw in requests_in_disguise().items():
        # What follows the disguised request on the same connection shows whether the two became one.
        after = b"GET /webhook/talkme/health HTTP/1.1\r\nHost: iteira.test\r\nConnection: close\r\n\r\n"
        answers = exchange(raw + after)
        codes = [part.split(b" ", 1)[0].decode() for part in answers.split(b"HTTP/1.1 ")[1:]]
        seen = [node.port for node in nodes if "smuggled" in node.requests()]
        report.must(
            not seen and b"iteira_" not in answers, f"smuggled with {name}: no ({', '.join(codes) or 'closed'})", seen
        )
    marks = [ask("GET", "/webhook/talkme/health")[0] for _ in range(8)]
    report.must(set(marks) == {200}, "the nodes' connections are as they were", marks)
    seen = [node.port for node in nodes if "smuggled" in node.requests()]
    report.must(not seen, "and no node has heard of what was smuggled", seen)


def slow_clients(report: Report) -> None:
    """Who sends a byte now and then is cut off, and keeps nobody waiting."""
    head = b"POST /webhook/talkme HTTP/1.1\r\nHost: iteira.test\r\n"
    for what, first, more in (
        ("headers", head, b"X"),
        ("a body", head + b"Content-Length: 1000\r\n\r\n", b""),
    ):
        began = time.monotonic()
        with connected() as sock:
            sock.settimeout(1)
            sock.sendall(first)
            while time.monotonic() - began < SLOW_SECONDS:
                try:
                    if not sock.recv(1000):
                        break
                except TimeoutError:
                    if more:
                        with suppress(OSError):
                            sock.sendall(more)
                except OSError:
                    break
        took = time.monotonic() - began
        report.must(took < SLOW_SECONDS, f"who is slow with {what} is cut off after {took:.0f} s")
