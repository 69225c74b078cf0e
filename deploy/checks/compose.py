"""The compose file: valid by the specification, and agreeing with the files that it puts into the containers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

import yaml

from deploy.checks.running import ROOT, Missing, Report, Wrong

FOLDER = ROOT / "deploy"
GIVEN = {
    "ITEIRA_ADMIN__TOKEN": "an-admin-token-of-the-check",
    "METRICS_TOKEN": "a-metrics-token-of-the-check",
    "REDIS_PASSWORD": "a-password",
    "GRAFANA_PASSWORD": "another-password",
    "TLS": "./tls",
}
"""What an operator writes into deploy/.env."""
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<how>[-?])(?P<word>[^}]*))?\}")


def check(report: Report) -> None:
    """Raises `Wrong` for what does not hold, `Missing` for what cannot be seen here."""
    try:
        from compose_spec import PyCompose
    except ImportError:
        raise Missing("compose-spec (the Python package)") from None
    document = read(GIVEN)
    compose = PyCompose.from_yaml(yaml.safe_dump(document))
    for validate in (
        compose.validate,
        compose.validate_configs,
        compose.validate_networks,
        compose.validate_secrets,
        compose.validate_volumes,
    ):
        validate()
    report.saw(f"valid by the compose specification: {', '.join(sorted(document['services']))}")
    for what, wrong in faults(document).items():
        report.must(not wrong, what, wrong)
    _by_docker(report)


def _by_docker(report: Report) -> None:
    plugin = shutil.which("docker") and subprocess.run(
        ["docker", "compose", "version"], capture_output=True, check=False
    )
    if not plugin or plugin.returncode:
        report.saw("NOT asked: docker compose (its plugin is not installed)")
        return
    command = ["docker", "compose", "--file", str(FOLDER / "compose.yaml"), "config", "--quiet"]
    done = subprocess.run(command, env={**os.environ, **GIVEN}, capture_output=True, text=True, check=False)
    report.must(done.returncode == 0, "docker compose config is content", done.stderr)


def read(given: Mapping[str, str]) -> dict[str, Any]:
    """The file with its variables filled in. Raises `Wrong` where one must be given and is not."""

    def value(found: re.Match[str]) -> str:
        name, how, word = found["name"], found["how"], found["word"]
        if given.get(name):
            return given[name]
        if how != "-":
            raise Wrong(f"{name} is not given: {word}")
        return str(word)

    document = yaml.safe_load(VARIABLE.sub(value, (FOLDER / "compose.yaml").read_text(encoding="utf-8")))
    return {key: part for key, part in document.items() if not key.startswith("x-")}


def faults(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """What should hold, and what breaks it."""
    services: dict[str, Any] = document["services"]
    mounted = [volume.split(":") for service in services.values() for volume in service.get("volumes", ())]
    own = [parts for parts in mounted if parts[0].startswith(".") and parts[0] != GIVEN["TLS"]]
    nodes = re.findall(r"^server ([\d.]+):8000", (FOLDER / "nginx/nodes.compose.conf").read_text(), re.MULTILINE)
    addresses = [services[name]["networks"]["inside"]["ipv4_address"] for name in ("node-1", "node-2")]
    proxy = services["nginx"]["networks"]["inside"]["ipv4_address"]
    return {
        "every container has a read-only file system": [n for n, s in services.items() if not s.get("read_only")],
        "no capabilities but those that it names": [n for n, s in services.items() if s.get("cap_drop") != ["ALL"]],
        "no new privileges": [n for n, s in services.items() if s.get("security_opt") != ["no-new-privileges:true"]],
        "they are started again": [n for n, s in services.items() if s.get("restart") != "unless-stopped"],
        "every image has a version": [
            n for n, s in services.items() if not n.startswith("node-") and not re.search(r":v?\d", s["image"])
        ],
        "what is mounted is there": [parts[0] for parts in own if not (FOLDER / parts[0]).exists()],
        "and cannot be changed": [parts[0] for parts in own if parts[-1] != "ro"],
        "nginx knows the nodes' addresses": [a for a in addresses if a not in nodes],
        "the nodes trust nginx alone": [
            n for n in ("node-1", "node-2") if services[n]["environment"]["ITEIRA_SERVER__TRUSTED_PROXIES"] != proxy
        ],
        "nothing but nginx can be reached from other machines": [
            n
            for n, s in services.items()
            if n != "nginx" and not all(port.startswith("127.0.0.1:") for port in s.get("ports", ()))
        ],
        "env.example names every variable": unexplained(),
        "Redis is on the inner network alone": [n for n in services["redis"]["networks"] if n != "inside"],
    }


def node_environment(document: Mapping[str, Any]) -> dict[str, str]:
    """What a node is configured with."""
    return {name: str(value or "") for name, value in document["services"]["node-1"]["environment"].items()}


def unexplained() -> list[str]:
    """Variables of the file that env.example does not name."""
    named = re.findall(r"^(\w+)=", (FOLDER / "env.example").read_text(encoding="utf-8"), re.MULTILINE)
    used = {found["name"] for found in VARIABLE.finditer((FOLDER / "compose.yaml").read_text(encoding="utf-8"))}
    return sorted(used - {*named, "TZ", "ITEIRA_VERSION"})
