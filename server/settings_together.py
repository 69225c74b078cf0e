"""What settings mean together: where they contradict each other, and what their time limits add up to."""

from __future__ import annotations

import math
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from server.settings import Settings

FOR_THE_REST = 8.0
"""Seconds of a turn that the models together must leave: for the offline consultant and for delivery."""


def contradictions(settings: Settings) -> list[str]:
    """Settings that cannot work together, a line each that begins with the name of one of them."""
    server, talkme, agent = settings.server, settings.talkme, settings.agent
    checks = [
        (
            server.reply_wait >= server.message_timeout,
            f"server.reply_wait = {server.reply_wait:g} must be less than server.message_timeout = "
            f"{server.message_timeout:g}: the webhook would wait longer than a turn may take",
        ),
        (
            talkme.timeout > server.message_timeout,
            f"talkme.timeout = {talkme.timeout:g} must not be more than server.message_timeout = "
            f"{server.message_timeout:g}: one call cannot outlast its turn",
        ),
        (
            server.stale_after <= server.reply_wait,
            f"server.stale_after = {server.stale_after:g} must be more than server.reply_wait = "
            f"{server.reply_wait:g}: a message would expire while its webhook still waits",
        ),
        (
            settings.store.lease >= server.stale_after,
            f"store.lease = {settings.store.lease:g} must be less than server.stale_after = {server.stale_after:g}: "
            "what a dead worker leaves behind would be too old to be answered",
        ),
        (
            server.role != "all" and settings.store.url.startswith("memory://"),
            f"server.role = {server.role} needs a store that processes share: memory:// is not one",
        ),
        (
            agent.timeout >= server.message_timeout,
            f"agent.timeout = {agent.timeout:g} must be less than server.message_timeout = "
            f"{server.message_timeout:g}: nothing would be left for the offline consultant and for delivery",
        ),
        (
            agent.second_model is None and bool(agent.second_base_url or agent.second_api_key),
            "agent.second_model is missing: agent.second_base_url and agent.second_api_key are about it",
        ),
        (
            agent.summary_after > agent.history,
            f"agent.summary_after = {agent.summary_after} must not be more than agent.history = {agent.history}: "
            "what is not seen any more cannot be summarised",
        ),
        (
            agent.provider == "openai" and not agent.api_key,
            "agent.provider = openai needs agent.api_key (or OPENAI_API_KEY)",
        ),
        (
            settings.knowledge.embedder == "openai" and not agent.api_key,
            "knowledge.embedder = openai needs agent.api_key (or OPENAI_API_KEY)",
        ),
        (
            server.workers > 1 and settings.store.url.startswith("memory://"),
            f"server.workers = {server.workers} needs a store that processes share: memory:// is not one",
        ),
    ]
    return [text for wrong, text in checks if wrong]


def unencrypted(settings: Settings) -> list[str]:
    """Addresses outside of this machine that are called without TLS, a line each."""
    called = {
        "talkme.base_url": (settings.talkme.base_url, "the webhook's token and what callers are told"),
        "agent.base_url": (settings.agent.base_url, "the key and what callers say"),
        "agent.second_base_url": (settings.agent.second_base_url, "the key and what callers say"),
    }
    return [
        f"{name} = {url}: without TLS anybody on the way can read {what}; https:// is expected outside of this machine"
        for name, (url, what) in called.items()
        if url and url.startswith("http://") and not _is_this_machine(urlsplit(url).hostname or "")
    ]


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def models_asked(settings: Settings) -> int:
    """How many models may keep one turn waiting, one after the other."""
    agent = settings.agent
    return 0 if agent.consultant != "openai" else 2 if agent.second_model else 1


def patience(settings: Settings) -> float:
    """Seconds that each model may take: they share what a turn has for thinking."""
    left = settings.server.message_timeout - FOR_THE_REST
    return min(settings.agent.timeout, max(left, 1.0) / max(models_asked(settings), 1))


def time_budget(settings: Settings) -> list[str]:
    """What the time limits mean together for one turn, a line a fact."""
    server, talkme = settings.server, settings.talkme
    thinking = models_asked(settings) * patience(settings)
    left = server.message_timeout - thinking
    delivery = talkme.attempts * talkme.timeout
    lines = [
        f"A turn may take {server.message_timeout:g} s; its webhook waits {server.reply_wait:g} s of them "
        "and is told «Сообщение принято» if the reply comes later.",
        f"Delivery: {talkme.attempts} attempts x {talkme.timeout:g} s = {delivery:g} s and the pauses between, "
        "within what the answer has left of the turn: all attempts share its deadline.",
    ]
    if delivery > left or (talkme.attempts > 1 and delivery == left):
        whole = math.ceil(left / talkme.timeout) - 1  # the pauses take their part
        lines.append(
            f"Should TalkMe hang, they do not all happen: the answer may take {thinking:g} s, "
            f"and the {left:g} s that are left then are enough for {whole} whole "
            f"{'attempt' if whole == 1 else 'attempts'}."
        )
    lines.append(
        f"If a worker dies, another takes its callers over within {settings.store.lease:g} s; a message that is "
        f"older than {server.stale_after:g} s by then is not spoken any more."
    )
    return lines
