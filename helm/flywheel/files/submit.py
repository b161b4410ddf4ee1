"""Submits Ray Serve's configuration to an existing Ray cluster, and returns when it runs: submit.py FILE

RAY_DASHBOARD: its address. RAY_AUTH_TOKEN: its token, where it asks for one.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

TIMEOUT_S = 600.0
POLL_S = 2.0


def asked(method: str, body: bytes | None = None) -> dict:
    """What the dashboard answers."""
    token = os.environ.get("RAY_AUTH_TOKEN")
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    url = os.environ["RAY_DASHBOARD"].rstrip("/") + "/api/serve/applications/"
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"{}")


def main() -> None:
    config = Path(sys.argv[1]).read_bytes()
    (name,) = [application["name"] for application in json.loads(config)["applications"]]
    try:
        asked("PUT", config)
    except urllib.error.HTTPError as failure:
        sys.exit(f"Ray refuses it: {failure.code} {failure.read().decode(errors='replace')}")
    except OSError as failure:
        sys.exit(f"{os.environ['RAY_DASHBOARD']}: {failure}")
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        found = asked("GET")["applications"].get(name, {})
        if found.get("status") == "RUNNING":
            print(f"{name} runs")
            return
        if found.get("status") == "DEPLOY_FAILED":
            sys.exit(f"{name} does not start: {found.get('message')}")
        time.sleep(POLL_S)
    sys.exit(f"{name} does not run after {TIMEOUT_S:.0f} s")


if __name__ == "__main__":
    main()
