"""Data and store: what was collected, who collects, and whether it is kept."""

from dashboards.panels import Dashboard, Panel, Query, Row, View
from dashboards.promql import mean, now, per_second, quantile
from flywheel.metrics import table

COLLECTED = Row(
    title="Episodes",
    panels=(
        Panel(
            title="Episodes by outcome",
            description="Since the beginning. Unscored: nobody reported success; error: the environment failed.",
            view=View.STACK,
            queries=(
                Query(
                    expr=f"sum by (outcome) ({now(table.EPISODES, 'task', 'source', 'outcome')})", legend="{{outcome}}"
                ),
            ),
            unit="none",
            always=True,
            low=0,
        ),
        Panel(
            title="Episodes by source",
            description="Since the beginning.",
            view=View.STACK,
            queries=(
                Query(
                    expr=f"sum by (source) ({now(table.EPISODES, 'task', 'source', 'outcome')})", legend="{{source}}"
                ),
            ),
            unit="none",
            always=True,
            low=0,
        ),
        Panel(
            title="Episodes by task",
            description="Since the beginning.",
            view=View.STACK,
            queries=(
                Query(expr=f"sum by (task) ({now(table.EPISODES, 'task', 'source', 'outcome')})", legend="{{task}}"),
            ),
            unit="none",
            always=True,
            low=0,
        ),
        Panel(
            title="Planned for this iteration",
            description="Episodes that the last plan collects, more of tasks with low or uncertain success.",
            view=View.BAR,
            queries=(Query(expr=now(table.PLANNED_EPISODES, "task"), legend="{{task}}"),),
            unit="none",
            empty="iteration 0 collects nothing",
            low=0,
        ),
        Panel(
            title="Size of the tables",
            description="Files of the newest versions. What only older versions hold is not in it: `flywheel data gc`.",
            view=View.CURVE,
            queries=(Query(expr=now(table.DATA_BYTES, "table"), legend="{{table}}"),),
            unit="bytes",
            always=True,
            low=0,
        ),
        Panel(
            title="Commits",
            description="Versions of the tables since the first.",
            view=View.CURVE,
            queries=(Query(expr=now(table.COMMITS, "table"), legend="{{table}}"),),
            unit="none",
            always=True,
            low=0,
        ),
    ),
)

COLLECTING = Row(
    title="Collecting",
    panels=(
        Panel(
            title="Collectors",
            description="That are alive, and how many died or hung and were replaced since the supervisor began.",
            view=View.CURVE,
            queries=(
                Query(expr=now(table.COLLECTORS), legend="alive"),
                Query(expr=now(table.COLLECTORS_LOST), legend="replaced"),
            ),
            unit="none",
            always=True,
            low=0,
        ),
        Panel(
            title="Decisions",
            description="Of finished episodes, per second, all collectors together.",
            view=View.CURVE,
            queries=(Query(expr=per_second(table.EPISODE_DECISIONS), legend="decisions"),),
            unit="ops",
            always=True,
            low=0,
        ),
        Panel(
            title="Spool",
            description="What waits in collectors' local folders while the store is away, and how much fits. At the "
            "limit collecting pauses; nothing is lost.",
            view=View.CURVE,
            queries=(
                Query(expr=now(table.SPOOL_BYTES), legend="waiting"),
                Query(expr=now(table.SPOOL_LIMIT), legend="limit"),
            ),
            unit="bytes",
            always=True,
            empty="nothing is collected",
            low=0,
        ),
    ),
)

STORE = Row(
    title="Store",
    panels=(
        Panel(
            title="Calls to the store",
            description="Of the supervisor's process, per second. Retried: it answered in the end; failed: it did not.",
            view=View.CURVE,
            queries=(
                Query(
                    expr=f"sum by (outcome) ({per_second(table.STORE_REQUESTS, 'operation', 'outcome')})",
                    legend="{{outcome}}",
                ),
            ),
            unit="reqps",
            always=True,
            low=0,
        ),
        Panel(
            title="Duration of calls, p95",
            description="Repetitions included, by operation.",
            view=View.CURVE,
            queries=(Query(expr=quantile(0.95, table.STORE_DURATION, "operation"), legend="{{operation}}"),),
            unit="s",
            empty="no calls lately",
            low=0,
        ),
        Panel(
            title="Mean duration of calls",
            description="Repetitions included, by operation.",
            view=View.CURVE,
            queries=(Query(expr=mean(table.STORE_DURATION, "operation"), legend="{{operation}}"),),
            unit="s",
            empty="no calls lately",
            low=0,
        ),
        Panel(
            title="Collectors that wait for room",
            description="Their spool is full because the store is away.",
            view=View.NUMBER,
            queries=(Query(expr=now(table.COLLECTING_PAUSED), legend="waiting"),),
            unit="none",
            always=True,
            empty="nothing is collected",
            width=12,
            height=5,
            steps=((None, "text"), (1, "red")),
        ),
        Panel(
            title="Damaged objects",
            description="That repairs found, since the beginning. `flywheel data verify` says whether there are more.",
            view=View.NUMBER,
            queries=(Query(expr=now(table.DAMAGED_OBJECTS), legend="damaged"),),
            unit="none",
            always=True,
            width=12,
            height=5,
            steps=((None, "text"), (1, "red")),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="flywheel-data",
    title="Flywheel / Data and store",
    description="What was collected, who collects, and whether it is kept?",
    rows=(COLLECTED, COLLECTING, STORE),
)
