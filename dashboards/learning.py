"""Learning: whether a training does what it should, while it runs."""

from dashboards.panels import Dashboard, Panel, Query, Row, View
from dashboards.promql import mean, now, per_second
from flywheel.metrics import table

WAIT = per_second(table.DATA_WAIT)

PACE = Row(
    title="Pace",
    panels=(
        Panel(
            title="Updates",
            description="Updates of the learner per second.",
            view=View.CURVE,
            queries=(Query(expr=per_second(table.UPDATES), legend="updates"),),
            unit="ops",
            always=True,
            empty="no training ran yet",
            low=0,
        ),
        Panel(
            title="Time per update",
            description="Mean, without waiting for its batch.",
            view=View.CURVE,
            queries=(Query(expr=mean(table.UPDATE_DURATION), legend="mean"),),
            unit="s",
            empty="no training runs",
            low=0,
        ),
        Panel(
            title="Waiting for data",
            description="Share of the training's time in which it waited for a batch. Above a tenth, reading is what "
            "limits it: raise train.memory_bytes or compact the tables.",
            view=View.CURVE,
            queries=(
                Query(
                    expr=f"{WAIT} / ({WAIT} + {per_second(table.UPDATE_DURATION, part='_sum')})",
                    legend="waiting",
                ),
            ),
            unit="percentunit",
            empty="no training runs",
            low=0,
            high=1,
            steps=((None, "transparent"), (0.1, "orange")),
        ),
    ),
)

LEARNER = Row(
    title="Learner",
    panels=(
        Panel(
            title="Losses",
            description="The whole, and its parts: improvement by Q, cloning, and the critic's cross-entropy.",
            view=View.CURVE,
            queries=(Query(expr=now(table.LOSS, "part"), legend="{{part}}"),),
            unit="none",
            always=True,
            empty="no training ran yet",
        ),
        Panel(
            title="Entropy of the policy",
            description="Per action dimension, and the most it can be. Falling to nothing means that the policy knows "
            "one action only and collection will find nothing new; staying at the limit means that nothing is learned.",
            view=View.CURVE,
            always=True,
            queries=(
                Query(expr=now(table.POLICY_ENTROPY), legend="entropy"),
                Query(expr=now(table.POLICY_ENTROPY_LIMIT), legend="limit"),
            ),
            unit="none",
            empty="no training ran yet",
            low=0,
        ),
        Panel(
            title="Effective samples of the improvement",
            description="Near the number of sampled actions, Q tells them apart too little and improvement does "
            "nothing; near one, it trusts a single sample. `temperature` moves it.",
            view=View.CURVE,
            always=True,
            queries=(
                Query(expr=now(table.EFFECTIVE_SAMPLES), legend="effective"),
                Query(expr=now(table.IMPROVEMENT_SAMPLES), legend="sampled"),
            ),
            unit="none",
            empty="no training ran yet",
            low=0,
        ),
        Panel(
            title="Q against the observed return",
            description="Means over the same transitions. What was not observed, because episodes were cut short, "
            "can add up to its discount times the largest return: Q above both together is overestimated.",
            view=View.CURVE,
            always=True,
            queries=(
                Query(expr=now(table.Q_VALUE), legend="Q"),
                Query(expr=now(table.OBSERVED_RETURN), legend="observed"),
                Query(expr=now(table.UNOBSERVED_DISCOUNT), legend="discount of what was not observed"),
            ),
            unit="none",
            empty="no training with a critic ran yet",
        ),
        Panel(
            title="Entropy of attention",
            description="Share of the most it can be. At one, all is read alike; near zero, one token only.",
            view=View.CURVE,
            always=True,
            queries=(Query(expr=now(table.ATTENTION_ENTROPY, "kind"), legend="{{kind}}"),),
            unit="percentunit",
            empty="no training ran yet",
            low=0,
            high=1,
        ),
        Panel(
            title="Norm of the gradient",
            description="Before it is bounded.",
            view=View.CURVE,
            queries=(Query(expr=now(table.GRADIENT_NORM), legend="norm"),),
            unit="none",
            always=True,
            empty="no training ran yet",
            low=0,
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="flywheel-learning",
    title="Flywheel / Learning",
    description="Does the training that runs do what it should?",
    rows=(PACE, LEARNER),
    since="now-6h",
    refresh="10s",
)
