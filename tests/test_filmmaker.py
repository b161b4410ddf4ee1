from dataclasses import dataclass, field
from io import BytesIO

import av
import numpy as np
import pytest
from builders import make_episode
from factories import policy_version
from fakes import MemoryPolicies
from networks import SIZES, make_network

from flywheel.config import MetaworldSuite
from flywheel.core.contract import unite
from flywheel.core.environment import EnvironmentPool
from flywheel.core.episode import Episode, EpisodeRequest, Outcome, Source
from flywheel.core.errors import ConflictError, OtherReplayError, RenderingError
from flywheel.core.rollout import run_episodes
from flywheel.environments.suites import bodies_of, factory
from flywheel.filming.filmmaker import Filmmaker
from flywheel.filming.overlay import BAND_HEIGHT, PICTURE_HEIGHT
from flywheel.filming.pace import pace
from flywheel.filming.studio import Footage, Studio
from flywheel.filming.video import HOLD_S
from flywheel.learning.acting import Actor, LearnedPolicy
from flywheel.learning.codec import ARCHITECTURE, WEIGHTS, architecture_to_bytes, tensors_to_bytes

SUITE = MetaworldSuite(suite="metaworld", tasks=("reach-v3",), max_decisions=6)
REACH = "metaworld/reach-v3"


@dataclass
class Archive:
    """A studio that takes no pictures, but has some."""

    footage: Footage
    captions: list = field(default_factory=list)

    def take(self, shots, *, suite, heard):
        self.captions += [shot.caption for shot in shots]
        return [self.footage]


def filmmaker(studio, policies=None) -> Filmmaker:
    return Filmmaker(suites=(SUITE,), policies=policies or MemoryPolicies(), studio=studio)


def recorded(**changes) -> Episode:
    return make_episode(**({"task": REACH} | changes))


def footage(**changes) -> Footage:
    values = {
        "data": b"video",
        "problem": None,
        "outcome": Outcome.FAILURE,
        "first": {"x": np.array([0, 0.5], np.float32)},
    }
    return Footage(**(values | changes))


def test_a_replay_that_is_the_recorded_episode_becomes_its_video():
    archive = Archive(footage())
    assert filmmaker(archive).film(recorded()) == b"video"
    (caption,) = archive.captions
    assert (caption.task, caption.policy, caption.outcome, caption.q) == (REACH, "demonstrator", "failure", None)


def test_a_replay_that_ended_otherwise_is_refused_with_both_outcomes():
    with pytest.raises(OtherReplayError, match="ended as success, its replay as failure"):
        filmmaker(Archive(footage())).film(recorded(successes=np.array([False, False, True])))
    crashed = footage(outcome=Outcome.ERROR, failure="RuntimeError: lost a wheel")
    with pytest.raises(OtherReplayError, match=r"ended as failure, its replay as error \(RuntimeError: lost a wheel\)"):
        filmmaker(Archive(crashed)).film(recorded())


def test_a_replay_that_began_elsewhere_is_refused():
    elsewhere = footage(first={"x": np.array([0, 0.6], np.float32)})
    with pytest.raises(OtherReplayError, match="its seed leads to another initial state here: x differs"):
        filmmaker(Archive(elsewhere)).film(recorded())


def test_the_last_bits_of_another_machine_do_not_matter():
    nearly = footage(first={"x": np.array([1e-5, 0.50001], np.float32)})
    assert filmmaker(Archive(nearly)).film(recorded()) == b"video"


def test_of_an_episode_that_crashed_what_came_before_is_shown():
    crashed = recorded(error="RuntimeError: lost a wheel", truncated=False)
    assert filmmaker(Archive(footage())).film(crashed) == b"video"


def test_what_cannot_be_replayed_is_refused_before_any_work():
    archive = Archive(footage())
    with pytest.raises(ConflictError, match="the configuration has no task suite/fly"):
        filmmaker(archive).check(recorded(task="suite/fly"))
    nothing = recorded(num_decisions=0, error="RuntimeError: no start", truncated=False)
    with pytest.raises(ConflictError, match="has no decisions: RuntimeError: no start"):
        filmmaker(archive).film(nothing)
    assert archive.captions == []


def test_a_machine_that_cannot_render_says_why():
    with pytest.raises(RenderingError, match="this machine cannot render: egl: no display"):
        filmmaker(Archive(Footage(data=None, problem="egl: no display"))).film(recorded())


@pytest.fixture(scope="module")
def policies() -> MemoryPolicies:
    contract = unite(bodies_of((SUITE,)), history=2)
    network = make_network(contract)
    saved = MemoryPolicies()
    files = {ARCHITECTURE: architecture_to_bytes(contract, SIZES), WEIGHTS: tensors_to_bytes(network.state_dict())}
    saved.save(policy_version("policy-0001"), files)
    return saved


@pytest.fixture(scope="module")
def acted(policies) -> Episode:
    """Real, of a policy version with weights of no use: it fails."""
    contract = unite(bodies_of((SUITE,)), history=2)
    actor = Actor(network=make_network(contract), contract=contract)
    pool = EnvironmentPool(make=factory((SUITE,)), capacity=1)
    request = EpisodeRequest(task=REACH, seed=5, iteration=1, source=Source.EVALUATION, policy_id="policy-0001")
    (made,) = run_episodes(
        [request],
        environments=pool,
        policy=LearnedPolicy(actor=actor, version="policy-0001", sampled=False),
        num_environments=1,
    )
    pool.close()
    return made


def test_a_real_episode_becomes_a_real_video(acted, policies):
    told = []
    try:
        data = filmmaker(Studio(), policies).film(acted, lambda done, total: told.append((done, total)))
    except RenderingError as failure:
        pytest.skip(str(failure))
    assert acted.outcome is Outcome.FAILURE
    assert told == [(number, 6) for number in range(1, 7)]
    with av.open(BytesIO(data)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        seconds = float(container.duration / av.time_base)
    its_pace = pace(num_decisions=6, decision_s=acted.decision_s)
    assert (stream.width, stream.height) == (PICTURE_HEIGHT, PICTURE_HEIGHT + BAND_HEIGHT)
    assert len(frames) == 6 + round(HOLD_S / its_pace.frame_s)
    assert seconds == pytest.approx(len(frames) * its_pace.frame_s, rel=0.05)
    scenes = [frame[:PICTURE_HEIGHT].astype(int) for frame in frames]
    assert scenes[0].std() > 10
    assert np.abs(scenes[0] - scenes[5]).max() > 50, "nothing moves"
    bands = [frame[PICTURE_HEIGHT:].astype(int) for frame in frames]
    assert bands[0].max() > 200
    assert np.abs(bands[0] - bands[5]).max() > 50, "the caption stays the same"
