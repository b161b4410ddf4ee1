"""Names of files and keys of a LeRobot dataset, codebase version v3.0."""

VERSION = "v3.0"
INFO = "meta/info.json"
TASKS = "meta/tasks.parquet"
STATS = "meta/stats.json"
EPISODES = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
FILES_PER_CHUNK = 1000
DATA_FILE_MB = 100
VIDEO_FILE_MB = 200

OBSERVATION = "observation."
FACTS = "facts."
OURS = "flywheel"
"""Key of the information, and beginning of columns of the episodes, that hold what LeRobot has no place for."""
