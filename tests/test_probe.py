import pytest
from odd_store import OddStore

from flywheel.core.errors import ConfigError
from flywheel.store.objects import open_objects
from flywheel.store.probe import prove_put_if_absent


@pytest.fixture(params=["folder", "s3"])
def objects(request, tmp_path):
    return open_objects(str(tmp_path) if request.param == "folder" else request.getfixturevalue("s3_store"))


def test_a_store_that_can_be_relied_on_is_left_as_it_was(objects):
    objects.put("a", b"")
    prove_put_if_absent(objects)
    assert list(objects.keys("")) == ["a"]


def test_a_store_that_replaces_what_is_there_is_refused():
    with OddStore(conditional=False) as server:
        objects = server.objects()
        with pytest.raises(ConfigError, match="does not enforce put-if-absent"):
            prove_put_if_absent(objects)
        assert server.stored == {}
