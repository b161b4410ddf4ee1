"""The table: every metric, once. Exporters, dashboards and rules take names, labels and units from here."""

from functools import partial

from flywheel.core.campaign import CampaignState
from flywheel.core.control import IterationState
from flywheel.core.episode import Outcome, Source
from flywheel.core.iteration import Stage
from flywheel.metrics.metric import ANY, Kind, Metric, Where

STAGES = tuple(map(str, Stage))
JUDGED = ("live", "candidate")
"""Of the two versions that an evaluation compares: which was live when it ended, which was trained last."""
ENDED = tuple(str(state) for state in IterationState if state.is_terminal)
UNENDED = tuple(str(state) for state in IterationState if not state.is_terminal)
DECIDED = ("promote", "reject")
CAUSES = ("gate", "person", "rollback")
TABLES = ("episodes", "labels")
LOSSES = ("total", "improvement", "cloning", "critic")
ATTENTION = ("cross", "latent")
OPERATIONS = ("get", "put", "list", "delete")
CALLS = ("ok", "retried", "failed")
ANSWERS = ("ok", "unfit", "unready", "late", "refused", "failed")
SWAPS = ("ok", "refused")
SESSIONS = ("live", "earlier")

_OF_TASK = {"task": ANY, "status": JUDGED}
_STAGE_BUCKETS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0, 86400.0)
_CALL_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0)
_ACT_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_BATCH_BUCKETS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)

_counter, _gauge = partial(Metric, kind=Kind.COUNTER), partial(Metric, kind=Kind.GAUGE)
_histogram, _summary = partial(Metric, kind=Kind.HISTOGRAM), partial(Metric, kind=Kind.SUMMARY)
_state_counter, _state = partial(_counter, where=Where.STATE), partial(_gauge, where=Where.STATE)
_live_counter, _live = partial(_counter, where=Where.LIVE), partial(_gauge, where=Where.LIVE)
_act_counter, _act = partial(_counter, where=Where.ACT), partial(_gauge, where=Where.ACT)

# What there is and what was decided: from the store, the same in every process.

