"""A process that counts as a replica of the endpoint does. It does what its lines of input say, and says what came."""

import json
import sys

from flywheel.metrics.acting import open_meter

if __name__ == "__main__":
    meter = open_meter()
    for line in sys.stdin:
        name, arguments = json.loads(line)
        result = getattr(meter, name)(**arguments)
        print(json.dumps(result.decode() if isinstance(result, bytes) else result), flush=True)
