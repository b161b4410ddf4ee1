from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from flywheel.core.errors import ForeignStoreError, StoreError
from flywheel.store.folder import LocalFolder
from flywheel.store.identity import claim, configuration

CONFIG = {
    "name": "one",
    "iterations": 4,
    "train": {"learning_rate": (0.1, 0.05), "mixture": {}},
    "suites": ({"suite": "gym", "tasks": ("A", "B")},),
    "resources": {"num_collectors": 2},
}


def claimed(objects, **changes):
    claim(objects, CONFIG | changes, created_by="0.1.0", free_keys=("iterations", "resources"))


@pytest.fixture
def objects(tmp_path):
    return LocalFolder(root=tmp_path)


def test_a_new_store_belongs_to_nobody_and_then_to_who_claims_it(objects):
    assert configuration(objects) is None
    claimed(objects)
    assert configuration(objects)["train"] == {"learning_rate": [0.1, 0.05], "mixture": {}}


def test_the_same_configuration_may_come_back(objects):
    claimed(objects)
    claimed(objects)


def test_free_settings_and_sections_may_differ(objects):
    claimed(objects)
    claimed(objects, iterations=9, resources={"num_collectors": 8, "use_gpu": True})
    assert configuration(objects)["iterations"] == 4


def test_every_other_difference_is_named_with_both_values(objects):
    claimed(objects)
    with pytest.raises(ForeignStoreError) as caught:
        claimed(
            objects,
            name="two",
            train={"learning_rate": (0.1,), "mixture": {"demonstration": 1.0}},
            suites=({"suite": "gym", "tasks": ("A", "C")},),
            seed=0,
        )
    first, *rest = str(caught.value).splitlines()
    assert first.startswith(f"{objects.url('flywheel.json')}: the store belongs to another configuration")
    assert rest == [
        "  name: the store has 'one', the configuration says 'two'",
        "  seed: the store has nothing, the configuration says 0",
        "  suites.0.tasks: the store has ['A', 'B'], the configuration says ['A', 'C']",
        "  train.learning_rate: the store has [0.1, 0.05], the configuration says [0.1]",
        "  train.mixture: the store has {}, the configuration says nothing",
        "  train.mixture.demonstration: the store has nothing, the configuration says 1.0",
    ]
    assert configuration(objects)["name"] == "one"


def test_a_setting_whose_name_begins_like_a_free_one_is_not_free(objects):
    claim(objects, {"until": 1, "until_when": 1}, created_by="0.1.0", free_keys=["until"])
    with pytest.raises(ForeignStoreError, match="until_when"):
        claim(objects, {"until": 2, "until_when": 2}, created_by="0.1.0", free_keys=["until"])


def test_of_two_that_claim_at_once_one_gets_the_store(objects):
    barrier = Barrier(2)

    def attempt(name):
        barrier.wait()
        try:
            claimed(objects, name=name)
        except ForeignStoreError:
            return None
        return name

    with ThreadPoolExecutor(2) as pool:
        winners = [name for name in pool.map(attempt, ("one", "two")) if name]
    assert winners == [configuration(objects)["name"]]


@pytest.mark.parametrize("text", ["", "{", '{"name": "one"}'])
def test_a_damaged_identity_is_refused_and_left_alone(objects, text):
    objects.put("flywheel.json", text.encode())
    with pytest.raises(StoreError, match=r"flywheel.json: damaged"):
        claimed(objects)
    assert objects.get("flywheel.json") == text.encode()


def test_a_store_of_a_newer_flywheel_is_refused(objects):
    claimed(objects)
    newer = objects.get("flywheel.json").replace(b'"schema_version": 3', b'"schema_version": 7')
    objects.put("flywheel.json", newer)
    with pytest.raises(StoreError, match=r"flywheel.json: has schema version 7, .*: use a newer flywheel"):
        claimed(objects)
