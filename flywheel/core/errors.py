"""Every error that flywheel raises on purpose.

FlywheelError
├── ConfigError          a setting, an argument or a file is wrong; nothing was started
│   └── ForeignStoreError    the store belongs to another configuration
├── EpisodeError         an episode's arrays do not make an episode
├── IterationError       a stage was recorded out of order or with the wrong products
├── StoreError           the store could not do what was asked
│   ├── RecordExistsError    a record is already there; somebody else wrote it first
│   ├── NotFoundError        no such object
│   ├── NewerSchemaError     an object was written by a newer flywheel
│   ├── CheckpointError      a checkpoint is missing, damaged or does not fit
│   └── StoreUnavailableError  the store cannot be reached, or keeps failing
├── EnvironmentFailure   an environment raised, hung or returned nonsense
├── TrainingError        the training job failed
└── EndpointError        the endpoint does not serve what it should

Foreign errors (of Ray, deltalake, the operating system) are translated into these where they enter.
"""


class FlywheelError(Exception):
    """Base of every error raised on purpose; its text is meant for the user."""


class ConfigError(FlywheelError):
    """A setting, an argument or a file is wrong; nothing was started."""


class ForeignStoreError(ConfigError):
    """The store belongs to another configuration."""


class EpisodeError(FlywheelError):
    """An episode's arrays do not make an episode."""


class IterationError(FlywheelError):
    """A stage was recorded out of order or without what it must produce."""


class StoreError(FlywheelError):
    """The store could not do what was asked."""


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


class EnvironmentFailure(FlywheelError):
    """An environment raised, hung or returned nonsense."""


class TrainingError(FlywheelError):
    """The training job failed."""


class EndpointError(FlywheelError):
    """The endpoint does not serve what it should."""
