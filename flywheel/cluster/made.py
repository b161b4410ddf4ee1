"""Made: what is handed to another process as the name of what makes it there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Made:
    """What is made in the process that needs it: by a function, `module:function`."""

    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self) -> Any:
        module, _, name = self.function.partition(":")
        make: Callable[..., Any] = getattr(import_module(module), name)
        return make(**self.arguments)
