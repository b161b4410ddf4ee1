from pathlib import Path

import pytest
from small import small_config

from flywheel import wiring
from flywheel.cluster.session import RaySession
from flywheel.core.errors import ConfigError
from flywheel.survey import check_nodes, look


def test_nodes_that_see_the_same_store_can_work_on_it(ray_session: RaySession, tmp_path: Path):
    wiring.take(small_config(), str(tmp_path))
    check_nodes(str(tmp_path))


def test_a_node_that_sees_another_store_or_none_is_named(
    ray_session: RaySession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)  # The node's processes are in another folder.
    wiring.take(small_config(), "runs/small")
    with pytest.raises(ConfigError, match=r"1 of 1 nodes of Ray cannot work on runs/small:\n127.0.0.2: does not see"):
        check_nodes("runs/small")


def test_whoever_sees_no_store_says_why(tmp_path: Path):
    sight = look(str(tmp_path))
    assert sight.store_id is None
    assert "flywheel.json" in sight.trouble
