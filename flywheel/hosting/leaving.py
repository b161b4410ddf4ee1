"""Leaving: before a cluster's head ends, its supervisor leaves what it turns to the service that goes on.

python -m flywheel.hosting.leaving HOST:PORT
"""

import sys

from flywheel.cluster.session import RaySession
from flywheel.hosting.service_supervisor import dismiss
from flywheel.logs import output


def main() -> None:
    """ConfigError: no Ray answers there."""
    output.start("leaving")
    with RaySession(num_cpus=0, address=sys.argv[1]):
        dismiss()


if __name__ == "__main__":
    main()
