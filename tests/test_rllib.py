from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from networks import CONTRACT as CONTRACT_WITH_HISTORY
from networks import REACH
from ray.rllib.algorithms.bc import BCConfig
from ray.rllib.core.columns import Columns
from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner
from shelf import policy_files

from flywheel.cluster.rllib import ActorCriticModule, files_of, module_of, spec_of
from flywheel.core.contract import Body, Modality, unite
from flywheel.core.errors import ConfigError
from flywheel.learning.acting import Actor
from flywheel.learning.codec import load_actor

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

TASK = "gym/Pendulum-v1"
PENDULUM = Body(
    modalities={"angle": Modality(width=2), "speed": Modality(width=1)}, differences={}, action_size=1, decision_s=0.05
)
CONTRACT = unite({"suite/reach": REACH, TASK: PENDULUM})
"""Pendulum observes cosine, sine and speed; it shares its policy with a task of two action dimensions."""
FILES = policy_files(seed=1, contract=CONTRACT)


def logits_here(actor: Actor, observations: Any) -> Any:
    """Of Pendulum's one action dimension, [B, V]."""
    named = {"angle": observations[:, None, :2], "speed": observations[:, None, 2:]}
    batch = {name: torch.from_numpy(values) for name, values in actor.batch(named, TASK).items()}
    tasks = torch.full((len(observations),), CONTRACT.tasks.index(TASK))
    with torch.no_grad():
        return actor.network.policy_logits(actor.network.encode(batch, tasks))[:, 0].numpy()


def acted_here(actor: Actor, observations: Any) -> Any:
    named = {"angle": observations[:, None, :2], "speed": observations[:, None, 2:]}
    return actor.act(actor.batch(named, TASK), [TASK] * len(observations))[:, :1]


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ActorCriticModule]:
    """Saved and restored by RLlib."""
    folder = tmp_path_factory.mktemp("module")
    module_of(FILES, TASK).save_to_path(folder)
    return folder, ActorCriticModule.from_checkpoint(folder)


@pytest.mark.parametrize("forward", ["forward_inference", "forward_exploration", "forward_train"])
def test_a_restored_module_has_our_action_distribution(restored: tuple[Path, ActorCriticModule], forward: str):
    observations = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    output = getattr(restored[1], forward)({Columns.OBS: torch.from_numpy(observations)})
    inputs = output[Columns.ACTION_DIST_INPUTS]
    actor = load_actor(FILES, origin="here")
    np.testing.assert_array_equal(inputs.detach().numpy(), logits_here(actor, observations))
    likely = restored[1].get_inference_action_dist_cls().from_logits(inputs).to_deterministic().sample()
    np.testing.assert_array_equal(likely.numpy(), acted_here(actor, observations))


def test_named_observations_do_as_well_as_flat_ones(restored: tuple[Path, ActorCriticModule]):
    observations = torch.randn(4, 3)
    flat = restored[1].forward_inference({Columns.OBS: observations})
    named = restored[1].forward_inference({Columns.OBS: {"angle": observations[:, :2], "speed": observations[:, 2:]}})
    assert torch.equal(flat[Columns.ACTION_DIST_INPUTS], named[Columns.ACTION_DIST_INPUTS])


def test_each_action_dimension_is_a_categorical_of_its_own():
    module = module_of(FILES, "suite/reach")
    # V = 5 bins at -1, -0.5, 0, 0.5, 1. The first dimension has odds 1:1:2:0:0 of 4, the second is certain of 1.
    nothing = -1e9
    logits = torch.tensor([[0.0, 0.0, np.log(2.0), nothing, nothing, nothing, nothing, nothing, nothing, 0.0]])
    actions = module.get_exploration_action_dist_cls().from_logits(logits)
    # log(2 / 4) + log 1 = -0.693147; the entropy is 2 * 0.25 ln 4 + 0.5 ln 2 = 1.039721.
    assert actions.logp(torch.tensor([[0.0, 1.0]])).item() == pytest.approx(-0.693147, abs=1e-6)
    assert actions.entropy().item() == pytest.approx(1.039721, abs=1e-6)
    assert actions.kl(actions).item() == pytest.approx(0.0, abs=1e-6)
    sampled = actions.sample(sample_shape=(200,))
    assert set(sampled[..., 0].flatten().tolist()) == {-1.0, -0.5, 0.0}
    assert set(sampled[..., 1].flatten().tolist()) == {1.0}


@pytest.mark.parametrize("explore", [False, True])
def test_rllib_s_own_env_runner_rolls_it_out(restored: tuple[Path, ActorCriticModule], explore: bool):
    config = (
        BCConfig()
        .environment("Pendulum-v1")
        .env_runners(num_env_runners=0)
        .rl_module(rl_module_spec=spec_of(FILES, TASK))
        .debugging(seed=3)
    )
    runner = SingleAgentEnvRunner(config=config, worker_index=0)
    runner.module.restore_from_path(restored[0])
    episodes = runner.sample(num_timesteps=30, explore=explore)
    runner.stop()
    observations = np.concatenate([episode.get_observations()[: len(episode)] for episode in episodes])
    actor = load_actor(FILES, origin="here")
    assert len(observations) == 30
    made = np.concatenate([episode.get_extra_model_outputs(Columns.ACTION_DIST_INPUTS) for episode in episodes])
    np.testing.assert_allclose(made, logits_here(actor, observations), rtol=1e-5, atol=1e-5)
    actions = np.concatenate([episode.get_actions() for episode in episodes])
    assert set(actions.flatten().tolist()) <= {-1.0, -0.5, 0.0, 0.5, 1.0}
    if not explore:
        np.testing.assert_array_equal(actions, acted_here(actor, observations))


def test_what_rllib_changed_can_be_deployed():
    module = module_of(FILES, TASK)
    with torch.no_grad():
        module.network.policy_head.bias += torch.arange(len(module.network.policy_head.bias))
    observations = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    inputs = module.forward_inference({Columns.OBS: torch.from_numpy(observations)})[Columns.ACTION_DIST_INPUTS]
    actor = load_actor(files_of(module), origin="from RLlib")
    np.testing.assert_array_equal(inputs.numpy(), logits_here(actor, observations))


def test_what_rllib_cannot_do_is_said():
    with pytest.raises(ConfigError, match="suite/throw is not one of"):
        spec_of(FILES, "suite/throw")
    with pytest.raises(ConfigError, match="history 2"):
        module_of(policy_files(seed=1, contract=CONTRACT_WITH_HISTORY), "suite/turn")
