"""About: what this thread is working on. Whatever is logged meanwhile says so."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

Facts = Mapping[str, str | int]
"""iteration, stage, policy_version, episode: those that are known."""

_facts: ContextVar[Facts] = ContextVar("about", default=MappingProxyType({}))


def known() -> Facts:
    """What lines of this thread are about."""
    return _facts.get()


@contextmanager
def about(**facts: str | int) -> Iterator[None]:
    """Within the block, lines are about this too."""
    token = _facts.set({**_facts.get(), **facts})
    try:
        yield
    finally:
        _facts.reset(token)


def turn_to(**facts: str | int) -> None:
    """From now on, lines of this thread are about this and nothing else."""
    _facts.set(facts)
