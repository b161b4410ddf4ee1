"""A process with a Ray cluster of several nodes, each some processes of this machine with an address of its own.

It takes lines: `add ROLE NUM_CPUS` answers with the node's address, `kill ADDRESS` with the address once all processes
of that node are gone, without a warning to anybody. Its first line is where the head is. It goes with its input.
"""

import logging
import sys

from ray.cluster_utils import Cluster

from flywheel.cluster.nodes import ROLE

FIRST = 2
"""Of the loopback addresses: Ray replaces 127.0.0.1 by the machine's own."""
SETTINGS = {"object_store_memory": 80_000_000, "include_dashboard": False}


def main() -> None:
    logging.disable(logging.WARNING)
    cluster = Cluster(
        initialize_head=True,
        connect=False,
        head_node_args={"num_cpus": 0, "node_ip_address": f"127.0.0.{FIRST}", **SETTINGS},
    )
    nodes = {}
    print(cluster.address, flush=True)
    for line in sys.stdin:
        match line.split():
            case ["add", role, num_cpus]:
                address = f"127.0.0.{FIRST + 1 + len(nodes)}"
                labels = {} if role == "any" else {ROLE: role}
                nodes[address] = cluster.add_node(
                    num_cpus=int(num_cpus), labels=labels, node_ip_address=address, **SETTINGS
                )
                print(address, flush=True)
            case ["kill", address]:
                cluster.remove_node(nodes[address], allow_graceful=False)
                print(address, flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
