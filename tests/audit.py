"""What is known against the libraries, and what was committed that is nobody's business: `make audit`.

Exit code 0 if nothing was found, 1 if something was, 3 if it could not be looked at, which is not the same as clean.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from detect_secrets.core.potential_secret import PotentialSecret
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import default_settings

PINNED = Path("constraints.txt")
SOURCES = ("pypi", "osv")
"""Who is asked what is known of a version; the second one where the first does not answer."""
MADE_UP = ("tests/", "benchmarks/", "deploy/checks/")
"""Where every `token = "…"` is invented; keys that look like somebody's are looked for there too."""
NO_SECRETS = frozenset({"OPENAI_API_KEY", "x-webhook-secret", "key-of-the-model", "pass", "from this machine alone."})
"""What stands where a secret could and is a name, or made up."""
FOUND, COULD_NOT_LOOK = 1, 3


def main() -> int:
    codes = [libraries(), secrets()]
    return next((code for code in (FOUND, COULD_NOT_LOOK) if code in codes), 0)


def libraries() -> int:
    """Every pinned version, by what the sources know of it."""
    unknown: list[str] = []
    for source in SOURCES:
        told = _asked(source)
        unknown = [f"{one['name']}: {one['skip_reason']}" for one in told if "skip_reason" in one]
        bad = [(one["name"], one["version"], found) for one in told for found in one.get("vulns", ())]
        for name, version, found in bad:
            print(f"VULNERABLE {name} {version}: {found['id']}, mended in {', '.join(found['fix_versions']) or '–'}")
        if bad:
            return FOUND
        if told and not unknown:
            print(f"{len(told)} libraries of {PINNED}: nothing is known against them ({source})")
            return 0
    print("THE LIBRARIES WERE NOT AUDITED: no source of vulnerabilities answers from here.")
    for line in unknown[:3]:
        print(f"  {line}")
    return COULD_NOT_LOOK


def _asked(source: str) -> list[dict[str, Any]]:
    """What a source says of each library; nothing where it does not answer."""
    what = ["--requirement", str(PINNED), "--no-deps", "--disable-pip"]
    how = ["--vulnerability-service", source, "--format", "json", "--progress-spinner", "off"]
    ended = subprocess.run([sys.executable, "-m", "pip_audit", *what, *how], capture_output=True, text=True)
    try:
        return list(json.loads(ended.stdout)["dependencies"])
    except (ValueError, KeyError):
        print(f"{source}: {(ended.stderr.strip().splitlines() or ['no answer'])[-1]}")
        return []


def secrets() -> int:
    """Every line that was ever committed, and those that are not yet."""
    found = 0
    commits = _git("rev-list", "HEAD").split()
    for commit in [*commits, "HEAD"]:
        new = ["diff", commit] if commit == "HEAD" else ["show", "--format=", commit]
        diff = _git(*new, "--unified=0")
        for secret in _in(diff):
            found += 1
            print(f"SECRET {secret.type} in {secret.filename}:{secret.line_number} of {commit[:12]}")
    print(f"{len(commits)} commits and what is not committed: {found or 'no'} secrets")
    return FOUND if found else 0


def _in(diff: str) -> Iterator[PotentialSecret]:
    collection = SecretsCollection()
    with default_settings() as settings:
        settings.disable_filters("detect_secrets.filters.common.is_invalid_file")  # what was removed is to be seen too
        collection.scan_diff(diff)
    for name, secret in collection:
        made_up = name.startswith(MADE_UP) and secret.type == "Secret Keyword"
        if not made_up and secret.secret_value not in NO_SECRETS:
            yield secret


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, check=True).stdout.decode(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
