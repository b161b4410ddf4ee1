"""Settings of what training's batches hold."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from flywheel.config.section import Section

SourceName = Literal["demonstration", "collection", "evaluation", "upload", "relabelled"]
Weight = Annotated[float, Field(ge=0.0)]


def _default_sources() -> dict[SourceName, Weight]:
    return {"demonstration": 0.2, "collection": 0.5, "evaluation": 0.3, "relabelled": 0.0}


class MixtureConfig(Section):
    """Weights of one iteration's data. Whatever has no data gives its share to the others in proportion."""

    sources: dict[SourceName, Weight] = Field(
        default_factory=_default_sources, examples=[{"demonstration": 0.2, "collection": 0.5, "evaluation": 0.3}]
    )
    """Weights of the data's sources in a batch; one that is not named has weight 0. `relabelled`: episodes under a task
    that they were not made for; `upload`: imported from files."""
    tasks: dict[str, Weight] = Field(default_factory=dict, examples=[{"metaworld/reach-v3": 2.0}])
    """Weights of the tasks within each source; a task that is not named has weight 1."""
    outcomes: dict[Literal["success", "failure"], Weight] = Field(default_factory=dict, examples=[{"failure": 0.5}])
    """Factors on a transition's chance within its source and task; 1 where not named."""
    half_life_iterations: Annotated[float, Field(gt=0.0)] | None = Field(default=None, examples=[3.0])
    """Within a source and task, a transition's chance halves with every so many iterations of age; null: never."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not sum(self.sources.values()) > 0:
            raise ValueError("sources: all weights are 0")
        return self
