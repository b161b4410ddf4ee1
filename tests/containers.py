"""What describes the containers: the Dockerfile's instructions, and the compose file."""

import shlex
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
DOCKERFILE = DEPLOY / "Dockerfile"
COMPOSE = DEPLOY / "compose.yaml"


class Instruction(NamedTuple):
    """One of a Dockerfile: `COPY`, and what follows it on its line and those that continue it."""

    keyword: str
    value: str


def instructions(text: str) -> list[Instruction]:
    """In order, without comments."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    logical = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [
        Instruction(keyword.upper(), value.strip()) for keyword, _, value in (line.partition(" ") for line in logical)
    ]


def stages(found: list[Instruction]) -> list[list[Instruction]]:
    """Each begins with its FROM; what stands before the first one is left out."""
    begins = [number for number, some in enumerate(found) if some.keyword == "FROM"]
    return [found[begin:end] for begin, end in zip(begins, [*begins[1:], len(found)], strict=True)]


def copied(stage: list[Instruction]) -> Iterator[str]:
    """Paths of the repository that the stage takes, relative to its root."""
    for some in stage:
        if some.keyword in ("COPY", "ADD") and "--from=" not in some.value:
            yield from shlex.split(some.value)[:-1]


def environment(stage: list[Instruction]) -> dict[str, str]:
    """The variables that the stage sets."""
    return dict(pair.split("=", 1) for some in stage if some.keyword == "ENV" for pair in shlex.split(some.value))


def compose() -> dict[str, Any]:
    """The file, with its anchors resolved."""
    read: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return read


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """Of a compose service: where in the container -> which file or folder of the repository, relative to the file."""
    pairs = [volume.split(":")[:2] for volume in service.get("volumes", ()) if volume.startswith(".")]
    return {inside: outside for outside, inside in pairs}


def tool(name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A program that a development package brings."""
    path = Path(sysconfig.get_path("scripts"), name)
    return subprocess.run([str(path), *arguments], check=False, capture_output=True, text=True)
