"""What a scrape says, as plain values."""

from prometheus_client.parser import text_string_to_metric_families

Series = tuple[str, tuple[tuple[str, str], ...]]


def scraped(text: str) -> dict[Series, float]:
    """(Sample's name, its labels in order) -> value."""
    found: dict[Series, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            series = (sample.name, tuple(sorted(sample.labels.items())))
            assert series not in found, f"{series} twice"
            found[series] = sample.value
    return found


def value(text: str, name: str, **labels: str) -> float | None:
    """Of one series; None: it is absent."""
    return scraped(text).get((name, tuple(sorted(labels.items()))))


def families(text: str) -> dict[str, str]:
    """Name -> kind, as the text declares them."""
    lines = [line.split() for line in text.splitlines() if line.startswith("# TYPE ")]
    return {name: kind for _, _, name, kind in lines}
