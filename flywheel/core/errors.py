"""Every error that flywheel raises on purpose.

FlywheelError
├── ConfigError          a setting, an argument or a file is wrong; nothing was started
│   ├── ForeignStoreError    the store belongs to another configuration
│   └── OlderStoreError      the store is of an older schema version
├── EpisodeError         an episode's arrays do not make an episode
├── ResumeError          what is there is not what was recorded; nothing was done on top of it
│   └── OtherLoopError       stages of another loop version recorded it
├── IterationError       a stage was recorded out of order or with the wrong products
├── RefusalError         what is asked for is not possible as things stand; nothing was done
│   ├── UnknownError         there is no such iteration, campaign, policy version, ...
│   ├── ConflictError        its state, or another's, does not allow it
│   └── ReplayError          an idempotency key was used before for something else
├── StoppedError         what ran was told to stop
│   ├── CancelledError       by a person
│   ├── StageTimeoutError    it took longer than its stage may
│   └── TakenOverError       another process goes on with it
├── StoreError           the store could not do what was asked
│   ├── ChronicleError       entries of the chronicle contradict one another
│   ├── RecordExistsError    a record is already there; somebody else wrote it first
│   ├── NotFoundError        no such object
│   ├── NewerSchemaError     an object was written by a newer flywheel
│   ├── CheckpointError      a checkpoint is missing, damaged or does not fit
│   └── StoreUnavailableError  the store cannot be reached, or keeps failing
├── WaitingError         an iteration goes on only when a person says so
├── EnvironmentFailure   an environment raised, hung or returned nonsense
├── TrainingError        the training job failed
├── EndpointError        the endpoint does not serve what it should
│   ├── VersionRefusedError  a process of it cannot load the policy version
│   └── DeadlineError        an action would have come after its deadline; none was given
├── FilmingError         an episode cannot be shown
│   ├── OtherReplayError     its replay is not the episode that was recorded
│   ├── RenderingError       this machine cannot render it
│   └── FilmingBusyError     as many videos wait as may; later it may be
└── ServiceError         what a client asked of a running service was not done
    ├── UnreachableError     no service answers
    ├── WaitTimeoutError     what was waited for is not over in time
    └── ApiError             the service answers with a problem: status, title, detail
        ├── ApiInputError        400, 422: the request is not valid
        ├── ApiAccessError       401, 403: no valid token, or one without the scope
        ├── ApiUnknownError      404: there is no such thing
        ├── ApiConflictError     409: as things stand it is not possible
        └── ApiBusyError         429, 503: too often, or the store is away; later it may be

Foreign errors (of Ray, deltalake, the operating system) are translated into these where they enter.
"""


class FlywheelError(Exception):
    """Base of every error raised on purpose; its text is meant for the user."""


class ConfigError(FlywheelError):
    """A setting, an argument or a file is wrong; nothing was started."""


class ForeignStoreError(ConfigError):
    """The store belongs to another configuration."""


class OlderStoreError(ConfigError):
    """The store is of an older schema version: `flywheel migrate`."""


class EpisodeError(FlywheelError):
    """An episode's arrays do not make an episode."""


class ResumeError(FlywheelError):
    """What is there is not what was recorded, or other code recorded it; nothing was done on top of it."""


class OtherLoopError(ResumeError):
    """Stages of another loop version recorded it, and this one's cannot go on from that."""

    def __init__(self, differs: str, *, remedy: str) -> None:
        super().__init__(f"{differs}. {remedy}")
        self.differs = differs
        """Who recorded what, in words."""


class IterationError(FlywheelError):
    """A stage was recorded out of order or without what it must produce."""


class RefusalError(FlywheelError):
    """What is asked for is not possible as things stand; nothing was done."""


class UnknownError(RefusalError):
    """There is no such thing; the text says which there are."""


class ConflictError(RefusalError):
    """Its state, or another's, does not allow it."""


class ReplayError(RefusalError):
    """An idempotency key was used before for something else."""


class StoppedError(FlywheelError):
    """What ran was told to stop."""


class CancelledError(StoppedError):
    """A person asked for it."""


class StageTimeoutError(StoppedError):
    """It took longer than its stage may."""


class TakenOverError(StoppedError):
    """Another process goes on with it, or is to: nothing is over, and all is as after a crash of this one."""


class StoreError(FlywheelError):
    """The store could not do what was asked."""


class ChronicleError(StoreError):
    """Entries of the chronicle contradict one another."""


class RecordExistsError(StoreError):
    """A record is already there; somebody else wrote it first."""


class NotFoundError(StoreError):
    """No such object."""


class NewerSchemaError(StoreError):
    """An object was written by a newer flywheel; it is not guessed at."""


class CheckpointError(StoreError):
    """A checkpoint is missing, damaged or does not fit this code or data."""


class StoreUnavailableError(StoreError):
    """The store cannot be reached, or keeps failing: what was tried, and for how long. It may be back later."""


class WaitingError(FlywheelError):
    """An iteration goes on only when a person says so."""


class EnvironmentFailure(FlywheelError):
    """An environment raised, hung or returned nonsense."""


class TrainingError(FlywheelError):
    """The training job failed."""


class EndpointError(FlywheelError):
    """The endpoint does not serve what it should."""


class VersionRefusedError(EndpointError):
    """A process of the endpoint cannot load the policy version; the one before goes on."""


class DeadlineError(EndpointError):
    """An action would have come after its deadline; none was given."""


class FilmingError(FlywheelError):
    """An episode cannot be shown."""


class OtherReplayError(FilmingError):
    """Its replay is not the episode that was recorded: both, in words."""


class RenderingError(FilmingError):
    """This machine cannot render it."""


class FilmingBusyError(FilmingError):
    """As many videos wait as may; later it may be."""


class ServiceError(FlywheelError):
    """What a client asked of a running service was not done."""


class UnreachableError(ServiceError):
    """No service answers: where, and what was heard instead."""


class WaitTimeoutError(ServiceError):
    """What was waited for is not over in time. It goes on."""


class ApiError(ServiceError):
    """The service answers with a problem (RFC 9457)."""

    def __init__(self, detail: str, *, status: int, title: str) -> None:
        super().__init__(f"{detail} ({status} {title})")
        self.detail, self.status, self.title = detail, status, title


class ApiInputError(ApiError):
    """The request is not valid; the detail names what to correct."""


class ApiAccessError(ApiError):
    """No valid token, or one without the scope that is needed."""


class ApiUnknownError(ApiError):
    """There is no such thing."""


class ApiConflictError(ApiError):
    """As things stand it is not possible."""


class ApiBusyError(ApiError):
    """Asked too often, or the store is away: later it may be."""

    def __init__(self, detail: str, *, status: int, title: str, retry_after_s: float | None = None) -> None:
        super().__init__(detail, status=status, title=title)
        self.retry_after_s = retry_after_s
