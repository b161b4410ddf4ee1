"""The OpenAPI document: what FastAPI makes of the routes, and what it cannot know of them."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from flywheel.api.problems import Problem, unguarded

METHODS = ("get", "post", "delete")
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "ETag of the answer that one has: 304 if it is still the same",
    "schema": {"type": "string"},
    "example": '"0c7d2ab1f5e04c19a2b84d1c6f3e9a70"',
}
ETAG = {
    "ETag": {
        "description": "Of this state of the resource, for `If-None-Match` and `If-Match`",
        "schema": {"type": "string"},
        "example": '"0c7d2ab1f5e04c19a2b84d1c6f3e9a70"',
    }
}
LOCATION = {
    "Location": {
        "description": "The path of what was made",
        "schema": {"type": "string"},
        "example": "/v1/iterations/4",
    }
}
MAKERS = {"create_iteration", "retry_iteration", "create_campaign", "create_schedule", "create_token"}
MAKERS |= {"create_webhook", "roll_back"}
"""Operations whose answers say where what they made is."""


def operation_id(route: APIRoute) -> str:
    """Short, for generated clients: the name of the function."""
    return route.name


def document(app: FastAPI) -> dict[str, Any]:
    """Made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
        )
        _add_problem(made)
        for operations in made["paths"].values():
            for method in METHODS:
                if method in operations:
                    _complete(operations[method], reads=method == "get")
        app.openapi_schema = made
    return app.openapi_schema


def _add_problem(made: dict[str, Any]) -> None:
    """Answers name it, but no function returns it."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = made["components"]["schemas"]
    schemas.update(schema.pop("$defs"))
    schemas["Problem"] = schema
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)


def _need_key(operation: dict[str, Any]) -> None:
    """Its absence has a problem of its own, so FastAPI takes it for optional."""
    for parameter in operation["parameters"]:
        if parameter["name"] == "Idempotency-Key":
            parameter["required"] = True


def _complete(operation: dict[str, Any], *, reads: bool) -> None:
    answers = operation["responses"]
    if reads and "application/json" in answers["200"].get("content", {}):
        operation.setdefault("parameters", []).append(IF_NONE_MATCH)
        answers["200"]["headers"] = ETAG
        answers["304"] = {"description": "Not changed", "headers": ETAG}
    elif "400" in answers:
        _need_key(operation)
    if "requestBody" in operation:
        answers.setdefault("400", unguarded(400)[400])  # What is no JSON at all.
    if operation["operationId"] in MAKERS:
        answers["202" if "202" in answers else "201"]["headers"] = LOCATION
    for status in ("429", "503"):
        if status in answers:
            answers[status]["headers"] = {
                "Retry-After": {"description": "Seconds to wait", "schema": {"type": "string"}, "example": "5"}
            }
