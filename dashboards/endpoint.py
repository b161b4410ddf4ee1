"""Endpoint: how fast and how fresh the policy answers robots."""

from dashboards.panels import Dashboard, Panel, Query, Row, View
from dashboards.promql import mean, now, per_second, quantile
from flywheel.metrics import table
from flywheel.metrics.metric import Metric

ASKED = "nobody asks"
PERIOD_S = 0.05
"""Of a robot that decides at 20 Hz: a later answer is of no use."""
LATE = ((None, "transparent"), (PERIOD_S, "red"))


def _quantiles(metric: Metric) -> tuple[Query, ...]:
    return tuple(Query(expr=quantile(q, metric), legend=f"p{q * 100:g}") for q in (0.5, 0.95, 0.99))


ANSWERS = Row(
    title="Answers",
    panels=(
        Panel(
            title="Version that new sessions get",
            description="The policy version that the endpoint serves. It follows the live version within a second.",
            view=View.NAME,
            queries=(Query(expr=now(table.ENDPOINT_POLICY_INFO, "policy_version"), legend="{{policy_version}}"),),
            unit="none",
            always=True,
            empty="none is served yet",
            height=5,
        ),
        Panel(
            title="Active sessions",
            description="Robots in an episode, by whether the live version or an earlier one answers them: an episode "
            "is answered by one version to its end.",
            view=View.NUMBER,
            queries=(Query(expr=now(table.ACT_SESSIONS, "status"), legend="{{status}}"),),
            unit="none",
            always=True,
            empty=ASKED,
            height=5,
        ),
        Panel(
            title="Versions given to the endpoint",
            description="Since its process began, and how many it refused because they did not load.",
            view=View.NUMBER,
            queries=(Query(expr=now(table.ENDPOINT_SWAPS, "outcome"), legend="{{outcome}}"),),
            unit="none",
            always=True,
            empty="none yet",
            height=5,
        ),
        Panel(
            title="Requests to act",
            description="Per second, by how they ended: ok; unfit, the request is not what the version needs; unready, "
            "there is none; late, the deadline would have passed; refused, no valid token; failed, an error of ours.",
            view=View.STACK,
            queries=(Query(expr=per_second(table.ACT_REQUESTS, "outcome"), legend="{{outcome}}"),),
            unit="reqps",
            always=True,
            empty=ASKED,
            low=0,
        ),
        Panel(
            title="Missed deadlines",
            description="Requests per second that could not be answered in time. They get no action: the robot must be "
            "able to stop by itself.",
            view=View.CURVE,
            queries=(Query(expr=per_second(table.DEADLINE_MISSED), legend="missed"),),
            unit="reqps",
            always=True,
            empty=ASKED,
            low=0,
        ),
        Panel(
            title="Observations per request",
            description="Mean. Robots that share requests cost less than robots that ask alone.",
            view=View.CURVE,
            queries=(Query(expr=mean(table.ACT_BATCH), legend="mean"),),
            unit="none",
            empty=ASKED,
            low=0,
        ),
    ),
)

TIMES = Row(
    title="Times",
    panels=(
        Panel(
            title="Time to the answer",
            description="From the arrival of a request at a replica to its answer. The line is the period of 20 Hz.",
            view=View.CURVE,
            queries=_quantiles(table.ACT_DURATION),
            unit="s",
            empty=ASKED,
            low=0,
            steps=LATE,
        ),
        Panel(
            title="Age of the observation when it is answered",
            description="What the robot says of its age, and the time to the answer. The line is the period of 20 Hz.",
            view=View.CURVE,
            queries=_quantiles(table.ACT_AGE),
            unit="s",
            empty=ASKED,
            low=0,
            steps=LATE,
        ),
        Panel(
            title="Time to the answer, all of them",
            description="How many answers took how long. A second band above the first is a cause of its own.",
            view=View.HEAT,
            queries=(Query(expr=per_second(table.ACT_DURATION, "le", part="_bucket"), legend="{{le}}"),),
            unit="s",
            always=True,
            empty=ASKED,
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="flywheel-endpoint",
    title="Flywheel / Endpoint",
    description="Do robots get their actions in time?",
    rows=(ANSWERS, TIMES),
    since="now-3h",
    refresh="10s",
)
