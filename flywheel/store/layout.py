"""Every key of a store, in one place. One store is one flywheel.

flywheel.json                                   what the store is and whose
records/<key>.json                              immutable records
episodes/, labels/                              Delta tables
policies/<policy id>/                           files of a policy version, manifest.json last
checkpoints/<policy id>/<update>/               files to go on training from, manifest.json last
videos/<episode id>.mp4                         made when somebody wants to look
logs/iterations/<number>/<time>-<digest>.jsonl  what was logged about an iteration, in order
quarantine/<time>/<key>                         what a repair took out of the way
presence/<digest>.json                          while a process turns an iteration: that it lives
probe-<name>                                    there for a moment while a run starts
"""

from hashlib import sha256

IDENTITY = "flywheel.json"
EPISODES = "episodes"
LABELS = "labels"
RECORDS = "records/"
MANIFEST = "manifest.json"
POLICIES = "policies/"
CHECKPOINTS = "checkpoints/"
VIDEOS = "videos/"
LOGS = "logs/iterations/"
PRESENCE = "presence/"
DIGITS = 16
"""Of a digest in a name."""


def record(key: str) -> str:
    """The object that holds a record."""
    return f"{RECORDS}{key}.json"


def part(table: str, path: str) -> str:
    """A file of a table, `path` relative to the table."""
    return f"{table}/{path}"


def policy(policy_id: str) -> str:
    """The folder of a policy version."""
    return f"{POLICIES}{policy_id}/"


def checkpoints(policy_id: str) -> str:
    """The folder of a policy version's training checkpoints."""
    return f"{CHECKPOINTS}{policy_id}/"


def checkpoint(policy_id: str, update: int) -> str:
    """The folder of one checkpoint; padded so that keys sort like updates."""
    return f"{checkpoints(policy_id)}{update:09d}/"


def video(episode_id: str) -> str:
    """The object that shows an episode."""
    return f"{VIDEOS}{episode_id}.mp4"


def logs(number: int) -> str:
    """The folder of what was logged about an iteration."""
    return f"{LOGS}{number:04d}/"


def quarantined(time: str, key: str) -> str:
    """Where a repair moves the object."""
    return f"quarantine/{time}/{key}"


def presence(owner: str) -> str:
    """What a process shows of itself while it turns an iteration."""
    return f"{PRESENCE}{sha256(owner.encode()).hexdigest()[:DIGITS]}.json"


def probe(name: str) -> str:
    """What a start-up check writes and takes away."""
    return f"probe-{name}"
