"""The mean success rate over tasks, with an interval."""

from collections.abc import Mapping
from math import sqrt

from flywheel.report.schema import Mean, Result


def mean_success(tasks: Mapping[str, Result] | None) -> Mean | None:
    """None where there are no tasks, or where one has no scored episode: a mean without it would mean another thing.

    Zou & Donner (2008), "Construction of confidence limits about effect measures", eq. 6 for a sum of k independent
    estimates p_i with intervals (l_i, u_i), each divided by k: L = mean - sqrt(sum (p_i - l_i)^2) / k, U likewise.
    """
    rates = [result.rate for result in tasks.values() if result.rate is not None] if tasks else []
    if not tasks or len(rates) < len(tasks):
        return None
    known = list(zip(rates, tasks.values(), strict=True))
    mean = sum(rates) / len(rates)
    below = sqrt(sum((rate - result.lower) ** 2 for rate, result in known)) / len(rates)
    above = sqrt(sum((result.upper - rate) ** 2 for rate, result in known)) / len(rates)
    return Mean(rate=mean, lower=max(0.0, mean - below), upper=min(1.0, mean + above))
