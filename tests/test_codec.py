import dataclasses
import json

import numpy as np
import pytest
import torch
from networks import CONTRACT, REACH, SIZES, TURN, make_batch, make_learner, make_network

from flywheel.core.contract import Contract, unite
from flywheel.core.errors import CheckpointError
from flywheel.learning import codec
from flywheel.learning.acting import Actor

TENSORS = {
    "weights": torch.linspace(-1, 1, 6).reshape(2, 3),
    "half": torch.tensor([0.1, float("inf"), -0.0], dtype=torch.bfloat16),
    "count": torch.tensor(7),
    "nothing": torch.zeros(0, 4),
}
TASKS = ["suite/reach", "suite/turn"] * 3


def files_of(network, contract=CONTRACT, sizes=SIZES):
    return {
        codec.WEIGHTS: codec.tensors_to_bytes(network.state_dict()),
        codec.ARCHITECTURE: codec.architecture_to_bytes(contract, sizes),
    }


def bits(tensor):
    return tensor.contiguous().view(-1).view(torch.uint8).tolist()


# Tensors


def test_tensors_come_back_to_the_bit():
    back = codec.tensors_from_bytes(codec.tensors_to_bytes(TENSORS), origin="here")
    assert back.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert (back[name].dtype, back[name].shape) == (tensor.dtype, tensor.shape)
        assert bits(back[name]) == bits(tensor)


def test_the_same_tensors_give_the_same_bytes():
    assert codec.tensors_to_bytes(TENSORS) == codec.tensors_to_bytes(dict(reversed(TENSORS.items())))


def test_a_learner_comes_back_to_the_bit():
    learner = make_learner()
    for update in range(3):
        learner.update(make_batch(seed=update))
    resumed = make_learner()
    resumed.restore(codec.tensors_from_bytes(codec.tensors_to_bytes(learner.state()), origin="here"))
    for some in (learner, resumed):
        some.update(make_batch(seed=3))
    assert codec.tensors_to_bytes(learner.state()) == codec.tensors_to_bytes(resumed.state())


WHOLE = codec.tensors_to_bytes(TENSORS)


@pytest.mark.parametrize(
    "damaged",
    [b"", b"short", WHOLE[:-1], WHOLE + b"x", WHOLE[: len(WHOLE) // 2], b"\xff" * 64, WHOLE[:8] + b"[" + WHOLE[9:]],
    ids=["empty", "short", "cut", "longer", "half", "noise", "header"],
)
def test_damaged_tensors_are_refused_by_their_origin(damaged):
    with pytest.raises(CheckpointError, match="checkpoint p0001 at update 500: not readable as safetensors"):
        codec.tensors_from_bytes(damaged, origin="checkpoint p0001 at update 500")


# Architecture


@pytest.mark.parametrize("contract", [CONTRACT, unite({"suite/turn": TURN})], ids=["two", "one"])
def test_an_architecture_comes_back_equal(contract):
    back, sizes = codec.architecture_from_bytes(codec.architecture_to_bytes(contract, SIZES), origin="here")
    assert back == contract
    assert back.action_size == contract.action_size
    assert sizes == {**SIZES, "return_range": [0.0, 1.0]}


def test_an_architecture_is_readable_json():
    plain = json.loads(codec.architecture_to_bytes(CONTRACT, SIZES))
    assert plain["network"]["width"] == 8
    assert plain["contract"]["tasks"] == ["suite/reach", "suite/turn"]
    assert plain["contract"]["modalities"]["goal"] == {"kind": "vector", "width": 2}


WITHOUT_TASKS = json.loads(codec.architecture_to_bytes(CONTRACT, SIZES))
del WITHOUT_TASKS["contract"]["tasks"]


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"contract": {"modalities": []}, "network": {}}',
        json.dumps(WITHOUT_TASKS).encode(),
    ],
    ids=["empty", "binary", "list", "null", "modalities", "tasks"],
)
def test_a_damaged_architecture_is_refused_by_its_origin(damaged):
    with pytest.raises(CheckpointError, match="policy p0001: not an architecture"):
        codec.architecture_from_bytes(damaged, origin="policy p0001")


# Actors


def test_a_loaded_actor_acts_as_the_network_that_was_stored():
    network = make_network(num_action_bins=201)
    loaded = codec.load_actor(files_of(network, sizes={**SIZES, "num_action_bins": 201}), origin="policy p0001")
    observations = make_batch().observations
    uniforms = np.random.default_rng(0).random((6, 2), np.float32)
    stored = Actor(network=network, contract=CONTRACT)
    assert loaded.contract == CONTRACT
    assert loaded.act(observations, TASKS).tolist() == stored.act(observations, TASKS).tolist()
    assert loaded.act(observations, TASKS, uniforms).tolist() == stored.act(observations, TASKS, uniforms).tolist()


def test_the_order_in_which_a_contract_lists_its_modalities_does_not_mix_up_the_weights():
    """JSON keeps the names, not the order in which they were given."""
    bodies = [("suite/reach", REACH), ("suite/turn", TURN)]
    backwards = unite(
        {task: dataclasses.replace(body, modalities=dict(reversed(body.modalities.items()))) for task, body in bodies},
        history=2,
    )
    assert backwards.modalities == CONTRACT.modalities
    assert list(backwards.modalities) != list(CONTRACT.modalities)
    network, observations = make_network(backwards, num_action_bins=201), make_batch().observations
    loaded = codec.load_actor(files_of(network, backwards, {**SIZES, "num_action_bins": 201}), origin="here")
    assert list(loaded.contract.modalities) != list(backwards.modalities)
    stored = Actor(network=network, contract=backwards)
    assert loaded.act(observations, TASKS).tolist() == stored.act(observations, TASKS).tolist()


@pytest.mark.parametrize("missing", [codec.WEIGHTS, codec.ARCHITECTURE])
def test_a_missing_file_is_named(missing):
    files = {name: data for name, data in files_of(make_network()).items() if name != missing}
    with pytest.raises(CheckpointError, match=f"policy p0001: {missing} is missing"):
        codec.load_actor(files, origin="policy p0001")


def test_weights_of_another_size_are_refused():
    with pytest.raises(CheckpointError, match="policy p0001: the weights do not fit the network"):
        codec.load_actor(files_of(make_network(), sizes={**SIZES, "width": 4}), origin="policy p0001")


def test_damaged_weights_are_refused():
    files = files_of(make_network())
    files[codec.WEIGHTS] = files[codec.WEIGHTS][:-5]
    with pytest.raises(CheckpointError, match="policy p0001: not readable as safetensors"):
        codec.load_actor(files, origin="policy p0001")


def of_kind(kind: str) -> Contract:
    modalities = {name: dataclasses.replace(some, kind=kind) for name, some in REACH.modalities.items()}
    return unite({"suite/reach": dataclasses.replace(REACH, modalities=modalities)})


@pytest.mark.parametrize(
    ("contract", "sizes"),
    [
        (CONTRACT, {**SIZES, "depth": 3}),
        (CONTRACT, {"width": 8}),
        (CONTRACT, {**SIZES, "width": -8}),
        (of_kind("hologram"), SIZES),
    ],
    ids=["unknown", "missing", "negative", "kind"],
)
def test_a_network_that_this_version_does_not_make_is_refused(contract, sizes):
    with pytest.raises(CheckpointError, match="policy p0001: not a network that this version makes"):
        codec.load_actor(files_of(make_network(), contract, sizes), origin="policy p0001")
