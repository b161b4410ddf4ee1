"""`python -m benchmarks` measures collectors, learner and floors; `orchestration` and `curves` look at whole runs."""

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    acting,
    chronicle,
    collectors,
    curves,
    exporters,
    floors,
    footprint,
    formats,
    gate,
    learner,
    machines,
    material,
    metrics,
    orchestration,
    pods,
    promotions,
    requests,
    scale,
)

SHORT: dict[str, Callable[[material.Material], None]] = {
    "collectors": collectors.measure,
    "learner": learner.measure,
    "floors": floors.measure,
}
"""What needs no finished run."""


def main() -> None:
    chosen = _arguments()
    if chosen.what == "orchestration":
        orchestration.measure(chosen.store, wall_s=chosen.wall_s)
    elif chosen.what == "curves":
        curves.measure(
            chosen.stores, seeds=chosen.seeds, algorithms=chosen.algorithms, config=chosen.config, root=chosen.root
        )
    elif chosen.what == "scale":
        scale.measure(num_episodes=chosen.episodes, memory_mib=tuple(chosen.memory_mib))
    elif chosen.what == "formats":
        formats.measure(num_episodes=chosen.episodes, rounds=chosen.rounds)
    elif chosen.what == "chronicle":
        chronicle.measure(chosen.stores, num_entries=chosen.entries)
    elif chosen.what == "gate":
        gate.measure()
    elif chosen.what == "metrics":
        metrics.measure()
    elif chosen.what == "exporters":
        exporters.measure()
    elif chosen.what == "acting":
        acting.measure()
    elif chosen.what == "footprint":
        footprint.measure(chosen.pid, seconds=chosen.seconds)
    elif chosen.what == "machines":
        machines.measure()
    elif chosen.what == "pods":
        pods.measure(chosen.config, chosen.store, storage=chosen.storage, overrides=chosen.overrides)
    elif chosen.what == "requests":
        requests.measure(chosen.store)
    elif chosen.what == "promotions":
        promotions.measure(chosen.store, num_pairs=chosen.pairs)
    else:
        with tempfile.TemporaryDirectory(prefix="flywheel-bench-") as store:
            prepared = material.prepare(store)
            for name, measure in SHORT.items():
                if chosen.what in (name, "short"):
                    measure(prepared)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    kinds = parser.add_subparsers(dest="what", metavar="WHAT")
    parser.set_defaults(what="short")
    for name in SHORT:
        kinds.add_parser(name)
    share = kinds.add_parser("orchestration", help="of a run, from the records of its store")
    share.add_argument("store")
    share.add_argument("--wall-s", type=float, help="of the whole command, as `time` measured it")
    curve = kinds.add_parser("curves", help="of several seeds, against filtered behaviour cloning")
    curve.add_argument("stores", nargs="*", help="of finished runs; none: run them")
    curve.add_argument("--seeds", type=int, default=3)
    curve.add_argument("--algorithms", nargs="+", default=curves.ALGORITHMS)
    curve.add_argument("--config", type=Path, default=material.DEMO)
    curve.add_argument("--root", type=Path, default=Path("runs/curves"))
    many = kinds.add_parser("scale", help="of many made-up episodes: opening, counting, streaming")
    many.add_argument("--episodes", type=int, default=scale.NUM_EPISODES)
    many.add_argument("--memory-mib", type=int, nargs="+", default=scale.MEMORY_MIB)
    again = kinds.add_parser("promotions", help="of a store: promoted versions against those they replaced, seen again")
    again.add_argument("store")
    again.add_argument("--pairs", type=int, default=promotions.NUM_PAIRS)
    kinds.add_parser("acting", help="of a request to act: what counting costs it")
    kinds.add_parser("gate", help="of the promotion gate by simulation: false promotions and power")
    kinds.add_parser("machines", help="of collecting on a cluster that grows")
    kinds.add_parser("metrics", help="what figures cost those that make them")
    kinds.add_parser("exporters", help="of metrics: live ones in the loop of updates, and a scrape of a long history")
    running = kinds.add_parser("footprint", help="of a service that runs: memory and processor time of its processes")
    running.add_argument("pid", type=int, help="of its keeper, as `flywheel up --json` prints it")
    running.add_argument("--seconds", type=float, default=footprint.SECONDS)
    placed = kinds.add_parser("pods", help="of the chart: memory and processor time of each, through some iterations")
    placed.add_argument("config", type=Path, help="of the loop; its port must be free")
    placed.add_argument("store", help="an empty one in S3; AWS_ENDPOINT_URL names its server")
    placed.add_argument("--storage", type=int, required=True, help="process id of that server, which is a pod too")
    placed.add_argument(
        "--overrides", type=json.loads, nargs="+", default=[{}], help="JSON: settings of each iteration"
    )
    asked = kinds.add_parser("requests", help="to S3: what the steps of an iteration ask for")
    asked.add_argument("store", help="an empty one in S3; AWS_ENDPOINT_URL names its server")
    start = kinds.add_parser("chronicle", help="of reading the chronicle when a process starts")
    start.add_argument("stores", nargs="*", help="empty ones, S3 too; none: a folder is made")
    start.add_argument("--entries", type=int, default=chronicle.NUM_ENTRIES)
    against = kinds.add_parser("formats", help="of the store against Minari and plain pyarrow")
    against.add_argument("--episodes", type=int, default=formats.NUM_EPISODES)
    against.add_argument("--rounds", type=int, default=formats.ROUNDS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
