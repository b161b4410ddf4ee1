"""Success: the one for the wall. How well the live version does, how sure that is, and what changed it."""

from dashboards.frame import FAILURES, ITERATION, POLICIES
from dashboards.panels import Band, Dashboard, Link, Panel, Query, Row, View
from dashboards.promql import now
from flywheel.metrics import table

GOOD, FAIR = 0.9, 0.6
RATES = ((None, "red"), (FAIR, "orange"), (GOOD, "green"))
COLOURS = {"live": "green", "candidate": "blue"}


def _band(status: str) -> tuple[Query, ...]:
    """The rate of a task's evaluations and its interval."""
    of_task = {"task": "$task", "status": status}
    curves = {"": table.SUCCESS_RATIO, " lower": table.SUCCESS_RATIO_LOWER, " upper": table.SUCCESS_RATIO_UPPER}
    return tuple(
        Query(expr=now(metric, "task", "status", **of_task), legend=status + suffix)
        for suffix, metric in curves.items()
    )


NOW = Row(
    title="Now",
    panels=(
        Panel(
            title="Success of the live version",
            description="Successes of scored episodes in the newest evaluation of the live version, by task. "
            "Intervals are below: a rate of few episodes says little. A click leads to the failed episodes.",
            view=View.NUMBER,
            queries=(Query(expr=now(table.SUCCESS_RATIO, "task", "status", status="live"), legend="{{task}}"),),
            unit="percentunit",
            always=True,
            empty="no version was evaluated yet",
            width=16,
            height=7,
            low=0,
            high=1,
            decimals=0,
            steps=RATES,
            links=(FAILURES,),
        ),
        Panel(
            title="Live version",
            description="The policy version that acts.",
            view=View.NAME,
            queries=(Query(expr=now(table.POLICY_INFO, "policy_version", status="live"), legend="{{policy_version}}"),),
            unit="none",
            always=True,
            empty="none is live yet",
            width=8,
            height=7,
            links=(POLICIES,),
        ),
        Panel(
            title="Iteration",
            description="Number of the newest iteration that was begun. A click leads to it.",
            view=View.NUMBER,
            queries=(Query(expr=now(table.ITERATION), legend="iteration"),),
            unit="none",
            always=True,
            empty="none was begun yet",
            width=6,
            height=4,
            links=(ITERATION,),
        ),
        Panel(
            title="Promotions",
            description="Candidates that the gate found good enough, since the beginning.",
            view=View.NUMBER,
            queries=(Query(expr=now(table.GATE_DECISIONS, decision="promote"), legend="promotions"),),
            unit="none",
            always=True,
            width=6,
            height=4,
        ),
        Panel(
            title="Rollbacks",
            description="How often a person went back to an earlier version, since the beginning.",
            view=View.NUMBER,
            queries=(Query(expr=now(table.DEPLOYMENTS, cause="rollback"), legend="rollbacks"),),
            unit="none",
            always=True,
            width=6,
            height=4,
            steps=((None, "text"), (1, "orange")),
        ),
        Panel(
            title="Error budget left",
            description="Share of the planned gates that may still be started. At zero nothing is promoted any more "
            "until a person has looked and said `flywheel gate renew`.",
            view=View.NUMBER,
            queries=(Query(expr=now(table.ERROR_BUDGET_REMAINING), legend="left"),),
            unit="percentunit",
            always=True,
            width=6,
            height=4,
            decimals=0,
            steps=((None, "red"), (0.01, "orange"), (0.4, "text")),
        ),
    ),
)

OF_EACH_TASK = Row(
    title="Success by task",
    panels=(
        Panel(
            title="$task",
            description="Success rate of the newest evaluation of the live version and of the candidate, with the "
            "interval at 95%. Bands that overlap are no difference: the gate decides. A click on a point leads to the "
            "failed episodes behind it.",
            view=View.CURVE,
            queries=(*_band("live"), *_band("candidate")),
            unit="percentunit",
            always=True,
            empty="this task was not evaluated yet",
            height=10,
            low=0,
            high=1,
            bands=tuple(
                Band(lower=f"{status} lower", upper=f"{status} upper", around=status, colour=colour)
                for status, colour in COLOURS.items()
            ),
            links=(FAILURES,),
            of_each_task=True,
        ),
    ),
)

BEHIND = Row(
    title="Behind it",
    panels=(
        Panel(
            title="Time to success",
            description="Simulated time to the first success, over the successes of the same evaluation.",
            view=View.CURVE,
            queries=(Query(expr=now(table.TIME_TO_SUCCESS, "task", "status"), legend="{{task}} {{status}}"),),
            unit="s",
            empty="no success yet",
            low=0,
        ),
        Panel(
            title="Episodes behind the rates",
            description="Scored episodes of the same evaluation. The gate asks for as many as it needs.",
            view=View.CURVE,
            queries=(Query(expr=now(table.SUCCESS_EPISODES, "task", "status"), legend="{{task}} {{status}}"),),
            unit="none",
            always=True,
            low=0,
        ),
        Panel(
            title="Changes of the live version",
            description="By a gate's promotion, by a person, and back to an earlier version; since the beginning.",
            view=View.CURVE,
            queries=(Query(expr=now(table.DEPLOYMENTS, "cause"), legend="{{cause}}"),),
            unit="none",
            always=True,
            low=0,
        ),
        Panel(
            title="Which version was live",
            description="A row per policy version, filled while it was live.",
            view=View.STATES,
            queries=(Query(expr=now(table.POLICY_INFO, "policy_version", status="live"), legend="{{policy_version}}"),),
            unit="none",
            always=True,
            width=24,
            words={1: ("live", "green")},
            links=(
                Link(
                    title="This version's episodes", url="${console}/#/episodes?policy=${__field.labels.policy_version}"
                ),
            ),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="flywheel-success",
    title="Flywheel / Success",
    description="Does what we deploy get better? For the wall: open it in kiosk mode.",
    rows=(NOW, OF_EACH_TASK, BEHIND),
    since="now-7d",
)
