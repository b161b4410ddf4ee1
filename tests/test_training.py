import dataclasses
import json
from hashlib import sha256
from math import log
from time import perf_counter

import numpy as np
import pytest
import torch
from builders import make_label
from factories import random_episode
from fakes import MemoryCheckpoints, MemoryEpisodes, MemoryLabels, MemoryPolicies
from library import Library
from networks import SETTINGS, SIZES
from torch import nn

from flywheel.core.contract import Body, Modality, contract_digest, unite
from flywheel.core.episode import Source
from flywheel.core.errors import CheckpointError, EpisodeError, RecordExistsError, TrainingError
from flywheel.core.exclusion import Exclusion
from flywheel.core.mixture import Mixture
from flywheel.core.policy import PolicyVersion
from flywheel.core.training import TrainingRequest
from flywheel.learning import codec
from flywheel.ports import unheard
from flywheel.workers.training import METRICS, SHARES, Place, TrainingRun
from flywheel.workers.training_data import TrainingData

BODY = Body(
    modalities={"tool": Modality(width=3), "gripper": Modality(width=1)}, differences={}, action_size=2, decision_s=0.1
)
CONTRACT = unite({"suite/reach": BODY})

REQUEST = TrainingRequest(
    iteration=1,
    policy_id="p0001",
    parent=None,
    episodes_version=1,
    labels_version=1,
    mixture=Mixture(sources={"demonstration": 0.5, "collection": 0.5}),
    num_updates=12,
    bc_weight=0.3,
    temperature=0.1,
    learning_rate=1e-3,
    seed=11,
)


class Shelf:
    """Tables with a handful of episodes, policies and checkpoints."""

    def __init__(self, episodes=None):
        self.episodes, self.labels = MemoryEpisodes(), MemoryLabels()
        self.policies, self.checkpoints = MemoryPolicies(), MemoryCheckpoints()
        self.reports, self.told = [], []
        self.add(made_episodes() if episodes is None else episodes)

    def add(self, episodes):
        labels = [make_label(episode, rewards=episode.rewards / 5) for episode in episodes]
        self.episodes.commit([self.episodes.write(episodes)], transaction=f"{len(labels)}")
        self.labels.commit([self.labels.write(labels)], transaction=f"{len(labels)}")

    def run(self, **changes):
        """See `training`; events go to `told`."""
        return self.training(**changes).run(lambda *some: self.reports.append(some), self.told.append)

    def newest(self, **changes):
        """Update and files that a run of that kind would go on from."""
        return self.checkpoints.newest("p0001", identity=self.training(**changes).identity())

    def training(self, *, place=None, contract=CONTRACT, network=SIZES, **changes):
        """Keywords that a request has change the request, those of the data the data, `wrap` and the like the run."""
        of_request = {field.name for field in dataclasses.fields(TrainingRequest)}
        request = dataclasses.replace(REQUEST, **{name: changes.pop(name) for name in of_request & changes.keys()})
        of_data = {field.name for field in dataclasses.fields(TrainingData)}
        making = {"contract": contract, "discount": 0.9, "num_steps": 2, "only_successes": False}
        making |= {name: changes.pop(name) for name in of_data & changes.keys()}
        settings = {"learner": SETTINGS, "batch_size": 8, "checkpoint_every": 4}
        return TrainingRun(
            request=request,
            data=TrainingData(episodes=self.episodes, labels=self.labels, **making),
            network=network,
            policies=self.policies,
            checkpoints=self.checkpoints,
            place=place or Place(),
            **(settings | changes),
        )


def made_episodes(*, count=4, first=0, **changes):
    sources = (Source.DEMONSTRATION, Source.COLLECTION)
    return [
        random_episode(seed, action_size=2, episode_id=f"e{seed}", **({"source": sources[seed % 2]} | changes))
        for seed in range(first, first + count)
    ]


def weights(shelf, policy_id="p0001"):
    return shelf.policies.load(policy_id)[codec.WEIGHTS]


def timeless(metrics):
    return {name: figure for name, figure in metrics.items() if not name.endswith("_s")}


class KilledError(Exception):
    """The process is gone."""


