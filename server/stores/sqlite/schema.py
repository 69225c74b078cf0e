"""The tables, and how a file of an older version becomes one of this version.

A migration is only ever added, at the end: `user_version` of a file says how many of them it has seen.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from server.errors import StoreError

APPLICATION_ID = 0x17E17A
"""Marks a file as ours, so that another program's database is never written to."""

MIGRATIONS = [
    """
    CREATE TABLE sessions (
        user_id TEXT PRIMARY KEY,
        session_id TEXT NOT NULL,
        created_at REAL NOT NULL,
        last_activity REAL NOT NULL,
        conversation_since REAL NOT NULL,
        messages_count INTEGER NOT NULL DEFAULT 0,
        client_name TEXT,
        gender TEXT,
        phone_number TEXT,
        ended INTEGER NOT NULL DEFAULT 0,
        -- When somebody may claim the session: when its oldest message began to wait, or when its lease ends.
        -- NULL: nothing to do.
        available_at REAL,
        -- The claim that holds it; 0: none. Never used twice.
        fence INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX sessions_available ON sessions (available_at) WHERE available_at IS NOT NULL;
    CREATE INDEX sessions_activity ON sessions (last_activity);
    CREATE INDEX sessions_open ON sessions (last_activity) WHERE NOT ended;

    CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        user_id TEXT NOT NULL,
        session_id TEXT NOT NULL,
        external_id TEXT,
        token TEXT NOT NULL,
        text TEXT NOT NULL,
        phone TEXT,
        name TEXT,
        state TEXT NOT NULL,
        accepted_at REAL NOT NULL,
        waiting_since REAL NOT NULL,
        updated_at REAL NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        reply TEXT, -- JSON of models.Reply
        reason TEXT
    );
    CREATE UNIQUE INDEX messages_once ON messages (user_id, external_id) WHERE external_id IS NOT NULL;
    CREATE INDEX messages_session ON messages (user_id, id);
    CREATE INDEX messages_dead ON messages (updated_at) WHERE state IN ('failed', 'expired');
    CREATE INDEX messages_updated ON messages (updated_at);
    CREATE INDEX messages_waiting ON messages (user_id, id) WHERE state IN ('accepted', 'answering', 'answered');

    CREATE TABLE workers (
        id TEXT PRIMARY KEY, pid INTEGER NOT NULL, host TEXT NOT NULL, started_at REAL NOT NULL,
        seen_at REAL NOT NULL, turns INTEGER NOT NULL, consultant TEXT NOT NULL,
        refused TEXT NOT NULL -- JSON of counts by HTTP status
    );

    -- Kept by triggers, so that no query has to count and no code can forget to.
    CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO counters VALUES ('waiting', 0), ('sent', 0), ('failed', 0), ('fence', 0), ('checks', 0);
    CREATE TRIGGER message_arrives AFTER INSERT ON messages BEGIN
        UPDATE counters SET value = value + 1 WHERE name = 'waiting';
    END;
    CREATE TRIGGER message_finishes AFTER UPDATE OF state ON messages
        WHEN NEW.state IN ('sent', 'failed', 'expired') AND OLD.state IN ('accepted', 'answering', 'answered') BEGIN
        UPDATE counters SET value = value - 1 WHERE name = 'waiting';
        UPDATE counters SET value = value + 1 WHERE name = NEW.state;
    END;
    CREATE TRIGGER message_returns AFTER UPDATE OF state ON messages
        WHEN OLD.state IN ('sent', 'failed', 'expired') AND NEW.state IN ('accepted', 'answering', 'answered') BEGIN
        UPDATE counters SET value = value + 1 WHERE name = 'waiting';
    END;
    CREATE TRIGGER message_is_cleared AFTER DELETE ON messages
        WHEN OLD.state IN ('accepted', 'answering', 'answered') BEGIN
        UPDATE counters SET value = value - 1 WHERE name = 'waiting';
    END;
    """,
    """
    CREATE TABLE questions (
        text TEXT PRIMARY KEY,
        answered INTEGER NOT NULL,
        confidence REAL NOT NULL,
        count INTEGER NOT NULL,
        last_at REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX questions_last ON questions (last_at);
    """,
    """
    ALTER TABLE messages ADD COLUMN timeline TEXT; -- JSON of models.Event, each [at, what, details]
    CREATE INDEX messages_phone ON messages (phone, id) WHERE phone IS NOT NULL;
    ALTER TABLE sessions ADD COLUMN summary TEXT; -- of the present conversation, up to and with message summarised
    ALTER TABLE sessions ADD COLUMN summarised INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE answered_by (name TEXT PRIMARY KEY, replies INTEGER NOT NULL) WITHOUT ROWID;
    """,
    """
    ALTER TABLE workers ADD COLUMN cpu REAL;
    ALTER TABLE workers ADD COLUMN memory INTEGER;
    ALTER TABLE sessions ADD COLUMN worker TEXT; -- whose claim `fence` is
    CREATE TABLE received (hour INTEGER PRIMARY KEY, messages INTEGER NOT NULL, last_at REAL NOT NULL);
    INSERT INTO received SELECT CAST(accepted_at / 3600 AS INTEGER) AS hour, count(*), max(accepted_at)
        FROM messages GROUP BY hour;
    CREATE TRIGGER message_is_received AFTER INSERT ON messages BEGIN
        INSERT INTO received VALUES (CAST(NEW.accepted_at / 3600 AS INTEGER), 1, NEW.accepted_at)
            ON CONFLICT (hour) DO UPDATE SET messages = messages + 1, last_at = max(last_at, NEW.accepted_at);
    END;
    """,
    """
    ALTER TABLE workers ADD COLUMN gauges TEXT NOT NULL DEFAULT '{}'; -- JSON of numbers by name
    ALTER TABLE workers ADD COLUMN counts TEXT NOT NULL DEFAULT '{}'; -- likewise, as last reported
    CREATE TABLE counted (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID; -- of all workers together
    INSERT INTO counters VALUES ('expired', 0);
    """,
    """
    CREATE TABLE quotas (key TEXT PRIMARY KEY, spent INTEGER NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
    """,
    """
    -- Who asked which question how often, so that clearing a session can take its part away.
    CREATE TABLE askers (
        user_id TEXT NOT NULL, text TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (user_id, text)
    ) WITHOUT ROWID;
    CREATE INDEX askers_text ON askers (text);
    """,
    """
    -- Indexes and triggers anew, in forms for which SQLite makes nothing beside the rows (see inbox.py). A function, as
    -- max(), might fail: a statement with one that has triggers keeps a copy of each page.
    DROP TRIGGER message_finishes;
    CREATE TRIGGER message_finishes AFTER UPDATE OF state ON messages
        WHEN (NEW.state = 'sent' OR NEW.state = 'failed' OR NEW.state = 'expired')
        AND (OLD.state = 'accepted' OR OLD.state = 'answering' OR OLD.state = 'answered') BEGIN
        UPDATE counters SET value = value - 1 WHERE name = 'waiting';
        UPDATE counters SET value = value + 1 WHERE name = NEW.state;
    END;
    DROP TRIGGER message_returns;
    CREATE TRIGGER message_returns AFTER UPDATE OF state ON messages
        WHEN (OLD.state = 'sent' OR OLD.state = 'failed' OR OLD.state = 'expired')
        AND (NEW.state = 'accepted' OR NEW.state = 'answering' OR NEW.state = 'answered') BEGIN
        UPDATE counters SET value = value + 1 WHERE name = 'waiting';
    END;
    DROP INDEX messages_waiting;
    CREATE INDEX messages_waiting ON messages (user_id, id)
        WHERE state = 'accepted' OR state = 'answering' OR state = 'answered';
    -- Of those that housekeeping looks for, not of those that change at each step.
    DROP INDEX messages_updated;
    CREATE INDEX messages_finished ON messages (updated_at)
        WHERE state = 'sent' OR state = 'failed' OR state = 'expired';
    DROP TRIGGER message_is_received;
    CREATE TRIGGER hour_begins BEFORE INSERT ON messages
        WHEN NOT EXISTS (SELECT 1 FROM received WHERE hour = CAST(NEW.accepted_at / 3600 AS INTEGER)) BEGIN
        INSERT INTO received VALUES (CAST(NEW.accepted_at / 3600 AS INTEGER), 0, NEW.accepted_at);
    END;
    CREATE TRIGGER message_is_received AFTER INSERT ON messages BEGIN
        UPDATE received SET messages = messages + 1, last_at = iif(last_at > NEW.accepted_at, last_at, NEW.accepted_at)
            WHERE hour = CAST(NEW.accepted_at / 3600 AS INTEGER);
    END;
    """,
]


