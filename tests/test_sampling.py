import numpy as np
import pytest
from builders import make_episode, make_label

from flywheel.core.contract import Body, Modality, unite
from flywheel.core.episode import Source
from flywheel.core.errors import EpisodeError
from flywheel.core.mixture import Mixture
from flywheel.core.sampling import MemorySampler
from flywheel.core.transition import Transitions

PLAIN = Body(modalities={"x": Modality(width=2)}, differences={}, action_size=1, decision_s=0.5)
CONTRACT = unite({"suite/reach": PLAIN, "suite/push": PLAIN})
ONE_DECISION = {"num_decisions": 1, "observations": {"x": np.zeros((2, 2), np.float32)}}


def transitions_of(episodes, labels=None):
    labels = [make_label(episode) for episode in episodes] if labels is None else labels
    by_id = {}
    for label in labels:
        by_id.setdefault(label.episode_id, []).append(label)
    return Transitions.of(episodes, by_id, contract=CONTRACT, discount=0.5, num_steps=2)


def told_apart(changes):
    """Episodes of one decision; the number of each is in its action."""
    return [
        make_episode(**ONE_DECISION, episode_id=f"{index}", actions=np.full((1, 1), index / 100, np.float32), **some)
        for index, some in enumerate(changes)
    ]


def three_sources():
    """Transition 0 is a demonstration, 1 to 9 were collected, 10 to 29 are relabelled."""
    sources = [Source.DEMONSTRATION] + [Source.COLLECTION] * 9 + [Source.EVALUATION] * 20
    episodes = told_apart({"source": source} for source in sources)
    labels = [make_label(episode) for episode in episodes[:10]]
    labels += [make_label(episode, task="suite/push", success=True) for episode in episodes[10:]]
    return transitions_of(episodes, labels)


def sampler(transitions, mixture, *, seed=0, batch_size=20_000, iteration=0, rank=0):
    return MemorySampler(
        transitions=transitions, mixture=mixture, iteration=iteration, seed=seed, batch_size=batch_size, rank=rank
    )


def drawn(mixture, *, transitions=None, number=0, **settings):
    batch = sampler(transitions or three_sources(), mixture, **settings).batch(number)
    return np.rint(batch.actions[:, 0] * 100).astype(int)


def sources(**weights):
    return Mixture(sources=weights)


def shares(indices):
    return [np.mean(indices == 0), np.mean((indices >= 1) & (indices < 10)), np.mean(indices >= 10)]


def test_a_source_is_drawn_by_its_weight_and_not_by_its_size():
    # Standard deviation of a share of 0.5 in 20,000 draws: sqrt(0.25 / 20,000) = 0.0035.
    indices = drawn(sources(demonstration=5.0, collection=3.0, relabelled=2.0))
    assert shares(indices) == pytest.approx([0.5, 0.3, 0.2], abs=0.015)


def test_within_a_source_every_transition_is_as_likely():
    # 20,000 / 20 = 1,000 draws each, standard deviation 31.
    counts = np.bincount(drawn(sources(relabelled=1.0)), minlength=30)
    assert counts[:10].sum() == 0
    assert counts[10:] == pytest.approx(np.full(20, 1000), abs=130)


def test_within_a_source_tasks_count_alike_however_many_transitions_they_have():
    episodes = told_apart({"task": task} for task in ["suite/reach"] + ["suite/push"] * 9)
    indices = drawn(sources(demonstration=1.0), transitions=transitions_of(episodes))
    assert np.mean(indices == 0) == pytest.approx(0.5, abs=0.015)


def test_outcome_and_age_are_drawn_by_their_factors():
    # Success 0.2, failure of iteration 1: 1, of iteration 0: 1/2; in all 1.7.
    episodes = told_apart({"iteration": iteration} for iteration in (1, 1, 0))
    labels = [make_label(episode, success=index == 0) for index, episode in enumerate(episodes)]
    mixture = Mixture(sources={"demonstration": 1.0}, outcomes={"success": 0.2}, half_life_iterations=1.0)
    indices = drawn(mixture, transitions=transitions_of(episodes, labels), iteration=2)
    found = [np.mean(indices == index) for index in range(3)]
    assert found == pytest.approx([0.2 / 1.7, 1 / 1.7, 0.5 / 1.7], abs=0.015)


def test_what_batches_hold_on_average_is_said():
    mixture = sources(demonstration=5.0, collection=3.0, relabelled=2.0)
    assert sampler(three_sources(), mixture).shares == {
        "source": pytest.approx({"collection": 0.3, "demonstration": 0.5, "relabelled": 0.2}),
        "task": pytest.approx({"suite/push": 0.2, "suite/reach": 0.8}),
        "outcome": pytest.approx({"failure": 0.8, "success": 0.2}),
        "age": pytest.approx({"0": 1.0}),
    }


def test_a_mixture_of_nothing_that_exists_is_refused():
    with pytest.raises(EpisodeError, match="the mixture asks for evaluation"):
        drawn(sources(evaluation=1.0))


def test_a_batch_is_a_function_of_seed_number_and_rank():
    mixture, few = sources(demonstration=0.2, collection=0.4, relabelled=0.4), {"batch_size": 64}
    assert drawn(mixture, number=3, **few).tolist() == drawn(mixture, number=3, **few).tolist()
    others = [{"seed": 1}, {"number": 4}, {"rank": 1}]
    assert all(
        drawn(mixture, **{"number": 3, **few, **other}).tolist() != drawn(mixture, number=3, **few).tolist()
        for other in others
    )


def test_statistics_are_taken_from_everything():
    transitions = three_sources()
    assert sampler(transitions, sources(collection=1.0)).statistics() is transitions