def killed_after(num_updates):
    """For `wrap`: the next update is the last thing that the process does."""

    class Mortal(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner, self.calls = inner, 0

        def forward(self, *args):
            self.calls += 1
            if self.calls > num_updates:
                raise KilledError
            return self.inner(*args)

    return Mortal


# What is saved


@pytest.fixture(scope="module")
def trained():
    shelf = Shelf()
    return shelf, shelf.run()


def test_the_version_says_what_it_was_made_from(trained):
    shelf, result = trained
    assert result.version == PolicyVersion(
        policy_id="p0001",
        iteration=1,
        parent=None,
        digest=sha256(weights(shelf)).hexdigest(),
        trained_on={"episodes": 1, "labels": 1},
        contract=contract_digest(CONTRACT),
    )
    assert shelf.policies.version("p0001") == result.version


def test_what_acts_is_the_target_network(trained):
    files = trained[0].policies.load("p0001")
    acting = codec.tensors_from_bytes(files[codec.WEIGHTS], origin="here")
    learner = codec.tensors_from_bytes(files[codec.LEARNER], origin="here")
    assert acting
    assert all(torch.equal(value, learner[f"target.{name}"]) for name, value in acting.items())
    assert not all(torch.equal(value, learner[f"online.{name}"]) for name, value in acting.items())
    assert learner["num_updates"].item() == 12
    assert codec.load_actor(files, origin="here").contract == CONTRACT


def test_the_last_figures_are_returned_and_stored(trained):
    shelf, result = trained
    assert json.loads(shelf.policies.load("p0001")[METRICS]) == result.metrics
    assert json.loads(shelf.policies.load("p0001")[SHARES]) == result.shares
    assert result.shares["source"] == {"collection": 0.5, "demonstration": 0.5}
    assert result.metrics["work_s"] > 0
    assert all(np.isfinite(figure) for figure in result.metrics.values())
    assert result.metrics["entropy_limit"] == pytest.approx(log(SIZES["num_action_bins"]))
    assert result.metrics.keys() >= {"loss", "q_data", "observed_return", "latent_attention_entropy", "data_wait_s"}


def test_progress_is_reported_every_fifty_updates_at_checkpoints_and_at_the_end():
    shelf = Shelf()
    result = shelf.run(num_updates=105, bc_weight=1.0, checkpoint_every=40)
    assert [(done, total) for done, total, _ in shelf.reports] == [(done, 105) for done in (40, 50, 80, 100, 105)]
    assert {**shelf.reports[-1][2], "work_s": result.metrics["work_s"]} == result.metrics


def test_reports_do_not_change_what_is_learned(trained):
    """A bare loop of updates ends with the same weights, to the bit."""
    run = Shelf().training()
    sampler = run._sampler()
    learner = run._learner(sampler, unheard)
    for number in range(12):
        learner.update(sampler.batch(number))
    state = codec.tensors_from_bytes(trained[0].policies.load("p0001")[codec.LEARNER], origin="here")
    assert all(torch.equal(value, state[name]) for name, value in learner.state().items())


def test_the_time_of_an_update_and_of_waiting_for_its_batch_are_told_apart():
    class Timed(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner, self.spent_s = inner, 0.0

        def forward(self, *args):
            began = perf_counter()
            answer = self.inner(*args)
            self.spent_s += perf_counter() - began
            return answer

    forwards = []

    def wrap(module):
        forwards.append(Timed(module))
        return forwards[-1]

    metrics = Shelf().run(num_updates=4, wrap=wrap).metrics
    assert 4 * metrics["update_s"] > forwards[0].spent_s > 0
    assert metrics["data_wait_s"] > 0
    assert 4 * (metrics["update_s"] + metrics["data_wait_s"]) < metrics["work_s"]


def test_checkpoints_are_gone_once_the_version_is_saved(trained):
    assert trained[0].newest() is None


def test_a_finished_version_is_not_trained_again(trained):
    shelf, result = trained
    num_reports = len(shelf.reports)
    assert shelf.run() == result
    assert shelf.run(place=Place(rank=1, num_workers=2)) is None
    assert len(shelf.reports) == num_reports


def test_the_same_request_gives_the_same_bytes_and_another_seed_others(trained):
    again, other = Shelf(), Shelf()
    again.run()
    other.run(seed=12)
    assert weights(again) == weights(trained[0])
    assert weights(other) != weights(trained[0])


def test_the_statistics_are_those_of_the_data(trained):
    shelf, _ = trained
    learner = codec.tensors_from_bytes(weights(shelf), origin="here")
    started = np.concatenate([episode.observations["tool"][:-1] for episode in made_episodes()])
    # Slots in alphabetical order: gripper, tool.
    assert learner["perceiver.encoders.vector.mean"][1].tolist() == pytest.approx(started.mean(0), abs=1e-5)
    assert learner["perceiver.encoders.vector.scale"][1].tolist() == pytest.approx(1 / started.std(0), rel=1e-4)


# Going on


@pytest.mark.parametrize(("num_updates", "newest"), [(4, 4), (7, 4), (11, 8)])
def test_a_run_that_goes_on_from_a_checkpoint_ends_with_the_same_bytes(trained, num_updates, newest):
    shelf = Shelf()
    with pytest.raises(KilledError):
        shelf.run(wrap=killed_after(num_updates))
    update, _ = shelf.newest()
    assert update == newest
    # Enough to do what is left, and no more.
    result = shelf.run(wrap=killed_after(12 - newest))
    assert timeless(result.metrics) == timeless(trained[1].metrics)
    for name in (codec.WEIGHTS, codec.LEARNER, codec.ARCHITECTURE):
        assert shelf.policies.load("p0001")[name] == trained[0].policies.load("p0001")[name]


def test_a_run_that_dies_before_its_first_checkpoint_starts_anew(trained):
    shelf = Shelf()
    with pytest.raises(KilledError):
        shelf.run(wrap=killed_after(3))
    assert shelf.newest() is None
    shelf.run()
    assert weights(shelf) == weights(trained[0])


def test_a_checkpoint_made_from_other_data_is_not_gone_on_from():
    shelf, fresh = Shelf(), Shelf()
    with pytest.raises(KilledError):
        shelf.run(wrap=killed_after(5))
    for some in (shelf, fresh):
        some.add(made_episodes(count=2, first=10))
        some.run(episodes_version=2, labels_version=2)
    assert weights(shelf) == weights(fresh)


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 12},
        {"mixture": Mixture(sources={"demonstration": 1.0})},
        {"excluded": Exclusion(episodes=frozenset({"e3"}))},
        {"bc_weight": 0.5},
        {"network": {**SIZES, "width": 4}},
        {"learner": {**SETTINGS, "target_rate": 0.5}},
        {"discount": 0.5},
        {"batch_size": 4},
        {"contract": dataclasses.replace(CONTRACT, differences={"reach": ("tool", "tool")})},
        {"place": Place(num_workers=2)},
    ],
)
def test_a_checkpoint_made_from_other_things_is_refused_aloud(changes):
    shelf, fresh = Shelf(), Shelf()
    with pytest.raises(KilledError):
        shelf.run(wrap=killed_after(5))
    for some in (shelf, fresh):
        some.run(**changes)
    assert shelf.told == ["checkpoint p0001 at update 4: it was made from other things"]
    assert weights(shelf) == weights(fresh)


