"""A process with an embedded Ray and an actor. It says when it is ready, and goes on until its input closes.

It says too when the head of its Ray dies, and then ends as the command does.
"""

import os
import sys

import ray

from flywheel.cluster.session import RaySession


class Idle:
    def here(self) -> bool:
        return True


def leave(gone: str) -> None:
    print(gone, flush=True)
    os._exit(1)


if __name__ == "__main__":
    with RaySession(num_cpus=2) as session, session.watched(leave):
        actor = ray.remote(Idle).remote()
        ray.get(actor.here.remote())
        print("ready", flush=True)
        sys.stdin.read()
