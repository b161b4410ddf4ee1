"""Many objects at once: most of the time goes into waiting for storage."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

AT_ONCE = 8
"""Objects on their way at a time, each with two blocks in memory at most."""

Given = TypeVar("Given")
Made = TypeVar("Made")


def each(do: Callable[[Given], Made], given: Iterable[Given]) -> Iterator[tuple[Given, Made]]:
    """Pairs as they are done. The first error ends it; what has begun is waited for, and nothing else is begun."""
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        begun: dict[Future[Made], Given] = {}
        left = iter(given)
        while True:
            for some in left:
                begun[pool.submit(do, some)] = some
                if len(begun) == AT_ONCE:
                    break
            if not begun:
                return
            for future in wait(begun, return_when=FIRST_COMPLETED).done:
                yield begun.pop(future), future.result()