BUILD_INFO = _state(
    name="flywheel_build_info", help="1; which release answers", values={"version": ANY}, diagnostic=True
)
STORE_UP = _state(name="flywheel_store_up", help="1: this answer is as new as the store; 0: it did not answer in time")
SUPERVISOR_UP = _state(name="flywheel_supervisor_up", help="1: whoever turns the wheel answered this scrape")
ITERATION = _state(name="flywheel_iteration", help="Number of the newest iteration that was begun")
ITERATIONS = _state_counter(name="flywheel_iterations_total", help="Iterations that ended", values={"outcome": ENDED})
ITERATIONS_PENDING = _state(
    name="flywheel_iterations_pending", help="Iterations that have not ended", values={"state": UNENDED}
)
ITERATION_STARTED = _state(
    name="flywheel_iteration_started_timestamp_seconds",
    help="When the iteration that runs or waits was begun; absent while there is none",
    unit="seconds",
)
ITERATION_FINISHED = _state(
    name="flywheel_iteration_finished_timestamp_seconds",
    help="When an iteration last ended so",
    unit="seconds",
    values={"outcome": ENDED},
)
STAGE_RUNNING = _state(name="flywheel_stage_running", help="1: this stage runs", values={"stage": STAGES})
STAGE_STARTED = _state(
    name="flywheel_stage_started_timestamp_seconds",
    help="When the running stage was begun, the last time; absent while none runs",
    unit="seconds",
)
STAGE_DURATION = _histogram(
    name="flywheel_stage_duration_seconds",
    where=Where.STATE,
    help="How long stages took that were finished",
    unit="seconds",
    values={"stage": STAGES},
    buckets=_STAGE_BUCKETS,
)
GATE_DECISIONS = _state_counter(
    name="flywheel_gate_decisions_total", help="Evaluations by what the gate said", values={"decision": DECIDED}
)
GATE_PAIRS = _state(name="flywheel_gate_pairs", help="Pairs that the last gate looked at, of the task with the most")
ERROR_BUDGET_REMAINING = _state(
    name="flywheel_error_budget_remaining_ratio",
    help="Share of the error budget's planned gates that may still be started",
    unit="ratio",
)
DEPLOYMENTS = _state_counter(
    name="flywheel_deployments_total", help="Changes of the live version", values={"cause": CAUSES}
)
DEPLOYMENT = _state(
    name="flywheel_deployment_timestamp_seconds",
    help="When the live version last changed so",
    unit="seconds",
    values={"cause": CAUSES},
)
POLICY_INFO = _state(
    name="flywheel_policy_info",
    help="1; the live version, and the one that was trained last",
    values={"status": JUDGED, "policy_version": ANY},
)
SUCCESS_RATIO = _state(
    name="flywheel_success_ratio",
    help="Successes of scored episodes, in the newest evaluation of the version",
    unit="ratio",
    values=_OF_TASK,
)
SUCCESS_RATIO_LOWER = _state(
    name="flywheel_success_ratio_lower", help="Lower end of its interval at 95%", unit="ratio", values=_OF_TASK
)
SUCCESS_RATIO_UPPER = _state(
    name="flywheel_success_ratio_upper", help="Upper end of its interval at 95%", unit="ratio", values=_OF_TASK
)
SUCCESS_EPISODES = _state(
    name="flywheel_success_episodes", help="Scored episodes behind the success ratio", values=_OF_TASK
)
TIME_TO_SUCCESS = _state(
    name="flywheel_time_to_success_seconds",
    help="Simulated time to the first success, mean of the successes of the same episodes",
    unit="seconds",
    values=_OF_TASK,
)
EPISODES = _state_counter(
    name="flywheel_episodes_total",
    help="Episodes that finished stages and uploads made",
    values={"task": ANY, "source": tuple(map(str, Source)), "outcome": tuple(map(str, Outcome))},
)
DATA_BYTES = _state(
    name="flywheel_data_bytes", help="Files of the table's newest version", unit="bytes", values={"table": TABLES}
)
COMMITS = _state_counter(
    name="flywheel_commits_total", help="Versions of the table after its first", values={"table": TABLES}
)
DAMAGED_OBJECTS = _state_counter(
    name="flywheel_damaged_objects_total", help="Objects that repairs found damaged or missing"
)
PLANNED_EPISODES = _state(
    name="flywheel_planned_episodes", help="Episodes that the last plan collects of the task", values={"task": ANY}
)
CAMPAIGNS = _state(
    name="flywheel_campaigns", help="Campaigns", values={"state": tuple(map(str, CampaignState))}, diagnostic=True
)

# What happens right now, in the supervisor's process: it begins anew when that does.

