"""Settings of the network and of its training."""

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from flywheel.config.mixture import MixtureConfig
from flywheel.config.section import Count, Section, Share
from flywheel.core.plan import InitialWeights


class NetworkConfig(Section):
    """The Perceiver actor-critic."""

    width: Count = 64
    """D: size of tokens and latents."""
    num_latents: Count = 4
    num_blocks: Count = 2
    """Self-attention blocks over the latents."""
    num_heads: Count = 2
    num_action_bins: Annotated[int, Field(ge=2)] = 33
    """V: values that an action dimension can take."""
    num_return_bins: Annotated[int, Field(ge=2)] = 51
    """K: of the critic's distribution."""
    return_range: tuple[float, float] = (0.0, 1.0)
    """Smallest and largest discounted return that the critic can express."""
    history: Count = 1
    """Observations that the policy sees at once."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.width % self.num_heads:
            raise ValueError(f"width: {self.width} is not a multiple of num_heads {self.num_heads}")
        if self.return_range[0] >= self.return_range[1]:
            raise ValueError(f"return_range: {list(self.return_range)} is not a range from low to high")
        return self


class Algorithm(StrEnum):
    """Settings of one learner."""

    BC = "bc"
    FILTERED_BC = "filtered_bc"
    ALPHA_PAC = "alpha_pac"
    PAC = "pac"


class TrainConfig(Section):
    """The learner and its data."""

    algorithm: Algorithm = Algorithm.ALPHA_PAC
    bc_weight: tuple[Share, ...] = Field(default=(0.6, 0.5), min_length=1)
    """alpha of alpha-PAC, per iteration; the last value holds from there on."""
    critic_weight: Annotated[float, Field(ge=0.0)] = 1.0
    """beta."""
    temperature: tuple[Annotated[float, Field(gt=0.0)], ...] = Field(default=(0.01, 0.02), min_length=1)
    """eta, in units of return, per iteration; the last value holds from there on."""
    num_sampled_actions: Annotated[int, Field(ge=2)] = 8
    """N: actions scored for the policy improvement."""
    num_bootstrap_actions: Count = 2
    """Actions that the critic's target averages over."""
    discount: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.97
    """Per decision."""
    num_steps: Count = 3
    """n of the n-step return, in decisions."""
    target_rate: Annotated[float, Field(gt=0.0, le=1.0)] = 0.01
    """Share by which the target network moves to the learner at each update."""
    learning_rate: tuple[Annotated[float, Field(gt=0.0)], ...] = Field(default=(7e-4, 3.5e-4), min_length=1)
    """AdamW's, per iteration; the last value holds from there on."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 1e-4
    warmup_updates: Annotated[int, Field(ge=0)] = 100
    """Updates over which the learning rate rises from 0."""
    max_gradient_norm: Annotated[float, Field(gt=0.0)] = 1.0
    batch_size: Count = 128
    """B, over all training workers."""
    num_updates: tuple[Count, ...] = Field(default=(2500, 1000), min_length=1)
    """Per iteration; the last value holds from there on."""
    checkpoint_every: Count = 500
    """Updates between two checkpoints."""
    initial_weights: InitialWeights = InitialWeights.CANDIDATE
    """Where the iterations after 0 start: the version trained last, the live one, or fresh weights."""
    mixture: tuple[MixtureConfig, ...] = Field(default=(MixtureConfig(),), min_length=1)
    """What a batch holds: a section, or one per iteration; the last one holds from there on."""
    memory_bytes: Annotated[int, Field(ge=2**20)] = 4 * 2**30
    """Memory for data, per training worker. More data than fits is streamed through a window of this size."""
    compile: bool = False
    """Compile the update with torch.compile: worth it on a GPU and for long training."""

    @field_validator("mixture", mode="before", json_schema_input_type=MixtureConfig | tuple[MixtureConfig, ...])
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict | MixtureConfig) else value