def test_a_checkpoint_that_does_not_restore_is_passed_over_aloud(trained):
    shelf = Shelf()
    with pytest.raises(KilledError):
        shelf.run(wrap=killed_after(5))
    identity = shelf.training().identity()
    shelf.checkpoints.save("p0001", 10, {codec.LEARNER: b"damaged"}, identity=identity)
    shelf.checkpoints.save("p0001", 11, {codec.LEARNER: codec.tensors_to_bytes({})}, identity=identity)
    shelf.run(wrap=killed_after(8))
    assert [text.partition(" is not gone on from: ")[0] for text in shelf.told] == [
        "checkpoint p0001 at update 11",
        "checkpoint p0001 at update 10",
    ]
    assert "the number of updates is missing" in shelf.told[0]
    assert "not readable as safetensors" in shelf.told[1]
    assert weights(shelf) == weights(trained[0])


def test_only_the_first_worker_tells(trained):
    shelf = Shelf()
    shelf.checkpoints.save("p0001", 4, {codec.LEARNER: b""}, identity={"seed": 1})
    shelf.run(place=Place(rank=1, num_workers=2))
    assert shelf.told == []


class ForgetfulCheckpoints(MemoryCheckpoints):
    def save(self, policy_id, update, files, *, identity, proof):
        super().save(policy_id, update, without_moments(files), identity=identity, proof=proof)


class ForgetfulPolicies(MemoryPolicies):
    def save(self, version, files, *, proof):
        super().save(version, without_moments(files), proof=proof)


def without_moments(files):
    """The files as a store returns them that lost a tensor, and whose digests agree with that."""
    state = codec.tensors_from_bytes(files[codec.LEARNER], origin="here")
    kept = {name: value for name, value in state.items() if name != "optimizer.0.exp_avg"}
    return {**files, codec.LEARNER: codec.tensors_to_bytes(kept)}


