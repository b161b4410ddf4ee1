"""The registry of suites: from a configuration to tasks, environments and demonstrators."""

import warnings
from collections.abc import Callable, Collection, Sequence
from contextlib import redirect_stderr
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from io import StringIO
from typing import Any, Protocol, cast

from flywheel.config import GymSuite, Suite
from flywheel.core.contract import Body
from flywheel.core.environment import Environment
from flywheel.core.errors import ConfigError
from flywheel.core.task import Task
from flywheel.environments.demonstrator import Demonstrated, Demonstrator, Expert, RandomExpert
from flywheel.environments.simulator import Frame


class Filmed(Environment, Protocol):
    """What every suite makes: an environment that can show itself where it was made with `render=True`."""

    def frame(self) -> Frame: ...


class SuiteModule(Protocol):
    """What a suite's module offers. `settings` is its section of the configuration."""

    def known_tasks(self) -> Collection[str]: ...

    def task_of(self, settings: Any, name: str) -> Task: ...

    def environment_of(self, settings: Any, name: str, *, render: bool) -> Filmed: ...

    def action_size_of(self, name: str) -> int: ...


_PACKAGE = "flywheel.environments"
"""Each suite has a module of its name, and one of its name and `_expert`."""


def check(suites: Sequence[Suite]) -> None:
    """ConfigError: a task that its suite does not have, with the nearest names. Starts no simulator."""
    for suite in suites:
        known = _suite(suite).known_tasks()
        for name in suite.tasks:
            if name not in known:
                near = get_close_matches(name, known, n=3, cutoff=0.5)
                hint = f"; the nearest are {', '.join(near)}" if near else ""
                raise ConfigError(f"suites: {suite.suite} has no task {name}{hint}")


def make(suite: Suite, task: str, *, render: bool = False) -> Filmed:
    """The environment of one of the suite's task names. ConfigError: it cannot be made."""
    return _suite(suite).environment_of(suite, task, render=render)


def tasks_of(suites: Sequence[Suite]) -> dict[str, Task]:
    """Full task name, such as metaworld/reach-v3 -> task. Starts no simulator."""
    tasks = [_suite(suite).task_of(suite, name) for suite in suites for name in suite.tasks]
    return {task.name: task for task in tasks}


def bodies_of(suites: Sequence[Suite]) -> dict[str, Body]:
    """Full task name -> body. Makes each environment once."""
    bodies: dict[str, Body] = {}
    for suite in suites:
        for name in suite.tasks:
            environment = make(suite, name)
            bodies[environment.task.name] = environment.body
            environment.close()
    return bodies


def factory(suites: Sequence[Suite]) -> Callable[[str], Filmed]:
    """Full task name -> a new environment."""
    return partial(_make_named, tuple(suites), render=False)


def filming_factory(suites: Sequence[Suite]) -> Callable[[str], Filmed]:
    """Full task name -> a new environment that can show itself."""
    return partial(_make_named, tuple(suites), render=True)


def demonstrator_of(suites: Sequence[Suite]) -> Demonstrator:
    """The behaviour policy of demonstrations for all the suites' tasks."""
    return Demonstrator(
        {_full_name(suite, name): _demonstrated(suite, name) for suite in suites for name in suite.tasks}
    )


def _make_named(suites: Sequence[Suite], task: str, *, render: bool) -> Filmed:
    for suite in suites:
        for name in suite.tasks:
            if _full_name(suite, name) == task:
                return make(suite, name, render=render)
    raise ConfigError(f"no suite of the configuration has the task {task}")


def _demonstrated(suite: Suite, name: str) -> Demonstrated:
    action_size = _suite(suite).action_size_of(name)
    return Demonstrated(
        expert=partial(_expert, suite, name, action_size),
        demonstrations=suite.demonstrations,
        action_size=action_size,
        max_decisions=suite.max_decisions,
    )


def _expert(suite: Suite, name: str, action_size: int) -> Expert:
    modules = (_module(f"{suite.suite}_expert"), _own(suite))
    offered = (getattr(module, "expert_of", _nobody)(name) for module in modules)
    return next((expert for expert in offered if expert is not None), RandomExpert(action_size))


def _nobody(name: str) -> Expert | None:
    return None


def _full_name(suite: Suite, name: str) -> str:
    return f"{suite.suite}/{name}"


def _suite(suite: Suite) -> SuiteModule:
    _own(suite)
    return cast(SuiteModule, _module(suite.suite))


def _own(suite: Suite) -> Any:
    """The user's module, which registers environments as it is imported. None: there is none."""
    if not isinstance(suite, GymSuite) or suite.module is None:
        return None
    try:
        return import_module(suite.module)
    except ImportError as failure:
        raise ConfigError(
            f"suites: {suite.suite}: module {suite.module} cannot be imported: {failure}. Is it installed, "
            "or its folder in PYTHONPATH?"
        ) from failure


def _module(name: str) -> Any:
    """Imported when it is needed: a simulator costs its users up to a second and 100 MB, and others nothing."""
    with warnings.catch_warnings(), redirect_stderr(StringIO()):
        # Of a missing display, of deprecations and old versions of environments inside the simulators' packages:
        # nothing that a user could change.
        warnings.simplefilter("ignore")
        return import_module(f"{_PACKAGE}.{name}")
