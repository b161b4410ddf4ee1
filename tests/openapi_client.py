"""A client that is made from an OpenAPI document alone: it knows no path, no field and no status but those in it.

    python tests/openapi_client.py http://127.0.0.1:8000 TOKEN_FILE

triggers an iteration, follows its events, sees how it ends, rolls back what was promoted, and looks it all up again.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
from jsonschema import Draft202012Validator

DOCUMENT = "/v1/openapi.json"


class OpenApiClient:
    """Operations by their ids. Whatever comes back is checked against what the document says."""

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60.0)
        document = self._http.get(DOCUMENT).raise_for_status().json()
        self._operations = {
            operation["operationId"]: (method, path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        }
        self._components = document["components"]

    def close(self) -> None:
        """Its connections."""
        self._http.close()

    def call(self, operation: str, *, body: Any = None, **parameters: Any) -> Any:
        """The body of the answer. AssertionError: it is no success, or not what is documented."""
        method, url, headers, query = self._request(operation, parameters)
        answer = self._http.request(method, url, json=body, headers=headers, params=query)
        found = answer.json() if answer.content else None
        self._check(operation, answer.status_code, answer.headers.get("Content-Type", ""), found)
        assert answer.is_success, f"{operation}: {answer.status_code} {answer.text}"
        return found

    def events(self, operation: str, **parameters: Any) -> Iterator[tuple[str, Any]]:
        """Kind and data of server-sent events, until they end."""
        method, url, headers, query = self._request(operation, parameters)
        with self._http.stream(method, url, headers=headers, params=query, timeout=600.0) as answer:
            answer.raise_for_status()
            kind = ""
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    yield kind, json.loads(value)

    def _request(self, operation: str, given: dict[str, Any]) -> tuple[str, str, dict[str, str], dict[str, Any]]:
        method, path, described = self._operations[operation]
        headers: dict[str, str] = {}
        query: dict[str, Any] = {}
        for parameter in described.get("parameters", ()):
            name, place = parameter["name"], parameter["in"]
            if place == "path":
                path = path.replace(f"{{{name}}}", str(given.pop(name)))
            elif place == "query" and name in given:
                query[name] = given.pop(name)
            elif place == "header" and name == "Idempotency-Key":
                headers[name] = uuid4().hex
        assert not given, f"{operation} knows no {', '.join(given)}"
        return method, path, headers, query

    def _check(self, operation: str, status: int, content_type: str, body: Any) -> None:
        described = self._operations[operation][2]["responses"]
        assert str(status) in described, f"{operation}: status {status} is not documented"
        kinds = described[str(status)].get("content", {})
        kind = content_type.partition(";")[0]
        assert not kinds or kind in kinds, f"{operation}: {kind} is not documented for {status}"
        if body is not None and kinds:
            Draft202012Validator({**kinds[kind]["schema"], "components": self._components}).validate(body)


def operate(client: OpenApiClient) -> dict[str, Any]:
    """Triggers, follows, promotes where the gate did not, rolls back, and looks it up; what was seen."""
    number = client.call("create_iteration", body={"reason": "a day in operations"})["number"]
    seen = [data["action"] for kind, data in client.events("follow_iteration", number=number) if kind == "entry"]
    ended = client.call("get_iteration", number=number)
    before = client.call("list_deployments")["items"][0]
    candidate = client.call("list_policies")["items"][0]["policy_id"]
    if before["policy_id"] != candidate:
        client.call("promote_policy", policy_id=candidate, body={"reason": "as good, and a day in operations"})
    rolled_back = client.call("roll_back", body={"reason": "the day is over"})
    audit = client.call("list_entries", page_size=20)["items"]
    return {
        "iteration": ended,
        "events": seen,
        "candidate": candidate,
        "rolled back to": rolled_back["policy_id"],
        "deployments": client.call("list_deployments")["items"],
        "audit": audit,
    }


if __name__ == "__main__":
    print(json.dumps(operate(OpenApiClient(sys.argv[1], Path(sys.argv[2]).read_text().strip())), indent=1))
