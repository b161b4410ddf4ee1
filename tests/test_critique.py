import numpy as np
import pytest
import torch
from builders import make_episode
from factories import policy_version
from fakes import MemoryPolicies
from networks import CONTRACT, SIZES, make_network

from flywheel.core.episode import Source
from flywheel.filming.critique import BATCH, critique, q_values
from flywheel.learning.acting import Actor
from flywheel.learning.codec import ARCHITECTURE, WEIGHTS, architecture_to_bytes, tensors_to_bytes

TURNING = "suite/turn"
NETWORK = make_network()


def episode(*, num_decisions=5, **changes):
    rng = np.random.default_rng(3)
    values = {
        "task": TURNING,
        "source": Source.EVALUATION,
        "behaviour_policy": "policy-0001",
        "observations": {
            name: rng.normal(size=(num_decisions + 1, CONTRACT.modalities[name].width)).astype(np.float32)
            for name in CONTRACT.presence[TURNING]
        },
        "actions": rng.uniform(-1, 1, (num_decisions, 1)).astype(np.float32),
    }
    return make_episode(num_decisions=num_decisions, **(values | changes))


@pytest.fixture
def policies():
    saved = MemoryPolicies()
    files = {ARCHITECTURE: architecture_to_bytes(CONTRACT, SIZES), WEIGHTS: tensors_to_bytes(NETWORK.state_dict())}
    saved.save(policy_version("policy-0001"), files)
    return saved


def one_by_one(some, decisions):
    """Q of the decisions, each asked for alone."""
    actor = Actor(network=NETWORK, contract=CONTRACT)
    found = []
    for decision in decisions:
        seen = [
            {name: values[moment] for name, values in some.observations.items()}
            for moment in (max(decision - 1, 0), decision)
        ]
        stacked = {name: torch.from_numpy(values) for name, values in actor.stacked([seen], [some.task]).items()}
        tasks = torch.tensor([CONTRACT.tasks.index(some.task)])
        action = torch.zeros(1, 1, CONTRACT.action_size)
        action[0, 0, :1] = torch.from_numpy(some.actions[decision])
        with torch.inference_mode():
            logits = NETWORK.critic_logits(NETWORK.encode(stacked, tasks), tasks, action)
            found.append(float(NETWORK.q_values(logits)[0, 0]))
    return found


def test_q_is_that_of_the_decisions_that_were_taken(policies):
    some = episode()
    found = critique(some, policies)
    assert found.q == pytest.approx(one_by_one(some, range(5)), abs=1e-5)
    assert len(set(found.q)) == 5
    assert found.note == ""


def test_a_long_episode_is_judged_in_batches():
    some = episode(num_decisions=BATCH + 3)
    found = q_values(some, Actor(network=NETWORK, contract=CONTRACT))
    assert found.shape == (BATCH + 3,)
    assert found[-2:] == pytest.approx(one_by_one(some, (BATCH + 1, BATCH + 2)), abs=1e-5)


@pytest.mark.parametrize("source", [Source.DEMONSTRATION, Source.UPLOAD])
def test_who_is_no_policy_version_has_no_critic(policies, source):
    found = critique(episode(source=source, behaviour_policy="demonstrator"), policies)
    assert (found.q, found.note) == (None, "")


def test_a_version_that_cannot_be_read_is_said(policies):
    found = critique(episode(behaviour_policy="policy-0009"), policies)
    assert found.q is None
    assert found.note == "Q is not known: policy version policy-0009 was never finished"


def test_a_version_that_does_not_know_the_task_is_said(policies):
    found = critique(episode(task="suite/fly"), policies)
    assert (found.q, found.note) == (None, "Q is not known: policy-0001 does not know the task")
