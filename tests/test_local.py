import itertools

import numpy as np
import pytest
import torch
from factories import crashed_episode, policy_version, random_episode
from fakes import MemoryPolicies, Notebook
from networks import CONTRACT, SIZES, make_network

from flywheel.core.behaviour import Behaviour
from flywheel.core.errors import CheckpointError, EndpointError, StageTimeoutError
from flywheel.core.training import TrainingResult
from flywheel.learning import codec
from flywheel.local import LocalCollectors, LocalEndpoint, LocalRelabeler, LocalTrainer, StoredPolicies
from flywheel.ports import Notice, Part
from flywheel.workers.collecting import summary

BEHAVIOUR = Behaviour(sampled=True)
OBSERVATIONS = {
    "hand": np.random.default_rng(0).normal(size=(4, 1, 2)).astype(np.float32),
    "angle": np.random.default_rng(1).normal(size=(4, 1, 1)).astype(np.float32),
}
"""Of suite/turn: 4 environments, one observation each of the 2 that the policy sees at once."""


def part(name):
    return Part(path=name, num_bytes=1, num_rows=1)


class GivenCollector:
    """Yields what it was given."""

    def __init__(self, made):
        self._made = made

    def collect(self, requests, behaviour, *, stopping):
        yield from itertools.takewhile(lambda _: not stopping(), self._made)


@pytest.fixture
def policies():
    """Two versions with weights of their own."""
    store = MemoryPolicies()
    for number in range(2):
        weights = codec.tensors_to_bytes(make_network(seed=number).state_dict())
        architecture = codec.architecture_to_bytes(CONTRACT, SIZES)
        store.save(policy_version(f"p{number}"), {codec.WEIGHTS: weights, codec.ARCHITECTURE: architecture})
    return store


def test_collectors_return_every_part_and_summary_and_tell_how_far_they_are():
    first, second = (summary(random_episode(number)) for number in range(2))
    collectors = LocalCollectors(collector=lambda: GivenCollector([first, part("a"), second, part("b")]))
    observer = Notebook()
    requests = [None, None]
    assert collectors.collect(requests, BEHAVIOUR, observer) == ([part("a"), part("b")], [first, second])
    assert observer.progressed == [(1, 2, {}), (2, 2, {})]
    assert collectors.counts().num_decisions == first.num_decisions + second.num_decisions
    assert observer.events == []


def test_what_a_collector_has_to_say_is_told_and_a_sign_of_life_is_not():
    made = [summary(random_episode()), Notice(message="the store is away"), Notice(), part("a")]
    observer = Notebook()
    collectors = LocalCollectors(collector=lambda: GivenCollector(made))
    assert collectors.collect([None], BEHAVIOUR, observer) == ([part("a")], made[:1])
    assert observer.events == ["the store is away"]


def test_a_collector_is_told_to_stop_when_the_brake_is_pulled():
    made = [summary(random_episode(number)) for number in range(3)]
    observer = Notebook()
    collectors = LocalCollectors(
        collector=lambda: GivenCollector(made),
        brake=lambda: StageTimeoutError("too long") if observer.progressed else None,
    )
    assert collectors.collect([None] * 3, BEHAVIOUR, observer) == ([], made[:1])


def test_a_crashed_episode_is_told():
    made = summary(crashed_episode(3, error="KeyError: 'x'"))
    observer = Notebook()
    LocalCollectors(collector=lambda: GivenCollector([made, part("a")])).collect([None], BEHAVIOUR, observer)
    assert observer.events == [f"episode {made.episode_id} failed: KeyError: 'x'"]
    assert observer.about == [{"episode": made.episode_id, "policy_version": made.behaviour_policy}]


def test_the_relabeler_makes_one_part_of_all_episodes_at_the_version():
    asked, observer = [], Notebook()
    relabeler = LocalRelabeler(relabel=lambda ids, version: asked.append((ids, version)) or part("a"))
    made = [summary(random_episode(number)) for number in range(3)]
    assert relabeler.relabel(made, episodes_version=7, observer=observer) == [part("a")]
    assert asked == [([episode.episode_id for episode in made], 7)]
    assert observer.progressed == [(3, 3, {})]


def test_the_trainer_runs_what_it_was_asked_and_tells_its_figures():
    result = TrainingResult(version=policy_version(), metrics={})

    class Run:
        def run(self, report, tell):
            report(50, 100, {"loss": 0.5})
            tell("a checkpoint was refused")
            return result

    asked, observer = [], Notebook()
    trainer = LocalTrainer(run=lambda request: asked.append(request) or Run())
    assert trainer.train("a request", observer) is result
    assert asked == ["a request"]
    assert observer.progressed == [(50, 100, {"loss": 0.5})]
    assert observer.events == ["a checkpoint was refused"]


def test_stored_policies_take_the_most_likely_actions_of_the_version_and_the_task(policies):
    stored = StoredPolicies(policies=policies)
    network = make_network(seed=1).eval()
    observations = {
        "hand": torch.from_numpy(OBSERVATIONS["hand"].repeat(2, axis=1)),  # the history is filled with the oldest
        "angle": torch.from_numpy(OBSERVATIONS["angle"].repeat(2, axis=1)),
        "goal": torch.zeros(4, 2, 2),  # turn has no goal
    }
    with torch.inference_mode():
        logits = network.policy_logits(network.encode(observations, torch.full((4,), 1)))
        expected = network.action_values[network.most_likely(logits)].numpy()[:, :1]
    assert expected.shape == (4, 1)
    assert np.array_equal(stored.act("p1", OBSERVATIONS, "suite/turn"), expected)


def test_stored_policies_change_versions_when_asked(policies):
    stored = StoredPolicies(policies=policies)
    first, second, again = (stored.act(name, OBSERVATIONS, "suite/turn") for name in ("p0", "p1", "p0"))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, again)


def test_a_version_that_is_not_there_is_refused(policies):
    with pytest.raises(CheckpointError, match="p7"):
        StoredPolicies(policies=policies).act("p7", OBSERVATIONS, "suite/turn")


def test_the_endpoint_serves_the_version_deployed_last(policies):
    endpoint, stored = LocalEndpoint(policies=policies), StoredPolicies(policies=policies)
    for name in ("p0", "p1"):
        endpoint.deploy(name)
        actions, version = endpoint.act(OBSERVATIONS, "suite/turn")
        assert version == name
        assert np.array_equal(actions, stored.act(name, OBSERVATIONS, "suite/turn"))


def test_before_the_first_deployment_nothing_is_served(policies):
    with pytest.raises(EndpointError, match="no policy version is deployed"):
        LocalEndpoint(policies=policies).act(OBSERVATIONS, "suite/turn")
