"""One Ray for all tests of a run: starting it takes longer than any of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flywheel.cluster.session import RaySession


@pytest.fixture(scope="session")
def ray_session() -> Iterator[RaySession]:
    """Its processes find the modules beside the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=":")
        with RaySession(num_cpus=8) as session:
            yield session
