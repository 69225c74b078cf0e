"""What a daemon tells Prometheus, read by Prometheus' own parser."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.polling import eventually

Figures = dict[tuple[str, ...], float]
"""By name and values of labels, in the alphabetical order of the labels."""


async def figures(daemon: httpx.AsyncClient) -> Figures:
    text = (await daemon.get("/metrics")).text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def counted(daemon: httpx.AsyncClient, *series: str, at_least: float = 1) -> Figures:
    """The figures once the worker has told so many of `series`: it reports every second."""
    return dict(await eventually(lambda: figures(daemon), lambda told: told.get(series, 0) >= at_least))
