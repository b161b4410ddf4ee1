import pickle
import subprocess
import sys

import numpy as np
import pytest

from flywheel.config import GymSuite, MetaworldSuite, OgbenchSuite, Suite
from flywheel.core.environment import EnvironmentPool
from flywheel.core.episode import EpisodeRequest, Source
from flywheel.core.errors import ConfigError
from flywheel.core.rollout import run_episodes
from flywheel.environments import suites


def metaworld(*tasks: str) -> Suite:
    return MetaworldSuite(suite="metaworld", tasks=tasks, max_decisions=5)


def gym(*tasks: str) -> Suite:
    return GymSuite(suite="gym", tasks=tasks, max_decisions=5, success_key="terminated")


BOTH = (metaworld("reach-v3"), gym("MountainCarContinuous-v0"))
NAMES = ["metaworld/reach-v3", "gym/MountainCarContinuous-v0"]


@pytest.mark.parametrize(
    ("suite", "message"),
    [
        (metaworld("reach-v3", "pick-plaec-v3"), "metaworld has no task pick-plaec-v3; the nearest are pick-place-v3"),
        (OgbenchSuite(suite="ogbench", tasks=("cube-signle",), max_decisions=5), "cube-single"),
        (gym("MountainCarContinous-v0"), "MountainCarContinuous-v0"),
    ],
)
def test_an_unknown_task_is_refused_with_the_nearest_names(suite, message):
    with pytest.raises(ConfigError, match=message):
        suites.check((suite,))


def of_module(module: str) -> Suite:
    return GymSuite(suite="gym", module=module, tasks=("SlowPush-v0",), max_decisions=40)


def test_a_module_of_ones_own_brings_environments_and_an_expert():
    own = (of_module("benchmarks.slow_robot"),)
    suites.check(own)
    requests = [
        EpisodeRequest(task="gym/SlowPush-v0", seed=seed, iteration=0, source=Source.DEMONSTRATION) for seed in range(8)
    ]
    pool = EnvironmentPool(make=suites.factory(own), capacity=8)
    made = run_episodes(requests, environments=pool, policy=suites.demonstrator_of(own), num_environments=8)
    assert sum(episode.successes.any() for episode in made) >= 4


def test_a_module_that_cannot_be_imported_is_refused():
    with pytest.raises(ConfigError, match=r"module benchmarks.fast_robot cannot be imported: No module named"):
        suites.check((of_module("benchmarks.fast_robot"),))


def test_known_tasks_pass_the_check():
    suites.check(BOTH)


def test_tasks_and_bodies_go_by_full_name():
    assert list(suites.tasks_of(BOTH)) == NAMES
    bodies = suites.bodies_of(BOTH)
    assert {name: body.action_size for name, body in bodies.items()} == dict(zip(NAMES, (4, 1), strict=True))


def test_a_body_is_what_its_environment_shows():
    make = suites.factory(BOTH)
    for name, body in suites.bodies_of(BOTH).items():
        environment = make(name)
        assert environment.task == suites.tasks_of(BOTH)[name]
        assert set(environment.reset(0)) == set(body.modalities)
        environment.close()


def test_the_factory_travels_to_another_process_and_refuses_what_it_does_not_know():
    make = pickle.loads(pickle.dumps(suites.factory(BOTH)))
    make("metaworld/reach-v3").close()
    with pytest.raises(ConfigError, match="metaworld/sweep-v3"):
        make("metaworld/sweep-v3")


def test_the_demonstrator_plays_every_task_of_a_configuration_the_same_way_twice():
    requests = [
        EpisodeRequest(task=name, seed=seed, iteration=0, source=Source.DEMONSTRATION)
        for name in NAMES
        for seed in (1, 2)
    ]

    def play(num_environments):
        made = run_episodes(
            requests,
            environments=EnvironmentPool(make=suites.factory(BOTH), capacity=num_environments),
            policy=suites.demonstrator_of(BOTH),
            num_environments=num_environments,
        )
        return {episode.episode_id: episode for episode in made}

    one, several = play(1), play(2)
    assert all(episode.behaviour_policy == "demonstrator" and episode.error is None for episode in one.values())
    for episode_id, episode in one.items():
        other = several[episode_id]
        assert episode.initial_state == other.initial_state
        np.testing.assert_array_equal(episode.actions, other.actions)
        for part, values in episode.observations.items():
            np.testing.assert_array_equal(values, other.observations[part])


def test_a_suite_that_is_not_used_is_not_imported():
    program = """
import sys
from flywheel.config import MetaworldSuite
from flywheel.environments import suites
suites.check((MetaworldSuite(suite="metaworld", tasks=("reach-v3",), max_decisions=5),))
assert not {"ogbench", "gymnasium_robotics"} & set(sys.modules), "imported"
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("suite", ["goal", "gym", "metaworld", "ogbench"])
def test_what_simulators_say_when_they_are_imported_reaches_nobody(suite: str):
    code = f"from flywheel.environments import suites; suites._module({suite!r})"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("", "")
