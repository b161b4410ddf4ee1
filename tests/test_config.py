from pathlib import Path

import pytest
from pydantic import ValidationError

from flywheel.config import Algorithm, MetaworldSuite, MixtureConfig, load, parse
from flywheel.core.errors import ConfigError

EXAMPLES = sorted((Path(__file__).parent.parent / "deploy" / "examples").glob("*.yaml"))

SMALLEST = """
name: small
suites:
  - suite: metaworld
    tasks: [reach-v3]
    max_decisions: 40
"""


def minimal(**changes):
    return {"name": "small", "suites": [{"suite": "gym", "tasks": ["A-v0"], "max_decisions": 10}]} | changes


def refusal(raw):
    with pytest.raises(ConfigError) as caught:
        parse(raw, origin="some.yaml")
    return str(caught.value)


def test_a_small_file_is_enough(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALLEST)
    config = load(path)
    assert config.name == "small"
    assert config.suites == (MetaworldSuite(suite="metaworld", tasks=("reach-v3",), max_decisions=40),)
    assert config.train.algorithm is Algorithm.ALPHA_PAC
    assert config.iterations == 4


def test_a_config_is_frozen():
    config = parse(minimal(), origin="some.yaml")
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 3


def test_every_setting_survives_being_written_and_read():
    config = parse(minimal(until=0.9, train={"bc_weight": [1.0, 0.3]}), origin="some.yaml")
    assert parse(config.model_dump(mode="json"), origin="again") == config


def test_a_mixture_is_a_section_or_one_for_each_iteration():
    one = {"sources": {"demonstration": 1.0}, "half_life_iterations": 2.0}
    single, listed = (parse(minimal(train={"mixture": some}), origin="some.yaml") for some in (one, [one]))
    assert single == listed
    assert single.train.mixture == (MixtureConfig(sources={"demonstration": 1.0}, half_life_iterations=2.0),)


def test_scientific_notation_as_people_write_it_is_a_number(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALLEST + "train:\n  learning_rate: [1e-3]\n")
    assert load(path).train.learning_rate == (1e-3,)


def test_a_refusal_names_the_file_the_key_and_the_value():
    text = refusal(minimal(colect={"episodes_per_task": 3}, seed=-1, collect={"episodes_per_task": 0}))
    assert text.startswith("some.yaml: 3 setting(s) to correct:")
    assert "colect: Extra inputs are not permitted (given: {'episodes_per_task': 3})" in text
    assert "seed: Input should be greater than or equal to 0 (given: -1)" in text
    assert "collect.episodes_per_task: Input should be greater than or equal to 1 (given: 0)" in text