def migrate(connection: sqlite3.Connection, path: Path, migrations: list[str] = MIGRATIONS) -> bool:
    """Bring a file to this version, all or nothing; whether it was of an older one.

    Raises `StoreError` for a newer or a foreign file.
    """
    connection.execute("BEGIN IMMEDIATE")  # of several processes that start at once one migrates, the others wait
    try:
        version = version_of(connection, path, len(migrations))
        for script in migrations[version:]:
            for statement in _statements(script):
                connection.execute(statement)
        if version < len(migrations):
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
        return 0 < version < len(migrations)
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def version_of(connection: sqlite3.Connection, path: Path, known: int = len(MIGRATIONS)) -> int:
    """The version of a file that is ours, 0 for an empty one. Raises `StoreError` for a newer or a foreign file."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    owner: int = connection.execute("PRAGMA application_id").fetchone()[0]
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if not empty and owner != APPLICATION_ID:
        raise StoreError(f"{path} is a database of another program; set store.url to a file of its own")
    if version > known:
        raise StoreError(
            f"{path} was made by a newer iteira (schema {version}, this one knows {known}); "
            "upgrade iteira, or set store.url to another file"
        )
    return version


def _statements(script: str) -> list[str]:
    """Single statements of a script: `executescript` would commit the transaction that holds them together."""
    statements, part = [], ""
    for line in script.splitlines():
        part += line + "\n"
        if sqlite3.complete_statement(part):
            statements.append(part)
            part = ""
    return [*statements, part] if part.strip() else statements
