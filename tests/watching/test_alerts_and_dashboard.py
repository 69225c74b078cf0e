"""What is delivered for Prometheus and Grafana: it is valid, it fires, and it asks for figures that there are."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.daemon import running_daemon, settings_for

ROOT = Path(__file__).parents[2]
PROMETHEUS, GRAFANA = ROOT / "deploy" / "prometheus", ROOT / "deploy" / "grafana"
RULES, TESTS = PROMETHEUS / "rules.yml", PROMETHEUS / "rules.test.yml"
DASHBOARD = GRAFANA / "dashboards" / "iteira.json"
NAME = re.compile(r"\biteira_[a-z_]+\b")
ALERT = re.compile(r"alert: (\w+)")
FIRES = re.compile(r"alertname: (\w+)\s+exp_alerts:\s+- ")


@pytest.fixture
async def page(tmp_path: Path) -> str:
    """What a real daemon tells Prometheus."""
    (tmp_path / "knowledge").mkdir()
    settings = settings_for(tmp_path, "http://127.0.0.1:9/")
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        return (await client.get("/metrics")).text


@pytest.fixture
def families(page: str) -> list[Metric]:
    """Every figure in it."""
    return list(text_string_to_metric_families(page))


def names(families: list[Metric]) -> set[str]:
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    return {family.name + ending for family in families for ending in endings.get(family.type, ("",))}


def panels() -> Iterator[dict[str, Any]]:
    yield from json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=PROMETHEUS, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_configuration_and_the_alerts_are_valid(promtool: str, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("token-of-the-administration")
    config = (PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8")
    (tmp_path / "prometheus.yml").write_text(config.replace("/etc/prometheus/iteira.token", str(token)))
    (tmp_path / "rules.yml").write_bytes(RULES.read_bytes())
    assert "valid prometheus config" in run(promtool, "check", "config", str(tmp_path / "prometheus.yml"))


def test_the_figures_are_named_as_prometheus_recommends(promtool: str, page: str) -> None:
    done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_each_alert_fires_when_it_should(promtool: str) -> None:
    assert "SUCCESS" in run(promtool, "test", "rules", str(TESTS))


def test_each_alert_has_such_a_test_and_an_advice() -> None:
    rules, tests = RULES.read_text(encoding="utf-8"), TESTS.read_text(encoding="utf-8")
    alerts = set(ALERT.findall(rules))
    assert alerts == set(FIRES.findall(tests))
    assert len(alerts) == rules.count("description:") == rules.count("summary:")
    advice = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    assert [alert for alert in alerts if f"`{alert}`" not in advice] == []


async def test_alerts_and_dashboard_ask_for_figures_that_there_are(families: list[Metric]) -> None:
    asked = set(NAME.findall(RULES.read_text(encoding="utf-8")))
    asked |= {
        name for panel in panels() for target in panel.get("targets", []) for name in NAME.findall(target["expr"])
    }
    assert len(asked) > 20
    assert sorted(asked - names(families)) == []


async def test_the_documentation_lists_the_figures_that_there_are(families: list[Metric]) -> None:
    table = re.findall(r"^\| `(iteira_\w+)(?:\{([\w, ]+)\})?` \|", (ROOT / "docs/observability.md").read_text(), re.M)
    total = {"counter": "_total"}
    assert [name for name, _ in table] == [family.name + total.get(family.type, "") for family in families]
    told = {f.name: {label for s in f.samples for label in s.labels if label != "le"} for f in families if f.samples}
    documented = {name.removesuffix("_total"): set(filter(None, labels.split(", "))) for name, labels in table}
    assert {name: documented[name] for name in told} == told


def test_every_panel_says_what_it_shows_and_has_a_place_of_its_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"], panel["title"]
            assert panel["targets"], panel["title"]
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))


def test_the_dashboard_is_provisioned_from_where_it_is_put() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert (dashboard["uid"], dashboard.get("id")) == ("iteira", None)  # an id would be another Grafana's own
    asked = {json.dumps(t["datasource"]) for panel in panels() for t in panel.get("targets", [])}
    assert asked == {json.dumps({"type": "prometheus", "uid": "${datasource}"})}
    providers = (GRAFANA / "provisioning/dashboards/iteira.yml").read_text(encoding="utf-8")
    assert "path: /var/lib/grafana/dashboards" in providers
