"""Loop: what turns right now, how long it takes, and how iterations ended."""

from dashboards.frame import ITERATION
from dashboards.panels import Dashboard, Panel, Query, Row, View
from dashboards.promql import mean_ever, now, since
from flywheel.metrics import table

UP = {1: ("up", "green"), 0: ("down", "red")}

NOW = Row(
    title="Now",
    panels=(
        Panel(
            title="Supervisor",
            description="Whether the process that turns the wheel answered. Ray starts it again when it dies.",
            view=View.NUMBER,
            queries=(Query(expr=now(table.SUPERVISOR_UP), legend="supervisor"),),
            unit="none",
            always=True,
            width=4,
            height=5,
            words=UP,
        ),
        Panel(
            title="Store",
            description="Whether the numbers here are as new as the store, or the store did not answer in time.",
            view=View.NUMBER,
            queries=(Query(expr=now(table.STORE_UP), legend="store"),),
            unit="none",
            always=True,
            width=4,
            height=5,
            words=UP,
        ),
        Panel(
            title="Iteration",
            description="Number of the newest iteration that was begun. A click leads to it.",
            view=View.NUMBER,
            queries=(Query(expr=now(table.ITERATION), legend="iteration"),),
            unit="none",
            always=True,
            empty="none was begun yet",
            width=4,
            height=5,
            links=(ITERATION,),
        ),
        Panel(
            title="Stage",
            description="The stage that runs.",
            view=View.NAME,
            queries=(Query(expr=f"{now(table.STAGE_RUNNING, 'stage')} == 1", legend="{{stage}}"),),
            unit="none",
            empty="none runs",
            width=4,
            height=5,
        ),
        Panel(
            title="Running for",
            description="Since the iteration was begun, and since its stage was.",
            view=View.NUMBER,
            queries=(
                Query(expr=since(table.ITERATION_STARTED), legend="iteration"),
                Query(expr=since(table.STAGE_STARTED), legend="stage"),
            ),
            unit="s",
            empty="none runs",
            width=8,
            height=5,
        ),
        Panel(
            title="Progress of the stage",
            description="How much of the running stage is done. Of evaluate, the most that the gate may ask for.",
            view=View.BAR,
            queries=(Query(expr=now(table.STAGE_PROGRESS, "stage"), legend="{{stage}}"),),
            unit="percentunit",
            empty="none runs",
            width=12,
            height=4,
            low=0,
            high=1,
        ),
        Panel(
            title="Iterations that have not ended",
            description="Queued, running, and waiting for a person's approval.",
            view=View.NUMBER,
            queries=(Query(expr=now(table.ITERATIONS_PENDING, "state"), legend="{{state}}"),),
            unit="none",
            always=True,
            width=12,
            height=4,
        ),
    ),
)

STAGES = Row(
    title="Stages",
    panels=(
        Panel(
            title="Which stage ran when",
            description="A row per stage, filled while it ran.",
            view=View.STATES,
            queries=(Query(expr=now(table.STAGE_RUNNING, "stage"), legend="{{stage}}"),),
            unit="none",
            always=True,
            width=16,
            words={0: ("", "transparent"), 1: ("runs", "blue")},
        ),
        Panel(
            title="Mean duration of finished stages",
            description="Over all iterations.",
            view=View.BAR,
            queries=(Query(expr=mean_ever(table.STAGE_DURATION, "stage"), legend="{{stage}}"),),
            unit="s",
            always=True,
            low=0,
        ),
    ),
)

ENDS = Row(
    title="How iterations end",
    panels=(
        Panel(
            title="Iterations",
            description="By how they ended: succeeded is promoted, rejected is not.",
            view=View.CURVE,
            queries=(Query(expr=now(table.ITERATIONS, "outcome"), legend="{{outcome}}"),),
            unit="none",
            always=True,
            low=0,
        ),
        Panel(
            title="Decisions of the gate",
            description="Evaluations by what the gate said.",
            view=View.CURVE,
            queries=(Query(expr=now(table.GATE_DECISIONS, "decision"), legend="{{decision}}"),),
            unit="none",
            always=True,
            low=0,
        ),
        Panel(
            title="Pairs that the gate looked at",
            description="Of the task with the most. Near gate.max_pairs, candidate and live version are alike.",
            view=View.CURVE,
            queries=(Query(expr=now(table.GATE_PAIRS), legend="pairs"),),
            unit="none",
            empty="no candidate was compared yet",
            low=0,
        ),
        Panel(
            title="Since an iteration last ended so",
            description="A failure that is younger than the last success wants a look at its root cause.",
            view=View.NUMBER,
            queries=(Query(expr=since(table.ITERATION_FINISHED, "outcome"), legend="{{outcome}}"),),
            unit="s",
            always=True,
            width=16,
            height=5,
        ),
        Panel(
            title="Webhooks given up",
            description="Entries that a webhook was not told of and never will be. Its delivery log says which.",
            view=View.NUMBER,
            queries=(Query(expr=now(table.WEBHOOK_FAILURES), legend="given up"),),
            unit="none",
            always=True,
            height=5,
            steps=((None, "text"), (1, "orange")),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="flywheel-loop",
    title="Flywheel / Loop",
    description="Is the wheel turning, and how long does a turn take?",
    rows=(NOW, STAGES, ENDS),
)
