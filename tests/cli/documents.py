"""Answers of the administration as the daemon gives them."""

from __future__ import annotations

from typing import Any

STATS: dict[str, Any] = {
    "total_sessions": 7,
    "active_sessions": 1,
    "messages_processed": 42,
    "errors": 3,
    "active_sessions_details": [
        {
            "user_id": "xI4WylKDvt...",
            "messages_count": 2,
            "client_name": "Анастасия [red]",
            "phone_number": "+375291234567",
            "created_at": "2025-11-22T08:00:00+00:00",
            "last_activity": "2025-11-22T08:01:30Z",
        }
    ],
    "queue": {"depth": 5, "oldest_seconds": 61.4},
    "latency": {
        "count": 42,
        "p50": 0.25,
        "p90": 1.5,
        "p99": None,
        "parts": {
            "waiting": {"count": 42, "p50": 0.002, "p90": 0.01, "p99": 0.02},
            "first_token": {"count": 40, "p50": 0.4, "p90": 0.9, "p99": 3.2},
            "model": {"count": 0, "p50": None, "p90": None, "p99": None},
        },
        "last_minute": {"replies": 6, "p50": 0.3, "p90": 1.2},
    },
    "uptime": 3725.2,
    "workers": [
        {
            "id": "w-1",
            "pid": 4711,
            "host": "minsk-1",
            "started_at": "2025-11-22T07:00:00+00:00",
            "seen_at": "2025-11-22T08:02:00+00:00",
            "turns": 2,
            "consultant": "offline",
            "cpu": 0.126,
            "memory": 96_400_000,
        }
    ],
    "consultant": "offline",
    "knowledge": {"documents_count": 120, "embedder": "e5", "problems": ["prices.xlsx: is no spreadsheet"]},
    "refused": {"503": 1, "401": 12},
    "answered_by": {"openai": 40, "offline": 2},
    "errors_by_stage": {"talkme": 2, "waiting": 1},
    "latest_errors": [
        {
            "id": "8",
            "user_id": "xI4WylKDvt...",
            "at": "2025-11-22T08:00:30+00:00",
            "state": "failed",
            "stage": "talkme",
            "reason": "customBot/send: HTTP 401 [token]",
        }
    ],
    "line": {"last_at": "2025-11-22T08:01:30Z", "silent_seconds": 1830.0, "usually": 31.4, "unusually_quiet": True},
}

WAITING: dict[str, Any] = {
    "waiting": [
        {
            "id": "9",
            "user_id": "xI4WylKDvtas",
            "state": "answering",
            "since": "2025-11-22T08:01:30+00:00",
            "seconds": 61.4,
            "attempts": 1,
            "worker": "w-1",
        },
        {
            "id": "10",
            "user_id": "boris",
            "state": "accepted",
            "since": "2025-11-22T08:02:29+00:00",
            "seconds": 0.5,
            "attempts": 0,
            "worker": None,
        },
    ]
}

SESSION: dict[str, Any] = {
    "user_id": "xI4WylKDvtas",
    "session_id": "3120",
    "client_name": "Анастасия",
    "gender": "female",
    "phone_number": None,
    "messages_count": 1,
    "created_at": "2025-11-22T08:00:00+00:00",
    "last_activity": "2025-11-22T08:01:30+00:00",
}

DETAIL: dict[str, Any] = SESSION | {
    "transcript": [
        {
            "role": "caller",
            "message_id": "7",
            "text": "Сколько стоит стрижка?",
            "at": "2025-11-22T08:00:00+00:00",
            "state": "sent",
            "reason": None,
        },
        {
            "role": "consultant",
            "message_id": "7",
            "text": "Женская стрижка стоит от пятидесяти рублей.\nЗаписать вас?",
            "at": "2025-11-22T08:00:01+00:00",
            "state": "failed",
            "reason": "TalkMe refused the [token]",
        },
    ]
}

DEAD: dict[str, Any] = {
    "id": "m-1/2",
    "user_id": "xI4WylKDvtas",
    "session_id": "3120",
    "state": "failed",
    "text": "Сколько стоит стрижка?",
    "reply": "От пятидесяти рублей.",
    "reason": "TalkMe refused the token",
    "attempts": 3,
    "accepted_at": "2025-11-22T08:00:00+00:00",
    "updated_at": "2025-11-22T08:00:30+00:00",
}

EXPIRED: dict[str, Any] = DEAD | {"id": "m-3", "state": "expired", "reply": None, "reason": None, "attempts": 0}

KNOWLEDGE: dict[str, Any] = {
    "knowledge_base_exists": True,
    "files_count": 4,
    "documents_count": 170,
    "updated_at": "2025-11-22T08:00:00+00:00",
    "embedder": "e5",
    "problems": ["prices.xlsx: is no spreadsheet"],
}

SEARCH: dict[str, Any] = {
    "query": "маникюр",
    "confidence": 0.8342,
    "results": [
        {"text": "Услуга: Маникюр, Цена: 42", "source": "Услуги и цены.xlsx", "location": "Услуги!5", "score": 0.9712}
    ],
}

HEALTH: dict[str, Any] = {
    "status": "degraded",
    "service": "talkme_webhook",
    "checks": {
        "store": {"status": "ok", "detail": "sqlite"},
        "knowledge": {"status": "degraded", "detail": "no embedder"},
    },
}
