"""Cluster: Ray's own metrics, as its agents export them: machines, processes, actors, Ray Serve."""

from dashboards.panels import Dashboard, Panel, Query, Row, View
from dashboards.promql import WINDOW


def _of(metric: str, **labels: str) -> str:
    """A selector of one of Ray's metrics, which our table does not hold."""
    matchers = ['flywheel="$flywheel"', *(f'{label}="{value}"' for label, value in labels.items())]
    return f"{metric}{{{','.join(matchers)}}}"


def _share(used: str, total: str) -> str:
    return f"sum by (ip) ({_of(used)}) / sum by (ip) ({_of(total)})"


FULL = ((None, "transparent"), (0.9, "red"))

MACHINES = Row(
    title="Machines",
    panels=(
        Panel(
            title="Processors",
            description="Share in use, by machine. All programs count, not only Ray's.",
            view=View.CURVE,
            queries=(Query(expr=f"max by (ip) ({_of('ray_node_cpu_utilization')}) / 100", legend="{{ip}}"),),
            unit="percentunit",
            always=True,
            low=0,
            high=1,
        ),
        Panel(
            title="Memory",
            description="Share in use, by machine. Ray ends processes above 95%.",
            view=View.CURVE,
            queries=(Query(expr=_share("ray_node_mem_used", "ray_node_mem_total"), legend="{{ip}}"),),
            unit="percentunit",
            always=True,
            low=0,
            high=1,
            steps=FULL,
        ),
        Panel(
            title="Graphics memory",
            description="Share in use, by machine.",
            view=View.CURVE,
            queries=(
                Query(
                    expr=f"sum by (ip) ({_of('ray_node_gram_used')}) / (sum by (ip) ({_of('ray_node_gram_used')}) "
                    f"+ sum by (ip) ({_of('ray_node_gram_available')}))",
                    legend="{{ip}}",
                ),
            ),
            unit="percentunit",
            empty="no machine has a GPU",
            low=0,
            high=1,
            steps=FULL,
        ),
        Panel(
            title="Free disk",
            description="Where Ray keeps its session and collectors their spool, by machine.",
            view=View.CURVE,
            queries=(Query(expr=f"min by (ip) ({_of('ray_node_disk_free')})", legend="{{ip}}"),),
            unit="bytes",
            always=True,
            low=0,
        ),
        Panel(
            title="Network",
            description="Sent and received per second, all machines together.",
            view=View.CURVE,
            queries=(
                Query(expr=f"sum({_of('ray_node_network_send_speed')})", legend="sent"),
                Query(expr=f"sum({_of('ray_node_network_receive_speed')})", legend="received"),
            ),
            unit="Bps",
            always=True,
            low=0,
        ),
        Panel(
            title="Machines that are up",
            description="Nodes of the Ray cluster.",
            view=View.NUMBER,
            queries=(Query(expr=f"sum({_of('ray_cluster_active_nodes')})", legend="machines"),),
            unit="none",
            always=True,
        ),
    ),
)

PROCESSES = Row(
    title="Processes",
    panels=(
        Panel(
            title="Memory by kind of process",
            description="Resident; shared pages count in each.",
            view=View.STACK,
            queries=(Query(expr=f"sum by (Component) ({_of('ray_component_rss_bytes')})", legend="{{Component}}"),),
            unit="bytes",
            always=True,
            low=0,
        ),
        Panel(
            title="Processors by kind of process",
            description="Cores in use.",
            view=View.STACK,
            queries=(
                Query(expr=f"sum by (Component) ({_of('ray_component_cpu_percentage')}) / 100", legend="{{Component}}"),
            ),
            unit="none",
            always=True,
            low=0,
        ),
        Panel(
            title="Actors",
            description="By state, as Ray's head knows them: supervisor, collectors, training workers, replicas.",
            view=View.CURVE,
            queries=(Query(expr=f"sum by (State) ({_of('ray_actors', Source='gcs')})", legend="{{State}}"),),
            unit="none",
            always=True,
            low=0,
        ),
        Panel(
            title="Places in use",
            description="Ray's CPUs, which are places here and not cores: stages take turns on them.",
            view=View.CURVE,
            queries=(Query(expr=f"sum by (State) ({_of('ray_resources', Name='CPU')})", legend="{{State}}"),),
            unit="none",
            always=True,
            low=0,
        ),
        Panel(
            title="Object store",
            description="Ray's shared memory, by where its objects are. What spills to disk makes everything slow.",
            view=View.STACK,
            queries=(Query(expr=f"sum by (Location) ({_of('ray_object_store_memory')})", legend="{{Location}}"),),
            unit="bytes",
            always=True,
            low=0,
        ),
        Panel(
            title="Processes of Ray that died unexpectedly",
            description="Per second. The record of the iteration has the root cause where it was one of ours.",
            view=View.CURVE,
            queries=(
                Query(
                    expr=f"sum(rate({_of('ray_node_manager_unexpected_worker_failure_total')}[{WINDOW}]))",
                    legend="died",
                ),
            ),
            unit="ops",
            empty="none died",
            low=0,
        ),
    ),
)

SERVE = Row(
    title="Ray Serve",
    panels=(
        Panel(
            title="Requests",
            description="Per second, by application: control is the API, flywheel the policy endpoint.",
            view=View.CURVE,
            queries=(
                Query(
                    expr=f"sum by (application) (rate({_of('ray_serve_num_http_requests_total')}[{WINDOW}]))",
                    legend="{{application}}",
                ),
            ),
            unit="reqps",
            always=True,
            low=0,
        ),
        Panel(
            title="Time in the proxy and behind it, p95",
            description="What a client waits for, by application.",
            view=View.CURVE,
            queries=(
                Query(
                    expr="histogram_quantile(0.95, sum by (application, le) "
                    f"(rate({_of('ray_serve_http_request_latency_ms_bucket')}[{WINDOW}])))",
                    legend="{{application}}",
                ),
            ),
            unit="ms",
            empty="nobody asks",
            low=0,
        ),
        Panel(
            title="Replicas that are well",
            description="By deployment.",
            view=View.CURVE,
            queries=(
                Query(
                    expr=f"sum by (deployment) ({_of('ray_serve_deployment_replica_healthy')})",
                    legend="{{deployment}}",
                ),
            ),
            unit="none",
            always=True,
            low=0,
        ),
        Panel(
            title="Requests under way",
            description="In replicas, by deployment.",
            view=View.CURVE,
            queries=(
                Query(
                    expr=f"sum by (deployment) ({_of('ray_serve_replica_processing_queries')})",
                    legend="{{deployment}}",
                ),
            ),
            unit="none",
            always=True,
            low=0,
        ),
        Panel(
            title="Requests answered by an error",
            description="Per second, by application and status code.",
            view=View.CURVE,
            queries=(
                Query(
                    expr="sum by (application, error_code) "
                    f"(rate({_of('ray_serve_num_http_error_requests_total')}[{WINDOW}]))",
                    legend="{{application}} {{error_code}}",
                ),
            ),
            unit="reqps",
            empty="no errors",
            low=0,
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="flywheel-cluster",
    title="Flywheel / Cluster",
    description="Are the machines and Ray's processes well?",
    rows=(MACHINES, PROCESSES, SERVE),
    since="now-6h",
)
