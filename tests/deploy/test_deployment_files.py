"""What is in deploy/ agrees with the daemon, and the programs it is written for can read it.

`make check-deploy` runs the same files for real, which takes minutes and needs root.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.checks import compose
from deploy.checks.dockerfile import sent
from deploy.checks.running import Wrong
from server.serving import KEEP_ALIVE
from server.settings import Settings, load
from tests.deploy.conftest import program

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
DEFAULTS = Settings()
FREE = {"ExecStart", "Description", "After", "Wants", "Before"}
"""What two units of the daemon may differ in."""


def directive(file: str, name: str) -> str:
    """The value of an nginx directive."""
    found = re.findall(rf"^\s*{name} (.+);$", (DEPLOY / "nginx" / file).read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{name} is not in {file}"
    return str(found[0])


def seconds(value: str) -> float:
    return float(value.removesuffix("s"))


def test_the_proxy_waits_longer_than_the_daemon_and_reads_as_much_as_it() -> None:
    assert seconds(directive("proxy.conf", "proxy_read_timeout")) >= DEFAULTS.server.reply_wait + 5
    assert seconds(directive("iteira.conf", "keepalive_timeout")) < KEEP_ALIVE
    assert directive("iteira.conf", "client_max_body_size") == f"{DEFAULTS.limits.body // 1024}k"


def test_the_proxy_replaces_what_a_client_says_of_his_address() -> None:
    headers = dict(re.findall(r"proxy_set_header (\S+) (.*);", (DEPLOY / "nginx/proxy.conf").read_text()))
    assert headers["X-Forwarded-For"] == "$remote_addr"
    assert headers["Forwarded"] == headers["X-Real-IP"] == '""'


def test_the_configuration_that_is_shipped_can_be_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(DEPLOY / "config.toml")
    ports = re.findall(r"^server 127\.0\.0\.1:(\d+)", (DEPLOY / "nginx/nodes.conf").read_text(), re.MULTILINE)
    assert str(settings.server.port) in ports
    assert settings.server.trusted_proxies == ["127.0.0.1", "::1"]


def test_a_node_of_the_compose_file_is_configured_with_settings_that_exist(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in compose.node_environment(compose.read(compose.GIVEN)).items():
        monkeypatch.setenv(name, value)
    settings = load()
    assert settings.store.url == "redis://:a-password@redis:6379/0"
    assert settings.server.trusted_proxies == ["172.30.84.10"]
    assert settings.admin.token
    assert [token.get_secret_value() for token in settings.admin.read_tokens] == [compose.GIVEN["METRICS_TOKEN"]]


def test_the_compose_file_keeps_its_own_rules() -> None:
    for what, wrong in compose.faults(compose.read(compose.GIVEN)).items():
        assert not wrong, f"{what}: {wrong}"


@pytest.mark.parametrize("name", ["ITEIRA_ADMIN__TOKEN", "METRICS_TOKEN", "REDIS_PASSWORD", "GRAFANA_PASSWORD", "TLS"])
def test_nothing_starts_without_its_secrets(name: str) -> None:
    with pytest.raises(Wrong, match=name):
        compose.read({**compose.GIVEN, name: ""})


def test_containers_are_given_the_time_that_a_daemon_needs_to_stop() -> None:
    grace = DEFAULTS.server.shutdown_grace + 10
    for name in ("node-1", "node-2"):
        assert seconds(compose.read(compose.GIVEN)["services"][name]["stop_grace_period"]) > grace
    for unit in ("iteira.service", "iteira-worker.service"):
        found = re.search(r"^TimeoutStopSec=(\d+)$", (DEPLOY / "systemd" / unit).read_text(), re.MULTILINE)
        assert found
        assert int(found[1]) > grace


@pytest.mark.parametrize(
    "name", [".env", "deploy/.env", "config.toml", "var/iteira.db", ".git/config", "tests/clock.py"]
)
def test_no_secret_and_no_data_gets_into_the_image(name: str) -> None:
    assert not sent(name)


@pytest.mark.parametrize(
    "name", ["pyproject.toml", "server/app.py", "mock_server/page/console.html", "deploy/config.toml"]
)
def test_what_the_image_is_made_of_does(name: str) -> None:
    assert sent(name)


def test_redis_keeps_what_it_has_accepted() -> None:
    said = dict(
        line.split(maxsplit=1)
        for line in (DEPLOY / "redis/redis.conf").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
    assert (said["appendonly"], said["appendfsync"], said["maxmemory-policy"]) == ("yes", "always", "noeviction")


def test_daemon_and_worker_are_forbidden_the_same() -> None:
    def lines(unit: str) -> list[str]:
        text = (DEPLOY / "systemd" / unit).read_text(encoding="utf-8").splitlines()
        return [line for line in text if line.partition("=")[0] not in FREE]

    assert lines("iteira.service") == lines("iteira-worker.service")


def test_nginx_can_read_the_site(tmp_path: Path) -> None:
    nginx = program("nginx")
    certificate = ("-subj", "/CN=x", "-keyout", tmp_path / "privkey.pem", "-out", tmp_path / "fullchain.pem")
    make: list[str | Path] = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *certificate]
    subprocess.run(make, check=True, capture_output=True)
    for name in ("proxy.conf", "nodes.conf", "admin.conf.example"):
        text = (DEPLOY / "nginx" / name).read_text().replace("/etc/nginx/iteira", str(tmp_path))
        (tmp_path / name.removesuffix(".example")).write_text(text)
    site = (DEPLOY / "nginx/iteira.conf").read_text()
    site = site.replace("/etc/nginx/iteira/tls", str(tmp_path)).replace("/etc/nginx/iteira", str(tmp_path))
    site = re.sub(r"listen (\[::\]:)?(80|443)", r"listen \g<1>24\2", site).replace("/var/log/nginx", str(tmp_path))
    places = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid; events {{}} http {{ {places} {site} }}")
    done = subprocess.run(
        [nginx, "-t", "-q", "-e", tmp_path / "error.log", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_prometheus_can_read_the_configuration_of_its_container(tmp_path: Path) -> None:
    promtool = program("promtool")
    (tmp_path / "iteira.token").touch()
    for name in ("prometheus.compose.yml", "rules.yml"):
        text = (DEPLOY / "prometheus" / name).read_text(encoding="utf-8").replace("/etc/prometheus", str(tmp_path))
        (tmp_path / name).write_text(text, encoding="utf-8")
    check: list[str | Path] = [promtool, "check", "config", tmp_path / "prometheus.compose.yml"]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_prometheus_asks_every_node_of_the_compose_file() -> None:
    text = (DEPLOY / "prometheus/prometheus.compose.yml").read_text(encoding="utf-8")
    nodes = [name for name in compose.read(compose.GIVEN)["services"] if name.startswith("node-")]
    assert yaml.safe_load(text)["scrape_configs"][0]["static_configs"][0]["targets"] == [f"{n}:8000" for n in nodes]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_can_read_a_unit_and_finds_little_that_it_could_still_forbid(unit: Path, tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/iteira/bin/iteira", "/bin/true"))
    verified = subprocess.run([analyze, "verify", copy], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    judge: list[str | Path] = [analyze, "security", "--offline=true", "--threshold=29", copy]
    judged = subprocess.run(judge, capture_output=True, text=True)
    assert judged.returncode == 0, judged.stdout
