"""An episode as the API shows it: what is known of it, not its arrays."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from flywheel.core.episode import Episode, EpisodeSummary, Outcome, Source
from flywheel.core.task import Label


class EpisodeView(BaseModel):
    """An episode without its arrays."""

    model_config = ConfigDict(from_attributes=True)

    episode_id: Annotated[
        str, Field(description="Its id", examples=["0003-collection-policy-0002-metaworld.reach-v3-7"])
    ]
    task: Annotated[str, Field(description="The task it was made for", examples=["metaworld/reach-v3"])]
    scene: Annotated[str, Field(description="Tasks of a scene can judge its episodes", examples=["metaworld"])]
    source: Annotated[Source, Field(description="Why it was made", examples=["collection"])]
    iteration: Annotated[int, Field(description="In which iteration", examples=[3])]
    behaviour_policy: Annotated[str, Field(description="Who acted", examples=["policy-0002"])]
    seed: Annotated[int, Field(description="Of its initial state", examples=[3735928559])]
    initial_state: Annotated[
        str, Field(description="Digest of the simulator's state after reset", examples=["9f86d081884c7d65"])
    ]
    outcome: Annotated[Outcome, Field(description="How it ended", examples=["success"])]
    num_decisions: Annotated[int, Field(description="T: how many actions were chosen", examples=[40])]
    time_to_success_s: Annotated[
        float | None, Field(description="Simulated seconds; null: no success", examples=[1.25])
    ]
    error: Annotated[str | None, Field(description="Why it crashed; null: it did not", examples=[None])]


class LabelView(BaseModel):
    """What an episode is worth under one task, as one labeler saw it."""

    task: Annotated[str, Field(description="Under which task", examples=["metaworld/reach-v3"])]
    labeler: Annotated[str, Field(description="Who judged", examples=["within"])]
    labeler_version: Annotated[int, Field(description="Its version; the newest counts", examples=[1])]
    success: Annotated[bool | None, Field(description="Null: unknown, which is not failure", examples=[True])]
    terminated: Annotated[bool, Field(description="Whether the task ended it", examples=[True])]
    num_decisions: Annotated[int, Field(description="T': under this task it ends after so many", examples=[25])]
    total_reward: Annotated[float, Field(description="Sum of its rewards", examples=[1.0])]

    @classmethod
    def of(cls, label: Label) -> Self:
        """Without the rewards one by one."""
        return cls(
            task=label.task,
            labeler=label.labeler,
            labeler_version=label.labeler_version,
            success=label.success,
            terminated=label.terminated,
            num_decisions=len(label.rewards),
            total_reward=float(label.rewards.sum()),
        )


Shape = Annotated[list[int], Field(description="Numbers along each axis", examples=[[40, 4]])]


class EpisodeDetail(EpisodeView):
    """An episode, its labels, and the shapes of its arrays."""

    decision_s: Annotated[float, Field(description="Simulated seconds between decisions", examples=[0.025])]
    terminated: Annotated[bool, Field(description="The task ended it", examples=[True])]
    truncated: Annotated[bool, Field(description="The time limit ended it", examples=[False])]
    actions: Annotated[Shape, Field(description="Shape of the actions: T, A", examples=[[40, 4]])]
    observations: Annotated[
        dict[str, list[int]], Field(description="Modality -> shape: T + 1, D", examples=[{"state": [41, 39]}])
    ]
    facts: Annotated[
        dict[str, list[int]],
        Field(description="What relabelling needs -> shape: T, R, F", examples=[{"tool": [40, 2, 3]}]),
    ]
    labels: Annotated[list[LabelView], Field(description="Those that count, by task")]
    has_video: Annotated[bool, Field(description="It was made; else asking for it makes it", examples=[False])]

    @classmethod
    def shown(cls, episode: Episode, labels: list[LabelView], *, has_video: bool) -> Self:
        """With its labels."""
        known = {name: getattr(episode, name) for name in EpisodeSummary.__dataclass_fields__}
        return cls(
            **known,
            decision_s=episode.decision_s,
            terminated=episode.terminated,
            truncated=episode.truncated,
            actions=list(episode.actions.shape),
            observations={name: list(values.shape) for name, values in episode.observations.items()},
            facts={name: list(values.shape) for name, values in episode.facts.items()},
            labels=labels,
            has_video=has_video,
        )
