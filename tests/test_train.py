import pytest
from fakes import CONTRACT, InstantTrainer
from world import World

from flywheel.core.exclusion import Exclusion, Recall, recall_key
from flywheel.core.iteration import Iteration, Stage
from flywheel.core.mixture import Mixture
from flywheel.core.plan import InitialWeights
from flywheel.stages.train import train

DIGESTS = {"episodes": "e7", "labels": "l4"}


def request_of(iteration, *, recalls=(), **plan):
    world = World(**plan)
    for recall in recalls:
        world.records.write(recall_key(recall.number), recall.record)
    trainer = InstantTrainer(policies=world.policies)
    outcome = train(iteration, world.ports(trainer=trainer))
    (request,) = trainer.asked
    return request, outcome


def after_relabel(number, *, candidate="policy-0000", **values):
    """Of iteration 0 there is nothing to improve."""
    outcomes = {Stage.RELABEL: {"episodes_version": 7, "labels_version": 4, "data_digests": DIGESTS}}
    return Iteration(number=number, outcomes=outcomes, candidate=candidate if number else None, **values)


def test_it_trains_on_the_versions_that_relabelling_left():
    request, outcome = request_of(after_relabel(0))
    assert (request.episodes_version, request.labels_version) == (7, 4)
    assert outcome["trained_on"] == {"episodes": 7, "labels": 4}
    assert outcome["data_digests"] == DIGESTS


def test_the_outcome_says_what_the_files_of_the_version_are():
    outcome = request_of(after_relabel(0))[1]
    assert outcome["file_digests"] == {"weights": outcome["digest"]}
    assert outcome["contract"] == CONTRACT


def test_the_candidate_is_named_after_its_iteration():
    request, outcome = request_of(after_relabel(12))
    assert request.policy_id == outcome["policy_id"] == "policy-0012"


@pytest.mark.parametrize(
    ("number", "num_updates", "bc_weight", "temperature", "learning_rate"),
    [(0, 30, 1.0, 0.02, 1e-3), (1, 10, 0.5, 0.01, 1e-3), (2, 10, 0.3, 0.01, 1e-3), (9, 10, 0.3, 0.01, 1e-3)],
)
def test_schedules_hold_their_last_value(number, num_updates, bc_weight, temperature, learning_rate):
    request, outcome = request_of(
        after_relabel(number),
        num_updates=(30, 10),
        bc_weight=(1.0, 0.5, 0.3),
        temperature=(0.02, 0.01),
        learning_rate=(1e-3,),
    )
    assert (request.num_updates, request.learning_rate) == (num_updates, learning_rate)
    assert (request.bc_weight, request.temperature) == (bc_weight, temperature)
    assert outcome["num_updates"] == num_updates


def test_pretraining_that_was_cancelled_is_done_again_by_its_schedule():
    schedule = (Mixture(sources={"demonstration": 1.0}), Mixture(sources={"collection": 1.0}))
    iteration = after_relabel(2, candidate=None)
    request, outcome = request_of(iteration, num_updates=(30, 10), bc_weight=(1.0, 0.5), mixture=schedule)
    assert (request.num_updates, request.bc_weight, request.mixture) == (30, 1.0, schedule[0])
    assert outcome["policy_id"] == "policy-0002"


@pytest.mark.parametrize(
    ("initial", "parent"),
    [
        (InitialWeights.CANDIDATE, "policy-0002"),
        (InitialWeights.LIVE, "policy-0001"),
        (InitialWeights.FRESH, None),
    ],
)
def test_initial_weights_are_the_last_candidates_the_live_versions_or_fresh(initial, parent):
    iteration = after_relabel(3, live="policy-0001", candidate="policy-0002")
    request, outcome = request_of(iteration, initial_weights=initial)
    assert request.parent == outcome["parent"] == parent


def test_the_mixture_follows_its_schedule_and_is_recorded():
    schedule = (Mixture(sources={"demonstration": 1.0}), Mixture(sources={"collection": 1.0}, half_life_iterations=2.0))
    for number, expected in ((0, schedule[0]), (1, schedule[1]), (7, schedule[1])):
        request, outcome = request_of(after_relabel(number), mixture=schedule)
        assert request.mixture == expected
        assert outcome["mixture"] == expected.plain


def test_what_batches_held_is_recorded():
    assert request_of(after_relabel(0))[1]["shares"] == {"source": {"demonstration": 1.0}}


def test_iterations_and_seeds_draw_different_batches():
    seeds = {request_of(after_relabel(number), seed=seed)[0].seed for number in (0, 1) for seed in (0, 1)}
    assert len(seeds) == 4


def test_the_outcome_carries_the_learners_figures():
    assert request_of(after_relabel(0))[1]["metrics"] == {"loss": 0.5}


def test_what_was_recalled_and_not_undone_is_left_out_and_the_outcome_says_so():
    recalls = [
        Recall(number=1, policies=("policy-0002",), episodes=(), reason="a broken gripper"),
        Recall(number=2, policies=(), episodes=("a", "b"), reason="wrong files"),
        Recall(number=3, policies=(), episodes=(), reason="it was not broken", undoes=1),
        Recall(number=4, policies=("policy-0001",), episodes=("c",), reason="a loose camera"),
    ]
    request, outcome = request_of(after_relabel(5), recalls=recalls)
    assert request.excluded == Exclusion(policies=frozenset({"policy-0001"}), episodes=frozenset("abc"))
    assert outcome["recalls"] == [2, 4]


def test_without_recalls_nothing_is_left_out():
    request, outcome = request_of(after_relabel(1))
    assert request.excluded == Exclusion()
    assert outcome["recalls"] == []
