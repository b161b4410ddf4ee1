"""A process that serves the API of a folder, as one of several would. It says where, and ends with its input."""

import sys
import threading
from copy import deepcopy

import uvicorn
import uvicorn.config
from desk import open_plane
from small import small_config

from flywheel.api.application import create_app


class Announced(uvicorn.Server):
    """Says its port once it listens."""

    async def startup(self, sockets=None) -> None:
        await super().startup(sockets=sockets)
        (server,) = self.servers
        print(server.sockets[0].getsockname()[1], flush=True)


if __name__ == "__main__":
    app = create_app(open_plane(sys.argv[1], small_config())[0])
    logging = deepcopy(uvicorn.config.LOGGING_CONFIG)
    logging["handlers"]["access"]["stream"] = "ext://sys.stderr"
    serving = Announced(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="debug", log_config=logging))

    def leave() -> None:
        sys.stdin.read()
        serving.should_exit = True

    threading.Thread(target=leave, daemon=True).start()
    serving.run()
