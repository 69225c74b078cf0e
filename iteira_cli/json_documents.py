"""What `--json` prints, by command: the administration's own answers, or documents of the command line's."""

from __future__ import annotations

import re

OWN = {
    "kb eval": "embedder questions auc kinds[kind count mrr recall_at_1 …] misses[text kind confidence expected found]",
    "kb diff": "asked changes questions[…]",
    "backup": "path size schema sessions messages waiting removed[…]",
    "restore": "path size schema sessions messages waiting kept",
    "simulate-call": "call_id answered unanswered "
    "messages[text replies latency first_reply webhook_status end_conversation error]",
    "simulate-load": "format began_at took plan calls messages throughput latency webhook generator verdict …",
    "drill": "clean faults accepted answered failed expired lost doubled out_of_order stray repeated refused …",
    "selftest": "passed failed checks[name ok seconds detail]",
    "doctor": "ok findings[name status detail mend]",
    "config show": "settings[name value origin]",
    "config check": "ok read[…] problems[…] warnings[…] time_budget[…]",
}
"""Keys, and in brackets those of each element of a list; … stands for more of the kind."""

ADMINISTRATION = {
    "stats": "StatsAnswer",
    "sessions list": "SessionsAnswer",
    "sessions show": "SessionWithTranscript",
    "sessions export": "SessionWithTranscript",
    "sessions clear": "Cleared",
    "why": "MessageAnswer",
    "failed list": "FailedAnswer",
    "failed show": "DeadLetter",
    "failed retry": "Cleared",
    "kb status": "KnowledgeAnswer",
    "kb search": "SearchAnswer",
    "kb reindex": "KnowledgeAnswer",
    "kb gaps": "GapsAnswer",
}
"""The answer of the administration that is printed as it came (docs/api.md)."""

BESIDE = {
    "sessions clear": "with `--all` [AllCleared](api.md#allcleared), with `--dry-run` `would_clear_sessions`",
    "why": "and beside it `spent` (seconds by stage) and `verdict`",
    "failed retry": "for several [Retried](api.md#retried), with `--dry-run` `dry_run`, `failed[…]`",
    "kb gaps": "when some are forgotten [Forgotten](api.md#forgotten)",
    "simulate-call": "with `--scenario` or `--repeat` `passed`, `failed`, `pass_rate`, `rates[…]`, `scenarios[…]`",
    "logs": "each line as the daemon wrote it: `at`, `level`, `logger`, `pid`, `message`, and `session` and `turn` "
    "where it is about one",
}


def described(command: str) -> str:
    """The keys in Markdown. Raises `KeyError` for a command that prints no document that is known here."""
    beside = BESIDE.get(command)
    if name := ADMINISTRATION.get(command):
        told = f"[{name}](api.md#{name.lower()})"
    elif keys := OWN.get(command):
        told = _spelled(keys)
    else:
        return BESIDE[command]
    return f"{told}; {beside}" if beside else told


def _spelled(keys: str) -> str:
    """`a b[c d]` as `a`, `b[c, d]`."""
    outside = re.split(r" (?![^\[]*\])", keys)
    return ", ".join(key if key == "…" else f"`{key.replace(' ', ', ')}`" for key in outside)
