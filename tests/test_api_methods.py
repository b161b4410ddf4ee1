"""Which methods a path has."""

import pytest

from flywheel.api.methods import allowed

DOCUMENT = {
    "paths": {
        "/v1/things": {"get": {}, "post": {}},
        "/v1/things/{name}": {"get": {}, "delete": {}},
        "/v1/things/{name}:stop": {"post": {}},
    }
}


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/things", "GET, POST"),
        ("/v1/things/a", "DELETE, GET"),
        ("/v1/things/a:stop", "POST"),
        ("/v1/things/a/b", ""),
        ("/v1xthings", ""),
    ],
)
def test_methods_of_a_path(path: str, methods: str) -> None:
    assert allowed(DOCUMENT, path) == methods