STAGE_PROGRESS = _live(
    name="flywheel_stage_progress_ratio",
    help="How much of the running stage is done; absent while none runs",
    unit="ratio",
    values={"stage": STAGES},
)
WEBHOOK_FAILURES = _live_counter(
    name="flywheel_webhook_failures_total", help="Entries that a webhook was not told of and never will be"
)
UPDATES = _live_counter(name="flywheel_updates_total", help="Updates of the learner")
UPDATE_DURATION = _summary(
    name="flywheel_update_duration_seconds",
    where=Where.LIVE,
    help="Time of an update, without the wait for its batch",
    unit="seconds",
)
DATA_WAIT = _live_counter(
    name="flywheel_data_wait_seconds_total", help="Time that training waited for batches", unit="seconds"
)
LOSS = _live(name="flywheel_loss", help="Losses of the last updates", values={"part": LOSSES})
POLICY_ENTROPY = _live(
    name="flywheel_policy_entropy_nats", help="Entropy of the policy per action dimension", unit="nats"
)
POLICY_ENTROPY_LIMIT = _live(
    name="flywheel_policy_entropy_limit_nats", help="The most it can be: ln of the bins", unit="nats"
)
EFFECTIVE_SAMPLES = _live(
    name="flywheel_improvement_effective_samples",
    help="Effective sample size of the weights of the improvement's sampled actions",
)
IMPROVEMENT_SAMPLES = _live(name="flywheel_improvement_samples", help="Sampled actions per state: the most it can be")
Q_VALUE = _live(name="flywheel_q_value", help="Mean Q of the batches' own actions")
OBSERVED_RETURN = _live(
    name="flywheel_observed_return", help="Mean discounted return that followed the batches' own actions"
)
UNOBSERVED_DISCOUNT = _live(
    name="flywheel_unobserved_discount",
    help="Mean share of the future that the ends of truncated episodes hide from the observed return",
)
ATTENTION_ENTROPY = _live(
    name="flywheel_attention_entropy_ratio",
    help="Mean entropy of attention, as a share of the most it can be",
    unit="ratio",
    values={"kind": ATTENTION},
)
GRADIENT_NORM = _live(name="flywheel_gradient_norm", help="Norm of the gradient before it is bounded")
COLLECTORS = _live(name="flywheel_collectors", help="Collectors that are alive")
COLLECTORS_LOST = _live_counter(
    name="flywheel_collectors_lost_total", help="Collectors that died or hung and were replaced"
)
EPISODE_DECISIONS = _live_counter(
    name="flywheel_episode_decisions_total", help="Decisions of the episodes that collectors finished"
)
SPOOL_PARTS = _live(
    name="flywheel_spool_parts", help="Parts that wait for the store, of all collectors", diagnostic=True
)
SPOOL_BYTES = _live(name="flywheel_spool_bytes", help="Bytes that wait for the store, of all collectors", unit="bytes")
SPOOL_LIMIT = _live(name="flywheel_spool_limit_bytes", help="Room of the spools of the living collectors", unit="bytes")
COLLECTING_PAUSED = _live(
    name="flywheel_collecting_paused", help="Collectors that wait because their spool has no room"
)
STORE_REQUESTS = _live_counter(
    name="flywheel_store_requests_total",
    help="Calls to the store of the supervisor's process: at once, after repetition, or in vain",
    values={"operation": OPERATIONS, "outcome": CALLS},
)
STORE_DURATION = _histogram(
    name="flywheel_store_request_duration_seconds",
    where=Where.LIVE,
    help="Time that a call to the store took, repetitions included",
    unit="seconds",
    values={"operation": OPERATIONS},
    buckets=_CALL_BUCKETS,
)

# What the policy endpoint's replicas count.

ACT_DURATION = _histogram(
    name="flywheel_act_duration_seconds",
    where=Where.ACT,
    help="From the arrival of a request to act to its answer",
    unit="seconds",
    buckets=_ACT_BUCKETS,
)
ACT_AGE = _histogram(
    name="flywheel_act_observation_age_seconds",
    where=Where.ACT,
    help="Age of an observation when its answer is given",
    unit="seconds",
    buckets=_ACT_BUCKETS,
)
DEADLINE_MISSED = _act_counter(
    name="flywheel_act_deadline_missed_total", help="Requests that could not be answered by their deadline"
)
ACT_REQUESTS = _act_counter(
    name="flywheel_act_requests_total", help="Requests to act by how they ended", values={"outcome": ANSWERS}
)
ACT_BATCH = _histogram(
    name="flywheel_act_batch_size", where=Where.ACT, help="Observations per request", buckets=_BATCH_BUCKETS
)
ACT_SESSIONS = _act(
    name="flywheel_act_sessions", help="Active sessions by the version that answers them", values={"status": SESSIONS}
)
ENDPOINT_POLICY_INFO = _act(
    name="flywheel_endpoint_policy_info", help="1; the version that new sessions get", values={"policy_version": ANY}
)
ENDPOINT_SWAPS = _act_counter(
    name="flywheel_endpoint_swaps_total", help="Versions that the endpoint was given", values={"outcome": SWAPS}
)

TABLE: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""All of them, in order."""