def test_a_checkpoint_that_would_not_restore_is_never_there():
    shelf = Shelf()
    shelf.checkpoints = ForgetfulCheckpoints()
    with pytest.raises(CheckpointError, match="checkpoint p0001 at update 4: does not restore: .*parameter 0"):
        shelf.run()
    assert shelf.newest() is None


def test_a_policy_version_that_would_not_restore_is_never_there():
    shelf = Shelf()
    shelf.policies = ForgetfulPolicies()
    with pytest.raises(CheckpointError, match="policy p0001: does not restore: .*parameter 0"):
        shelf.run()
    assert shelf.policies.version("p0001") is None
    assert shelf.newest()[0] == 8, "it goes on from its checkpoint when the store is well again"


class Overtaken(MemoryPolicies):
    """Another worker finishes the version just before this one."""

    def __init__(self, *, digest=None):
        super().__init__()
        self._digest = digest

    def save(self, version, files, *, proof):
        other = version if self._digest is None else dataclasses.replace(version, digest=self._digest)
        super().save(other, files)
        super().save(version, files, proof=proof)


def test_whoever_is_overtaken_by_the_same_version_has_finished_it_too(trained):
    shelf = Shelf()
    shelf.policies = Overtaken()
    assert shelf.run().version == trained[1].version


def test_whoever_is_overtaken_by_another_version_stops():
    shelf = Shelf()
    shelf.policies = Overtaken(digest="0" * 64)
    with pytest.raises(RecordExistsError, match="p0001"):
        shelf.run()


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Sixteen blocks of episodes."""
    library = Library(tmp_path_factory.mktemp("store"))
    for number in range(16):
        made = made_episodes(count=64, first=64 * number, num_decisions=3)
        library.add(made, labels=[make_label(episode, rewards=episode.rewards / 5) for episode in made])
    return library


def streaming(library, **changes):
    """A shelf on the library whose data does not fit."""
    shelf = Shelf()
    shelf.episodes, shelf.labels = library.episodes, library.labels
    return shelf, {"catalogue": library.catalogue, "memory_bytes": 370_000, **library.versions, **changes}


def test_data_that_does_not_fit_is_streamed(library):
    streamed, settings = streaming(library)
    result = streamed.run(**settings)
    whole, settings = streaming(library, memory_bytes=2**30)
    whole.run(**settings)
    plain = Shelf()
    plain.episodes, plain.labels = library.episodes, library.labels
    expected = plain.run(**library.versions)
    assert weights(whole) == weights(plain)
    assert weights(streamed) != weights(plain)
    assert result.shares["source"] == pytest.approx(expected.shares["source"])


def test_a_streaming_run_that_goes_on_from_a_checkpoint_ends_with_the_same_bytes(library):
    undisturbed, settings = streaming(library)
    undisturbed.run(**settings)
    interrupted, _ = streaming(library)
    with pytest.raises(KilledError):
        interrupted.run(wrap=killed_after(9), **settings)
    interrupted.run(wrap=killed_after(4), **settings)
    assert weights(interrupted) == weights(undisturbed)


# The parent


@pytest.fixture
def family():
    """A shelf with a parent that was cloned."""
    shelf = Shelf()
    shelf.run(policy_id="p0000", num_updates=5, bc_weight=1.0)
    return shelf


def test_training_starts_from_the_parents_weights_and_statistics(family):
    family.add(made_episodes(count=2, first=10))
    result = family.run(parent="p0000", num_updates=1, learning_rate=1e-20, episodes_version=2, labels_version=2)
    assert result.version.parent == "p0000"
    assert result.version.trained_on == {"episodes": 2, "labels": 2}
    parent, child = (
        codec.tensors_from_bytes(family.policies.load(name)[codec.LEARNER], origin=name) for name in ("p0000", "p0001")
    )
    for name in (name for name in child if name.startswith("online.")):
        assert torch.allclose(child[name], parent[name], rtol=0, atol=1e-12), name
    assert child["num_updates"].item() == 1


def test_a_parent_that_sees_or_does_other_things_is_refused(family):
    other = unite({"suite/reach": dataclasses.replace(BODY, action_size=3)})
    with pytest.raises(CheckpointError, match="policy p0000: it sees or does other things"):
        family.run(parent="p0000", contract=other)


def test_a_parent_of_another_size_is_refused(family):
    with pytest.raises(CheckpointError, match="the weights do not fit the network"):
        family.run(parent="p0000", network={**SIZES, "width": 4})


def test_a_parent_that_does_not_exist_is_refused():
    with pytest.raises(CheckpointError, match="p0000"):
        Shelf().run(parent="p0000")


def test_a_run_with_a_parent_goes_on_from_its_own_checkpoint(family):
    undisturbed = Shelf()
    undisturbed.run(policy_id="p0000", num_updates=5, bc_weight=1.0)
    undisturbed.run(parent="p0000")
    with pytest.raises(KilledError):
        family.run(parent="p0000", wrap=killed_after(5))
    family.run(parent="p0000")
    assert weights(family) == weights(undisturbed)


# The data


def test_final_evaluations_stay_unseen(trained):
    """Not even their statistics are taken."""
    final = made_episodes(count=3, first=10, source=Source.FINAL)
    shelf = Shelf(made_episodes() + final)
    shelf.run(mixture=Mixture(sources={"demonstration": 0.5, "collection": 0.5, "final": 1.0}))
    assert weights(shelf) == weights(trained[0])


@pytest.mark.parametrize(
    "excluded", [Exclusion(policies=frozenset({"wrong"})), Exclusion(episodes=frozenset({"e10", "e11"}))]
)
def test_what_is_excluded_stays_unseen(trained, excluded):
    """Not even its statistics are taken."""
    shelf = Shelf(made_episodes() + made_episodes(count=2, first=10, behaviour_policy="wrong"))
    result = shelf.run(excluded=excluded, recalls=(4,))
    assert weights(shelf) == weights(trained[0])
    assert shelf.policies.version("p0001").recalls == result.version.recalls == (4,)


def test_a_checkpoint_of_other_exclusions_is_not_gone_on_from(trained):
    shelf = Shelf(made_episodes() + made_episodes(count=2, first=10, behaviour_policy="wrong"))
    with pytest.raises(KilledError):
        shelf.run(wrap=killed_after(5))
    shelf.run(excluded=Exclusion(policies=frozenset({"wrong"})))
    assert weights(shelf) == weights(trained[0])


def test_the_pinned_versions_are_read_whatever_came_after(trained):
    shelf = Shelf()
    shelf.add(made_episodes(count=2, first=10))
    shelf.run()
    assert weights(shelf) == weights(trained[0])


def test_filtered_cloning_without_successes_has_nothing_to_train_on():
    with pytest.raises(EpisodeError, match="no transitions to train on"):
        Shelf().run(only_successes=True)


# Failing


def test_a_loss_that_is_not_finite_stops_the_training():
    shelf = Shelf()
    with pytest.raises(TrainingError, match=r"p0001: the loss is (nan|inf) .* after 4 updates"):
        shelf.run(learning_rate=1e30, num_updates=5)
    assert shelf.policies.version("p0001") is None


class SpoiltGradient(nn.Module):
    """Adds the root of zero to the loss: nothing, but its slope is infinite."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, *args):
        loss, figures = self.inner(*args)
        return loss + (loss * 0).sqrt(), figures


