"""The console's files as they are served, and what can be known of them without a browser."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
from desk import Desk

from flywheel.core.access import Scope

FOLDER = Path(str(files("flywheel") / "console"))
FILES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file())
MAX_BYTES = 150_000
TEXTS = {
    "ink": ("paper", "raised", "plain-wash"),
    "quiet": ("paper", "raised", "plain-wash"),
    "accent": ("paper", "raised", "live-wash"),
    "good": ("paper", "good-wash"),
    "bad": ("paper", "bad-wash"),
    "other": ("paper", "other-wash"),
    "notice": ("paper", "notice-wash"),
    "on-accent": ("accent", "bad"),
    "paper": ("ink",),
}
"""Colours of text, and what they stand on."""


def test_the_page_needs_no_token_and_lets_nothing_in(desk: Desk) -> None:
    answer = desk.client(None).get("/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    # The policy would not let them run.
    assert not re.search(r"<script>|<style|\sstyle=|\son\w+=|javascript:", answer.text)


def test_every_file_is_served_as_what_it_is(desk: Desk) -> None:
    client = desk.client(None)
    kinds = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    for name in FILES:
        answer = client.get(f"/console/{name}")
        assert answer.content == (FOLDER / name).read_bytes()
        assert answer.headers["Content-Type"].partition(";")[0] == kinds[name.rpartition(".")[2]]
        again = client.get(f"/console/{name}", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content, again.headers["Cache-Control"]) == (304, b"", "no-cache")


def test_nothing_else_is_served(desk: Desk) -> None:
    client = desk.client(None)
    for name in ("nothing.js", "", "%2e%2e/application.py", "..%2fapplication.py", "views", "views/", "/etc/passwd"):
        answer = client.get(f"/console/{name}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json"), name


def test_only_reading_is_allowed_and_the_document_does_not_speak_of_it(desk: Desk) -> None:
    client = desk.client(Scope.ADMIN)
    assert client.head("/").status_code == 200
    refused = client.post("/")
    assert (refused.status_code, refused.headers["Content-Type"]) == (405, "application/problem+json")
    assert not any(path == "/" or "console" in path for path in client.get("/v1/openapi.json").json()["paths"])


def test_it_is_small_and_whole() -> None:
    assert sum((FOLDER / name).stat().st_size for name in FILES) < MAX_BYTES
    for name in FILES:
        text = (FOLDER / name).read_text(encoding="utf-8")
        imported = re.findall(r'from "(\.[^"]+)"', text)
        missing = [path for path in imported if not (FOLDER / name).parent.joinpath(path).resolve().is_file()]
        assert missing == [], name
        namespaces = text.replace("http://www.w3.org/2000/svg", "")
        assert "://" not in namespaces, f"{name} names something elsewhere"
        assert "innerHTML" not in text


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read(theme: int) -> None:
    css = (FOLDER / "console.css").read_text(encoding="utf-8")
    colours = {name: both for name, *both in re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\)", css)}
    for text, grounds in TEXTS.items():
        for ground in grounds:
            light, dark = sorted((luminance(colours[name][theme]) for name in (text, ground)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{text} on {ground}"


def luminance(colour: str) -> float:
    """As WCAG 2 defines it."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
