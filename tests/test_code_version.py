from importlib.metadata import version

import pytest

from flywheel.core.code_version import CODE_VERSION, release


def test_it_is_the_installed_one():
    assert version("flywheel") == CODE_VERSION


@pytest.mark.parametrize(("code_version", "name"), [("0.1.0", "0.1"), ("12.34.5", "12.34"), ("1.2.0rc1", "1.2")])
def test_a_release_is_major_and_minor(code_version, name):
    assert release(code_version) == name