def test_a_gradient_that_is_not_finite_stops_the_training_though_the_loss_was():
    """Of the last update nothing but the gradient tells that it spoilt the weights."""
    shelf = Shelf()
    with pytest.raises(TrainingError, match=r"the loss is \d.* the gradient's norm nan after 1 updates"):
        shelf.run(num_updates=1, wrap=SpoiltGradient)
    assert shelf.policies.version("p0001") is None


# Several workers


def test_only_the_first_worker_saves():
    shelf = Shelf()
    assert shelf.run(place=Place(rank=1, num_workers=2)) is None
    assert shelf.policies.version("p0001") is None
    assert shelf.newest(place=Place(num_workers=2)) is None
    assert shelf.run(place=Place(rank=0, num_workers=2)) is not None


def test_every_worker_starts_alike_and_sees_other_data():
    """Before their gradients are averaged, which is the wrapper's part."""
    seen = []

    class Watching(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner
            self.before = torch.cat([parameter.detach().flatten() for parameter in inner.online.parameters()])

        def forward(self, batch, generator):
            seen.append((self.before, batch.actions, generator.initial_seed()))
            return self.inner(batch, generator)

    for rank in (0, 1):
        Shelf().run(num_updates=1, place=Place(rank=rank, num_workers=2), wrap=Watching)
    (weights_0, actions_0, seed_0), (weights_1, actions_1, seed_1) = seen
    assert torch.equal(weights_0, weights_1)
    assert actions_0.shape == actions_1.shape == (4, 2)
    assert not torch.equal(actions_0, actions_1)
    assert seed_0 != seed_1
