"""Lineage of a policy version: what it was made from, how it was judged, and when it was deployed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel.core.episode import EpisodeSummary, Outcome, Source
from flywheel.core.errors import ConfigError, StoreError, StoreUnavailableError
from flywheel.core.exclusion import Exclusion, Recall, exclusion
from flywheel.core.iteration import Iteration, Stage
from flywheel.core.policy import PolicyVersion
from flywheel.journey import history
from flywheel.lineage.recall import recalls
from flywheel.store import layout
from flywheel.store.whole import Store


@dataclass(frozen=True, kw_only=True)
class PolicyLineage:
    """Plain values, so that they can be shown as they are."""

    version: PolicyVersion
    children: tuple[str, ...]
    """Versions whose training started from this one's weights."""
    episodes: tuple[tuple[str, str, str, str, int], ...] | None
    """Behaviour policy, source, task, outcome and number of what it was trained on. None: no longer readable."""
    excluded: int | None
    """Labelled episodes of that data that its recalls left out."""
    labelers: tuple[tuple[str, str, int, int], ...] | None
    """Task, labeler, labeler version and number of labels."""
    unreadable: str | None
    """Why the data cannot be read any more."""
    made_by: tuple[str, ...]
    """Versions of flywheel that recorded the stages which made it, in order."""
    gate: Mapping[str, Any] | None
    """What the evaluation recorded."""
    deployments: tuple[Mapping[str, Any], ...]
    """Iterations after which it was live, and those in which it was deployed anew."""


def policy_id(given: str) -> str:
    """`7`, `0007` and `policy-0007` are one version."""
    return f"policy-{int(given):04d}" if given.isdecimal() else given


def policy_lineage(store: Store, given: str) -> PolicyLineage:
    """ConfigError: there is no such version. StoreError: a record or a manifest is damaged."""
    name = policy_id(given)
    version, iterations = store.policies.version(name), history(store.records)
    if version is None:
        trained = [some.outcomes[Stage.TRAIN]["policy_id"] for some in iterations if Stage.TRAIN in some.outcomes]
        raise ConfigError(f"{store.url} has no policy version {name}; it has {', '.join(trained) or 'none'}")
    episodes, labelers, excluded, unreadable = None, None, None, None
    try:
        summaries = store.episodes.summaries(version=version.trained_on[layout.EPISODES])
        labels = store.labels.read(version=version.trained_on[layout.LABELS])
    except StoreUnavailableError:
        raise
    except StoreError as failure:
        unreadable = str(failure)
    else:
        left_out = exclusion_of(version, recalls(store.records))
        labelled = [some for some in summaries if some.episode_id in labels and trainable(some)]
        used = [some for some in labelled if not left_out.excludes(some.episode_id, some.behaviour_policy)]
        episodes, excluded = _counted(used), len(labelled) - len(used)
        labelers = _sorted_counts(
            (label.task, label.labeler, label.labeler_version) for some in used for label in labels[some.episode_id]
        )
    return PolicyLineage(
        version=version,
        children=tuple(
            some.outcomes[Stage.TRAIN]["policy_id"]
            for some in iterations
            if some.outcomes.get(Stage.TRAIN, {}).get("parent") == name
        ),
        episodes=episodes,
        excluded=excluded,
        labelers=labelers,
        unreadable=unreadable,
        made_by=_made_by(version.iteration, iterations),
        gate=_gate(name, iterations),
        deployments=_deployments(name, iterations),
    )


def trainable(episode: EpisodeSummary) -> bool:
    """Whether training takes the episode at all, labels and recalls apart."""
    return episode.source is not Source.FINAL and episode.outcome is not Outcome.ERROR


def exclusion_of(version: PolicyVersion, known: Iterable[Recall]) -> Exclusion:
    """What the version's own recalls left out, whether they were undone later or not."""
    return exclusion(recall for recall in known if recall.number in version.recalls)


def _counted(episodes: Sequence[EpisodeSummary]) -> tuple[tuple[str, str, str, str, int], ...]:
    return _sorted_counts((some.behaviour_policy, str(some.source), some.task, str(some.outcome)) for some in episodes)


def _sorted_counts(rows: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple((*row, count) for row, count in sorted(Counter(rows).items()))


def _made_by(number: int, iterations: Sequence[Iteration]) -> tuple[str, ...]:
    outcomes = [some.outcomes for some in iterations if some.number == number]
    until = list(Stage).index(Stage.TRAIN)
    making = [found[stage]["flywheel"] for found in outcomes for stage in list(Stage)[: until + 1] if stage in found]
    return tuple(dict.fromkeys(making))


def _gate(name: str, iterations: Sequence[Iteration]) -> Mapping[str, Any] | None:
    judged = [some for some in iterations if some.outcomes.get(Stage.EVALUATE, {}).get("policy_id") == name]
    return {"iteration": judged[-1].number, **judged[-1].outcomes[Stage.EVALUATE]} if judged else None


def _deployments(name: str, iterations: Sequence[Iteration]) -> tuple[Mapping[str, Any], ...]:
    return tuple(
        {"iteration": some.number, "deployed": some.outcomes[Stage.DEPLOY]["deployed"]}
        for some in iterations
        if some.outcomes.get(Stage.DEPLOY, {}).get("live") == name
    )
