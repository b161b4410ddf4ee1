"""A process with an embedded Ray and an actor. It says when it is ready, and goes on until its input closes."""

import sys

import ray

from flywheel.cluster.session import RaySession


class Idle:
    def here(self) -> bool:
        return True


if __name__ == "__main__":
    with RaySession(num_cpus=2):
        actor = ray.remote(Idle).remote()
        ray.get(actor.here.remote())
        print("ready", flush=True)
        sys.stdin.read()
