"""Window: a fixed amount of memory that holds the transitions of some blocks, each in a slot of its own."""

from dataclasses import fields

import numpy as np

from flywheel.core.contract import Contract
from flywheel.core.mixture import Shares
from flywheel.core.transition import TransitionBatch, Transitions, frame_bytes, transition_bytes

CHANCE_BYTES = 8
RESOLUTION = 2**30
"""Chances are multiples of its inverse: added to the number of a slot, none is rounded."""


class Window:
    """Flat arrays of equal slots. What a slot holds is overwritten in place, so that nothing grows."""

    def __init__(self, *, contract: Contract, num_slots: int, frames: int, transitions: int) -> None:
        """`frames` and `transitions` are what a slot can hold."""
        self._num_slots, self._num_frames, self._num_transitions = num_slots, frames, transitions
        size, actions = num_slots * transitions, (num_slots * transitions, contract.action_size)
        self._held = Transitions(
            contract=contract,
            frames={
                name: np.zeros((num_slots * frames, modality.width), np.float32)
                for name, modality in contract.modalities.items()
            },
            first_frames=np.zeros(num_slots * frames, np.int64),
            starts=np.zeros(size, np.int64),
            ends=np.zeros(size, np.int64),
            tasks=np.zeros(size, np.int16),
            actions=np.zeros(actions, np.float32),
            returns=np.zeros(size, np.float32),
            discounts=np.zeros(size, np.float32),
            cloned=np.zeros(size, np.float32),
            observed_returns=np.zeros(size, np.float32),
            unobserved_discounts=np.zeros(size, np.float16),
            sources=np.zeros(size, np.int16),
            outcomes=np.zeros(size, np.int16),
            iterations=np.zeros(size, np.int32),
        )
        # Of slot s: s and the cumulated chances of its transitions. Sorted over all slots, so that one search finds
        # any slot's transition.
        self._chances = np.repeat(np.arange(1, num_slots + 1, dtype=np.float64), transitions)

    @staticmethod
    def slot_bytes(contract: Contract, *, frames: int, transitions: int) -> int:
        """What a slot takes."""
        return frames * frame_bytes(contract) + transitions * (transition_bytes(contract) + CHANCE_BYTES)

    def fill(self, slot: int, transitions: Transitions, chances: Shares) -> None:
        """Replaces what the slot holds. `chances` [P]: how likely each transition is, in proportion."""
        first_frame, first = slot * self._num_frames, slot * self._num_transitions
        for name, values in transitions.frames.items():
            self._held.frames[name][first_frame : first_frame + len(values)] = values
        count = len(transitions.first_frames)
        self._held.first_frames[first_frame : first_frame + count] = transitions.first_frames + first_frame
        last = first + transitions.num_transitions
        for name in _COLUMNS:
            offset = first_frame if name in ("starts", "ends") else 0
            getattr(self._held, name)[first:last] = getattr(transitions, name) + offset
        cumulated = np.cumsum(chances)
        self._chances[first:last] = slot + np.rint(cumulated / cumulated[-1] * RESOLUTION) / RESOLUTION
        self._chances[last : first + self._num_transitions] = slot + 1

    def copy(self, source: int, target: int) -> None:
        """The target slot holds what the source slot holds."""
        moved = (target - source) * self._num_frames
        for values in self._held.frames.values():
            values[self._frames_of(target)] = values[self._frames_of(source)]
        self._held.first_frames[self._frames_of(target)] = self._held.first_frames[self._frames_of(source)]
        self._held.first_frames[self._frames_of(target)] += moved
        for name in _COLUMNS:
            column = getattr(self._held, name)
            column[self._of(target)] = column[self._of(source)]
        self._held.starts[self._of(target)] += moved
        self._held.ends[self._of(target)] += moved
        self._chances[self._of(target)] = self._chances[self._of(source)] - source + target

    def batch(self, rng: np.random.Generator, size: int) -> TransitionBatch:
        """Every slot as likely, and in it every transition by its chance."""
        slots = rng.integers(0, self._num_slots, size)
        places = slots + rng.integers(0, RESOLUTION, size) / RESOLUTION
        return self._held.batch(np.searchsorted(self._chances, places, side="right"))

    def _frames_of(self, slot: int) -> slice:
        return slice(slot * self._num_frames, (slot + 1) * self._num_frames)

    def _of(self, slot: int) -> slice:
        return slice(slot * self._num_transitions, (slot + 1) * self._num_transitions)


_COLUMNS = [field.name for field in fields(Transitions) if field.name not in ("contract", "frames", "first_frames")]
