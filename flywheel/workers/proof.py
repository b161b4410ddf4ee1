"""Proof: what was written is restored into a learner of its own, before anybody may go on from it."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from flywheel.core.errors import CheckpointError
from flywheel.learning import codec
from flywheel.learning.learner import Learner


def prove(
    files: Mapping[str, bytes], state: Mapping[str, Tensor], *, spare: Callable[[], Learner], origin: str
) -> None:
    """CheckpointError: the learner's file does not restore `state`, to the bit, into a `spare` learner."""
    with torch.random.fork_rng(devices=[]):
        learner = spare()
    try:
        learner.restore(codec.tensors_from_bytes(files[codec.LEARNER], origin=origin))
    except CheckpointError as failure:
        raise CheckpointError(f"{origin}: does not restore: {failure}") from failure
    restored = learner.state()
    differing = [
        name
        for name in sorted(state.keys() | restored.keys())
        if name not in state or name not in restored or not torch.equal(state[name], restored[name])
    ]
    if differing:
        raise CheckpointError(f"{origin}: does not restore: {differing[0]} comes back as something else")
