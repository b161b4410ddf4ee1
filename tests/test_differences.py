from flywheel.core.differences import Difference, differences


def test_equal_mappings_do_not_differ():
    assert list(differences({"a": {"b": [1, 2]}, "c": {}}, {"c": {}, "a": {"b": [1, 2]}})) == []


def test_each_setting_that_differs_is_named_with_both_values():
    before = {"train": {"rate": 0.1, "mixture": {}}, "suites": [{"tasks": ["A"]}], "gone": 1}
    now = {"train": {"rate": 0.2, "mixture": {"own": 1.0}}, "suites": [{"tasks": ["B"]}]}
    assert list(differences(before, now)) == [
        Difference(key="gone", before="1", now="nothing"),
        Difference(key="suites.0.tasks", before="['A']", now="['B']"),
        Difference(key="train.mixture", before="{}", now="nothing"),
        Difference(key="train.mixture.own", before="nothing", now="1.0"),
        Difference(key="train.rate", before="0.1", now="0.2"),
    ]
