import pytest
import torch
from networks import make_batch, make_learner

from flywheel.core.errors import CheckpointError
from flywheel.learning import codec
from flywheel.workers.proof import prove


@pytest.fixture
def state():
    """Of a learner after its first update."""
    learner = make_learner()
    learner.update(make_batch())
    return learner.state()


def files(state):
    return {codec.LEARNER: codec.tensors_to_bytes(state)}


def test_what_restores_to_the_bit_is_proven(state):
    prove(files(state), state, spare=make_learner, origin="here")


def test_proving_leaves_the_draws_of_the_process_alone(state):
    torch.manual_seed(5)
    undisturbed = torch.rand(3)
    torch.manual_seed(5)
    prove(files(state), state, spare=make_learner, origin="here")
    assert torch.equal(torch.rand(3), undisturbed)


@pytest.mark.parametrize("name", ["optimizer.0.exp_avg_sq", "num_updates"])
def test_a_value_that_comes_back_as_another_is_named(state, name):
    other = {**state, name: state[name] + 1}
    with pytest.raises(CheckpointError, match=f"^here: does not restore: {name} comes back as something else$"):
        prove(files(other), state, spare=make_learner, origin="here")


def test_what_is_not_whole_is_refused(state):
    kept = {name: value for name, value in state.items() if not name.startswith("optimizer.")}
    with pytest.raises(
        CheckpointError, match="^here: does not restore: the optimiser's state after 1 updates is missing"
    ):
        prove(files(kept), state, spare=make_learner, origin="here")
