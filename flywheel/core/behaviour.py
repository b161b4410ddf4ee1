"""How a policy acts in an environment. Which policy, each request says."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """The same for all that are asked at once."""

    sampled: bool
    """Draw actions from the policy's distribution, or take its most likely ones."""
    sharpness: float = 1.0
    """Power of the distribution that sampled actions are drawn from: above 1, nearer to the most likely ones."""
    random_actions: float = 0.0
    """Share of decisions replaced by uniform random actions."""