def test_a_long_value_is_shortened():
    assert f"(given: '{'x' * 56}...)" in refusal(minimal(seed="x" * 500))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "../up"}, "name: String should match pattern"),
        ({"suites": []}, "suites: Tuple should have at least 1 item"),
        ({"suites": [{"suite": "atari", "tasks": ["A"], "max_decisions": 1}]}, "'atari'"),
        ({"until": 1.5}, "until: Input should be less than or equal to 1"),
        ({"train": {"algorithm": "sac"}}, "train.algorithm: Input should be 'bc', 'filtered_bc', 'alpha_pac' or 'pac'"),
        ({"train": {"discount": 1.0}}, "train.discount: Input should be less than 1"),
        ({"train": {"temperature": [0.0]}}, "train.temperature.0: Input should be greater than 0"),
        ({"train": {"temperature": [float("inf")]}}, "train.temperature.0: Input should be a finite number"),
        ({"train": {"bc_weight": []}}, "train.bc_weight: Tuple should have at least 1 item"),
        ({"train": {"num_updates": [0]}}, "train.num_updates.0: Input should be greater than or equal to 1"),
        ({"train": {"mixture": {"sources": {"demonstration": 0.0}}}}, "sources: all weights are 0"),
        ({"train": {"mixture": {"sources": {"demos": 1.0}}}}, "train.mixture.0.sources.demos"),
        (
            {"train": {"mixture": [{"sources": {"upload": -1.0}}]}},
            "train.mixture.0.sources.upload: Input should be greater",
        ),
        ({"train": {"mixture": []}}, "train.mixture: Tuple should have at least 1 item"),
        ({"train": {"mixture": {"outcomes": {"error": 1.0}}}}, "train.mixture.0.outcomes.error"),
        ({"train": {"mixture": {"half_life_iterations": 0.0}}}, "half_life_iterations: Input should be greater than 0"),
        ({"train": {"mixture": {"tasks": {"gym/B-v0": 2.0}}}}, "train.mixture: gym/B-v0 is no task of the suites"),
        ({"network": {"width": 65}}, "width: 65 is not a multiple of num_heads 2"),
        ({"network": {"return_range": [1.0, 1.0]}}, "return_range: [1.0, 1.0] is not a range"),
        ({"network": {"return_range": [0.0, float("nan")]}}, "Input should be a finite number"),
        ({"gate": {"max_pairs": 110}}, "gate: Value error, max_pairs: 110 is no multiple of batch 25"),
        ({"gate": {"margin": 0.0}}, "gate.margin: Input should be greater than 0"),
        ({"gate": {"scheme": "bonferroni"}}, "gate.scheme: Input should be 'fwer' or 'fdr'"),
        ({"gate": {"margins": {"gym/B-v0": 0.1}}}, "gate: gym/B-v0 is no task of the suites"),
        ({"gate": {"label_errors": {"gym/B-v0": {}}}}, "gate: gym/B-v0 is no task of the suites"),
        (
            {"gate": {"label_errors": {"a": {"false_positive": 0.5, "false_negative": 0.5}}}},
            "together must be below 1, or labels say nothing",
        ),
        ({"collect": {"allocation": "best"}}, "collect.allocation: Input should be 'uniform' or 'weakest'"),
        ({"resources": {"endpoint_port": 70000}}, "resources.endpoint_port: Input should be less than or equal to"),
    ],
)
def test_an_impossible_value_is_refused_with_its_reason(changes, reason):
    assert reason in refusal(minimal(**changes))


@pytest.mark.parametrize(
    ("demonstrations", "reason"),
    [
        ({"noise": [0.5, 0.1]}, "noise: [0.5, 0.1] is not a range from low to high"),
        ({"noise": [-0.1, 0.1]}, "noise: [-0.1, 0.1] is not a range from low to high"),
        ({"clumsy": 0.5, "quitting": 0.5, "random": 0.1}, "clumsy + quitting + random: the shares exceed 1"),
    ],
)
def test_demonstrations_that_cannot_be_are_refused(demonstrations, reason):
    suite = {"suite": "metaworld", "tasks": ["reach-v3"], "max_decisions": 40, "demonstrations": demonstrations}
    assert reason in refusal(minimal(suites=[suite]))


def test_more_environment_steps_than_metaworld_allows_are_refused():
    suite = {"suite": "metaworld", "tasks": ["reach-v3"], "max_decisions": 200, "action_repeat": 3}
    assert "Meta-World raises after 500 environment steps" in refusal(minimal(suites=[suite]))


def test_a_task_listed_twice_is_refused_even_across_suites():
    suite = {"suite": "gym", "tasks": ["A-v0"], "max_decisions": 10}
    assert "gym/A-v0 is listed twice" in refusal(minimal(suites=[suite, suite]))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"gone.yaml: No such file"):
        load(tmp_path / "gone.yaml")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"name: [", "not YAML"),
        (b"\xff\xfe\x00", "not YAML"),
        (b"- a list", "a mapping of settings is needed, not list"),
        (b"", "a mapping of settings is needed, not NoneType"),
    ],
)
def test_a_file_that_is_no_mapping_is_named(tmp_path, content, reason):
    path = tmp_path / "odd.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"odd.yaml: {reason}"):
        load(path)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_loads_and_is_named_after_its_file(path):
    assert load(path).name == path.stem


def test_there_are_examples():
    assert "metaworld" in {path.stem for path in EXAMPLES}


def test_a_batch_that_the_training_workers_cannot_share_is_refused():
    assert "train.batch_size: 128 is not a multiple of resources.num_train_workers 3" in refusal(
        minimal(resources={"num_train_workers": 3})
    )
