"""Asking: what all commands share that ask something of a running service."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec, get_type_hints

import typer

from flywheel.cli.printing import plain, print_json
from flywheel.client import Flywheel
from flywheel.core.errors import ConfigError

PANEL = "Service and output"

Given = ParamSpec("Given")

Url = Annotated[
    str | None,
    typer.Option(help="Where the service is. Default: FLYWHEEL_URL, else the one here.", rich_help_panel=PANEL),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        help="A file that holds the token. Default: FLYWHEEL_TOKEN, FLYWHEEL_TOKEN_FILE, else of the service here.",
        rich_help_panel=PANEL,
    ),
]
ServiceName = Annotated[
    str | None, typer.Option("--service", help="Which of several services on this machine.", rich_help_panel=PANEL)
]
Timeout = Annotated[
    float, typer.Option(min=0.0, help="Seconds that a request may take, with repetitions.", rich_help_panel=PANEL)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON; a line each where it goes on.", rich_help_panel=PANEL)]


class Ask:
    """A service to ask, and how its answers are shown."""

    def __init__(self, *, connect: Callable[[], Flywheel], as_json: bool) -> None:
        self._connect, self.as_json = connect, as_json

    @cached_property
    def wheel(self) -> Flywheel:
        """Connected when it is needed. ConfigError: no address or no token."""
        return self._connect()

    def show(self, answer: Any, in_words: Callable[[], None]) -> None:
        """One JSON document, or words."""
        if self.as_json:
            print_json(answer)
        else:
            in_words()

    def close(self) -> None:
        if "wheel" in vars(self):
            self.wheel.close()


def has_subcommand(context: typer.Context) -> bool:
    """Of a command that does something alone too. ConfigError: an option before the subcommand, which ignores it."""
    if context.invoked_subcommand is None:
        return False
    given = [name for name in context.params if str(context.get_parameter_source(name)).endswith("COMMANDLINE")]
    if given:
        options = ", ".join(f"--{name.removeprefix('as_').replace('_', '-')}" for name in given)
        raise ConfigError(f"{options}: goes after `{context.invoked_subcommand}`")
    return True


def print_json_line(value: Any) -> None:
    """Of a stream: a line at a time, at once."""
    print(json.dumps(plain(value), ensure_ascii=False, allow_nan=False), flush=True)


def asking(command: Callable[Concatenate[Ask, Given], None]) -> Callable[..., None]:
    """The command with the shared options, which make its first argument."""

    def ask(
        *given: Any,
        url: Url = None,
        token_file: TokenFile = None,
        service: ServiceName = None,
        timeout_s: Timeout = 10.0,
        as_json: Json = False,
        **named: Any,
    ) -> None:
        def connect() -> Flywheel:
            return Flywheel(url, token_file=token_file, service=service, timeout_s=timeout_s)

        asked = Ask(connect=connect, as_json=as_json)
        try:
            command(asked, *given, **named)
        finally:
            asked.close()

    own, shared = _parameters(command)[1:], _parameters(ask)[1:-1]
    parameters = [*own, *shared]
    ask.__name__, ask.__doc__ = command.__name__, command.__doc__
    ask.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    ask.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return ask


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """With annotations that are no strings."""
    hints = get_type_hints(function, include_extras=True)
    return [
        parameter.replace(annotation=hints.get(parameter.name, Any))
        for parameter in inspect.signature(function).parameters.values()
    ]
