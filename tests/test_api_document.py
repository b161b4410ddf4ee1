"""The OpenAPI document: what a client that knows nothing else can do with it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desk import open_desk
from fastapi.testclient import TestClient
from small import small_config

from flywheel.api.application import create_app

METHODS = {"get", "post", "put", "patch", "delete"}
PUBLIC = {"/healthz", "/readyz"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    desk = open_desk(tmp_path_factory.mktemp("document") / "store", small_config())
    answer = desk.client(None).get("/v1/openapi.json")
    assert answer.status_code == 200
    return answer.json()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield path, method, operation


def test_every_operation_has_a_name_a_summary_and_a_description(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert all(re.fullmatch("[a-z_]+", name) for name in names)
    bare = [
        path for path, _, operation in operations(document) if not (operation["summary"] and operation["description"])
    ]
    assert bare == []


def test_every_parameter_has_a_description_and_an_example(document: dict[str, Any]) -> None:
    bare = [
        (path, parameter["name"])
        for path, _, operation in operations(document)
        for parameter in operation.get("parameters", [])
        if not parameter.get("description")
        or not ("example" in parameter or "examples" in parameter or parameter["schema"].get("examples"))
    ]
    assert bare == []


def is_of_models(schema: dict[str, Any]) -> bool:
    """Whether the examples are those of another schema."""
    inner = [schema, schema.get("items", {}), *schema.get("anyOf", []), *schema.get("allOf", [])]
    inner += [some.get("items", {}) for some in inner]
    return any("$ref" in some for some in inner)


def test_every_field_has_a_description_and_an_example(document: dict[str, Any]) -> None:
    bare = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, described in schema.get("properties", {}).items()
        if not described.get("description") or not (described.get("examples") or is_of_models(described))
    ]
    assert bare == []


def test_every_schema_that_is_named_is_there(document: dict[str, Any]) -> None:
    named = set(re.findall(r"#/components/schemas/([\w.-]+)", str(document)))
    assert named == set(document["components"]["schemas"])


def test_every_operation_says_which_problems_it_has(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        problems = {status for status in operation["responses"] if status >= "400"}
        needed = {"500"} if path in PUBLIC else {"401", "403", "422", "429", "500", "503"}
        assert needed <= problems, path
        for status in problems:
            assert list(operation["responses"][status]["content"]) == ["application/problem+json"]


def test_what_is_read_has_an_etag(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        if method == "get" and not path.endswith("/events"):
            assert "ETag" in operation["responses"]["200"]["headers"], path
            assert "304" in operation["responses"], path


def test_only_the_health_of_the_service_needs_no_token(document: dict[str, Any]) -> None:
    free = {path for path, _, operation in operations(document) if not operation.get("security")}
    assert free == PUBLIC


def test_no_route_but_the_public_ones_answers_without_a_token(tmp_path: Path) -> None:
    desk = open_desk(tmp_path / "store", small_config())
    app = create_app(desk.plane)
    client = TestClient(app)
    for path, method, _ in operations(app.openapi()):
        filled = re.sub(r"\{(\w+)\}", "1", path)
        for headers in ({}, {"Authorization": "Bearer fw_nobody"}, {"Authorization": "Basic YTpi"}):
            answer = client.request(method, filled, headers=headers, json={} if method == "post" else None)
            assert answer.status_code == (200 if path in PUBLIC else 401), path
    assert [client.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json")] == [404, 404, 404]


def test_what_is_not_there_is_a_problem_too(tmp_path: Path) -> None:
    client = open_desk(tmp_path / "store", small_config()).client()
    missing, wrong = client.get("/v1/nothing"), client.put("/v1/iterations")
    assert (missing.status_code, wrong.status_code) == (404, 405)
    for answer in (missing, wrong):
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
    assert wrong.headers["Allow"] == "GET, POST"
    verb = client.get("/v1/iterations/3:cancel")
    assert (verb.status_code, verb.headers["Allow"]) == (405, "POST")


def test_a_parameter_that_is_not_known_is_refused_before_anything_starts(tmp_path: Path) -> None:
    desk = open_desk(tmp_path / "store", small_config())
    answer = desk.client().post("/v1/iterations?dryrun=true", json={}, headers={"Idempotency-Key": "a"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"where": "dryrun", "what": "no such parameter; there are: dry_run"}]
    assert not desk.plane.chronicle.control().iterations
