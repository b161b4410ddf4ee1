"""Episodes: find them, look at one, see what it was judged to be and what it went into."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from flywheel.api.episode_view import EpisodeDetail, EpisodeView, LabelView
from flywheel.api.guards import Desk, Reader
from flywheel.api.lineage_view import EpisodeLineageView
from flywheel.api.pages import Page, PageSize, PageToken, decoded, encoded
from flywheel.api.plane import Plane
from flywheel.api.problems import documented
from flywheel.api.route import Route
from flywheel.api.standing import version_named
from flywheel.api.times import Moment
from flywheel.core.episode import Episode, Outcome, Source

router = APIRouter(tags=["episodes"], route_class=Route)
EpisodeId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=500,
        description="The episode's id",
        examples=["0003-collection-policy-0002-metaworld.reach-v3-7"],
    ),
]


@router.get("/episodes", responses=documented(400, 404))
def list_episodes(
    plane: Desk,
    who: Reader,
    task: Annotated[
        str | None, Query(max_length=200, description="Only made for this task", examples=["metaworld/reach-v3"])
    ] = None,
    policy: Annotated[
        str | None,
        Query(
            max_length=100,
            description="Only made by this version; `live`: by the one that is live; `candidate`: by the one that the "
            "newest evaluation judged",
            examples=["policy-0002"],
        ),
    ] = None,
    at: Annotated[
        Moment | None,
        Query(
            description="With policy=live or candidate: who that was at this time (RFC 3339 with a time zone, or "
            "milliseconds since 1970)",
            examples=["2026-01-05T12:00:00Z"],
        ),
    ] = None,
    outcome: Annotated[Outcome | None, Query(description="Only those that ended so", examples=["failure"])] = None,
    source: Annotated[Source | None, Query(description="Only made for this", examples=["collection"])] = None,
    iteration: Annotated[
        int | None, Query(ge=0, le=2**31 - 1, description="Only made in this iteration", examples=[3])
    ] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[EpisodeView]:
    """Episodes, those of later iterations first.

    A page looks at a bounded part of the table: it may hold fewer than `page_size`, even none, while there are more.
    404: no version was live, or a candidate, at that time.
    """
    found = plane.episodes.page(
        size=page_size,
        before=None if page_token is None else decoded(page_token),
        task=task,
        behaviour_policy=version_named(plane, policy, at=at),
        outcome=outcome,
        source=source,
        iteration=iteration,
    )
    return Page(
        items=[EpisodeView.model_validate(summary) for summary in found.summaries],
        next_page_token=None if found.before is None else encoded(found.before),
    )


@router.get("/episodes/{episode_id}", responses=documented(404))
def get_episode(episode_id: EpisodeId, plane: Desk, who: Reader) -> EpisodeDetail:
    """One episode, with its labels and the shapes of its arrays."""
    episode = read_episode(plane, episode_id)
    return EpisodeDetail.shown(episode, _labels(plane, episode_id), has_video=plane.videos.find(episode_id) is not None)


@router.get("/episodes/{episode_id}/labels", responses=documented(400, 404))
def list_episode_labels(episode_id: EpisodeId, plane: Desk, who: Reader) -> Page[LabelView]:
    """What it is worth under each task that can judge it; the newest labeler counts. Always one page."""
    read_episode(plane, episode_id)
    return Page(items=_labels(plane, episode_id), next_page_token=None)


@router.get("/episodes/{episode_id}/lineage", responses=documented(404))
def get_episode_lineage(episode_id: EpisodeId, plane: Desk, who: Reader) -> EpisodeLineageView:
    """The policy versions that were trained on it. Looks into the data of each: it may take a while."""
    read_episode(plane, episode_id)
    return EpisodeLineageView.of(plane.lineage.episode(episode_id))


def read_episode(plane: Plane, episode_id: str) -> Episode:
    """NotFoundError: there is none with this id."""
    (episode,) = plane.episodes.read(episode_ids=[episode_id])
    return episode


def _labels(plane: Plane, episode_id: str) -> list[LabelView]:
    return [LabelView.of(label) for label in plane.labels.of([episode_id]).get(episode_id, ())]
