"""Writes json/ anew: `python -m dashboards.build`."""

from pathlib import Path

from dashboards import cluster, data, endpoint, grafana, learning, loop, success
from dashboards.panels import Dashboard

FOLDER = Path(__file__).parent / "json"
DASHBOARDS: tuple[Dashboard, ...] = (
    success.DASHBOARD,
    loop.DASHBOARD,
    learning.DASHBOARD,
    endpoint.DASHBOARD,
    data.DASHBOARD,
    cluster.DASHBOARD,
)


def built() -> dict[str, str]:
    """File name -> content."""
    return {f"{page.uid}.json": grafana.as_json(page) for page in DASHBOARDS}


if __name__ == "__main__":
    for name, text in built().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
