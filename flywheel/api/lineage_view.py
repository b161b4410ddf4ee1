"""Lineage as the API shows it."""

from collections.abc import Sequence
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, Field

from flywheel.lineage.episode import EpisodeLineage
from flywheel.lineage.policy import PolicyLineage

Row = TypeVar("Row", bound=BaseModel)


class EpisodesUsed(BaseModel):
    """Episodes of one kind."""

    behaviour_policy: Annotated[str, Field(description="Who made them", examples=["policy-0002"])]
    source: Annotated[str, Field(description="Why they were made", examples=["collection"])]
    task: Annotated[str, Field(description="For which task", examples=["metaworld/reach-v3"])]
    outcome: Annotated[str, Field(description="How they ended", examples=["success"])]
    episodes: Annotated[int, Field(description="How many", examples=[150])]


class LabelsUsed(BaseModel):
    """Labels of one kind."""

    task: Annotated[str, Field(description="Under which task", examples=["metaworld/reach-v3"])]
    labeler: Annotated[str, Field(description="Who judged", examples=["within"])]
    labeler_version: Annotated[int, Field(description="Its version", examples=[1])]
    labels: Annotated[int, Field(description="How many", examples=[450])]


class PolicyLineageView(BaseModel):
    """What a policy version was trained on, and its relatives."""

    policy_id: Annotated[str, Field(description="Its id", examples=["policy-0003"])]
    parent: Annotated[
        str | None, Field(description="Whose weights training started from; null: fresh", examples=["policy-0002"])
    ]
    children: Annotated[
        list[str], Field(description="Versions that started from its weights", examples=[["policy-0004"]])
    ]
    episodes: Annotated[
        list[EpisodesUsed] | None, Field(description="What it was trained on; null: no longer readable")
    ]
    labels: Annotated[list[LabelsUsed] | None, Field(description="Of these episodes; null: no longer readable")]
    excluded: Annotated[
        int | None, Field(description="Labelled episodes that recalls left out; null: not known", examples=[0])
    ]
    made_by: Annotated[
        list[str],
        Field(description="Versions of flywheel that made it, in order", examples=[["0.1.0", "0.2.0"]]),
    ]
    unreadable: Annotated[str | None, Field(description="Why the data cannot be read any more", examples=[None])]

    @classmethod
    def of(cls, found: PolicyLineage) -> Self:
        """Rows as objects, so that a reader need not know the order of columns."""
        used, labels = found.episodes, found.labelers
        return cls(
            policy_id=found.version.policy_id,
            parent=found.version.parent,
            children=list(found.children),
            episodes=None if used is None else [_row(EpisodesUsed, row) for row in used],
            labels=None if labels is None else [_row(LabelsUsed, row) for row in labels],
            excluded=found.excluded,
            made_by=list(found.made_by),
            unreadable=found.unreadable,
        )


class EpisodeLineageView(BaseModel):
    """Which policy versions an episode went into."""

    episode_id: Annotated[str, Field(description="Its id", examples=["0003-collection-policy-0002-reach-7"])]
    trained: Annotated[list[str], Field(description="Versions that were trained on it", examples=[["policy-0003"]])]
    left_out: Annotated[
        list[str], Field(description="Versions whose data held it and whose recalls left it out", examples=[[]])
    ]
    unknown: Annotated[
        list[str], Field(description="Versions whose data cannot be read any more", examples=[["policy-0000"]])
    ]
    recalled_by: Annotated[list[int], Field(description="Recalls that keep it out of later training", examples=[[]])]

    @classmethod
    def of(cls, found: EpisodeLineage) -> Self:
        """Without the labels, which have a path of their own."""
        return cls(
            episode_id=found.episode.episode_id,
            trained=list(found.trained),
            left_out=list(found.left_out),
            unknown=list(found.unknown),
            recalled_by=list(found.recalled_by),
        )


def _row(kind: type[Row], values: Sequence[Any]) -> Row:
    """The values are in the order of the fields."""
    return kind.model_validate(dict(zip(kind.model_fields, values, strict=True)))
