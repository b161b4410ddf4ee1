import pytest

from flywheel.core.errors import ConfigError
from flywheel.store.whole import open_store


def test_a_store_has_all_its_parts(store):
    assert store.records.read("iterations/0000/train")["policy_id"] == "policy-0000"
    assert store.policies.version("policy-0000").iteration == 0
    assert set(store.tables) == {"episodes", "labels"}


@pytest.mark.parametrize("there", [True, False])
def test_where_no_flywheel_was_run_nothing_is_opened_and_nothing_made(tmp_path, there):
    root = tmp_path / "store"
    if there:
        root.mkdir()
    with pytest.raises(ConfigError, match="no flywheel was ever run here"):
        open_store(str(root))
    assert root.exists() == there


def test_a_store_whose_identity_is_lost_can_still_be_looked_at(store, folder):
    (folder / "flywheel.json").unlink()
    assert open_store(str(folder)).records.keys("")
