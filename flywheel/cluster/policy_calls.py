"""PolicyCalls: one request at a time to the policy endpoint, over HTTP, as its deployer."""

import http.client
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from flywheel.cluster.policy_api import SESSION_HEADER
from flywheel.core.episode import Floats
from flywheel.core.errors import EndpointError

REQUEST_TIMEOUT_S = 30.0


class OutageError(EndpointError):
    """Not a refusal: it may pass."""


class PolicyCalls:
    """`session` chooses the replica, where there are several."""

    ROUTE: ClassVar[str] = "/policy"

    def __init__(self, *, host: str, port: int, secret: str) -> None:
        self._host, self.port, self._secret = host, port, secret

    @property
    def address(self) -> str:
        """Where requests go."""
        return f"http://{self._host}:{self.port}"

    def act(self, body: Mapping[str, Any], session: str | None = None) -> tuple[Floats, str]:
        """Actions, and the version. EndpointError: the reason of a refusal; OutageError: no answer."""
        status, answer = self._ask("POST", "/v1/act", body, session)
        if status != 200:
            refusal = OutageError if status >= 500 else EndpointError
            raise refusal(f"{self.address} answered {status}: {answer.get('detail', answer)}")
        return np.asarray(answer["actions"], np.float32), answer["policy_version"]

    def standing(self, session: str | None = None) -> dict[str, Any]:
        """`policy_api.Standing` of a replica; empty: it does not answer."""
        try:
            status, answer = self._ask("GET", "/v1/version", None, session)
        except OutageError:
            return {}
        return answer if status == 200 else {}

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None, session: str | None
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._secret}"}
        if session is not None:
            headers[SESSION_HEADER] = session
        connection = http.client.HTTPConnection(self._host, self.port, timeout=REQUEST_TIMEOUT_S)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, self.ROUTE + path, content, headers)
            response = connection.getresponse()
            data = response.read()
            return response.status, json.loads(data) if "json" in (response.getheader("Content-Type") or "") else {}
        except (OSError, http.client.HTTPException, ValueError) as failure:
            raise OutageError(f"{self.address} does not answer: {failure}") from failure
        finally:
            connection.close()
