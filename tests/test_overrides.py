import pytest
from small import small_config

from flywheel.config import Overrides, overridden
from flywheel.core.errors import ConfigError


def given(**overrides) -> Overrides:
    return Overrides.model_validate(overrides)


def test_what_is_set_takes_its_place_and_all_else_stays():
    config = small_config()
    changed = overridden(
        config,
        given(
            collect={"episodes_per_task": 9},
            mixture={"sources": {"demonstration": 1.0}},
            train={"num_updates": 7, "bc_weight": 0.25},
            gate={"max_pairs": 50, "narrow_margin": 0.05, "improvement": "time", "approval": "required"},
        ),
        origin="overrides",
    )
    assert (changed.collect.episodes_per_task, changed.collect.sharpness) == (9, config.collect.sharpness)
    assert (changed.train.num_updates, changed.train.bc_weight) == ((7,), (0.25,))
    assert changed.train.temperature == config.train.temperature
    assert [mixture.sources for mixture in changed.train.mixture] == [{"demonstration": 1.0}]
    assert (changed.gate.max_pairs, changed.gate.narrow_margin, changed.gate.margin) == (50, 0.05, config.gate.margin)
    assert (changed.gate.improvement, changed.gate.approval) == ("time", "required")
    assert overridden(config, Overrides(), origin="overrides") == config


def test_only_what_is_set_is_recorded():
    assert given(gate={"margin": 0.2}).plain == {"gate": {"margin": 0.2}}
    assert Overrides().plain == {}


def test_what_does_not_fit_together_is_refused():
    config = small_config(gate={"max_pairs": 4, "batch": 2})
    with pytest.raises(ConfigError, match=r"overrides: 1 setting.*\n.*max_pairs: 3 is no multiple of batch 2"):
        overridden(config, given(gate={"max_pairs": 3}), origin="overrides")
