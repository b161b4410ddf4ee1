"""Steering: the endpoint follows what people decide, and finds its way back after a start."""

import logging
from functools import partial

from flywheel.core.commands import policies
from flywheel.core.control import Control, Deployment
from flywheel.core.entry import Draft
from flywheel.core.errors import CheckpointError, FlywheelError, StoreUnavailableError, VersionRefusedError
from flywheel.ports import Chronicle, Endpoint

log = logging.getLogger(__name__)


class Steering:
    """Deploys what a person promoted or rolled back to, and what a gate promoted in another process on this store.

    What this process turned, its stage deploys and proves.
    """

    def __init__(self, *, chronicle: Chronicle, endpoint: Endpoint, by: str, owner: str) -> None:
        """`owner`: this process, as the chronicle names it."""
        self._chronicle, self._endpoint, self._by, self._owner = chronicle, endpoint, by, owner
        self._followed: int | None = None
        """The number of the newest deployment that was dealt with."""

    def tick(self) -> None:
        """StoreUnavailableError, and EndpointError after a start: the next call tries again."""
        if self._newest() == self._followed:
            return
        with self._endpoint.reserved():  # What is newest may be another one by then, which a stage has deployed.
            newest = self._chronicle.control().deployments[-1]
            if newest.owner != self._owner:
                self._follow(newest)
            self._followed = newest.number

    def _newest(self) -> int | None:
        deployments = self._chronicle.control().deployments
        return deployments[-1].number if deployments else None

    def _follow(self, deployment: Deployment) -> None:
        try:
            self._endpoint.deploy(deployment.policy_id)
        except StoreUnavailableError:
            raise
        except FlywheelError as failure:
            if self._followed is None and not isinstance(failure, VersionRefusedError | CheckpointError):
                raise  # An endpoint that is slow to start says nothing of the version that was live before.
            log.error("%s cannot be served: %s", deployment.policy_id, failure)
            if deployment.iteration is not None and self._followed is not None:
                return  # Where it was deployed, it was proven: it stays live there.
            self._chronicle.append(partial(self._back, deployment=deployment, reason=str(failure)))

    def _back(self, control: Control, deployment: Deployment, reason: str) -> Draft | None:
        """To what was live before, which goes on serving."""
        if control.live != deployment.policy_id or deployment.previous is None:
            return None
        return policies.roll_back(
            control,
            policy_id=deployment.previous,
            by=self._by,
            reason=f"cannot be served: {reason}",
        )
