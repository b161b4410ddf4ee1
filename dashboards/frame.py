"""Frame: what all dashboards have: variables, annotations, and links to the console."""

from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as models

from dashboards.panels import Link
from dashboards.promql import now
from flywheel.metrics import table

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
CONSOLE = "http://127.0.0.1:8000"
ALL = models.VariableOption(selected=True, text="All", value="$__all")

FAILURES = Link(
    title="Failed episodes behind this point",
    url="${console}/#/episodes?task=${__field.labels.task}&policy=${__field.labels.status}"
    "&outcome=failure&source=evaluation&at=${__value.time}",
)
ITERATION = Link(title="This iteration", url="${console}/#/iterations/${__value.raw}")
POLICIES = Link(title="All versions", url="${console}/#/policies")


class Moments(models.AnnotationQuery):
    """Marks at the times that an expression's values are, in milliseconds; Grafana reads it so, the SDK lacks it."""

    def __init__(self, *, name: str, expr: str, title: str, colour: str) -> None:
        super().__init__(name=name, datasource=SOURCE, expr=expr, icon_color=colour)
        self._title = title

    def to_json(self) -> dict[str, object]:
        """As `models.AnnotationQuery` has it."""
        return super().to_json() | {"useValueForTime": True, "titleFormat": self._title, "step": "15s"}


ANNOTATIONS = (
    Moments(
        name="Deployments",
        expr=f"{now(table.DEPLOYMENT, 'cause')} * 1000",
        title="deployed by {{cause}}",
        colour="purple",
    ),
    Moments(
        name="Iterations that began",
        expr=f"{now(table.ITERATION_STARTED)} * 1000",
        title="iteration began",
        colour="blue",
    ),
    Moments(
        name="Iterations that ended",
        expr=f"{now(table.ITERATION_FINISHED, 'outcome')} * 1000",
        title="iteration {{outcome}}",
        colour="green",
    ),
)


def _values(expr: str) -> dict[str, Any]:
    return {"qryType": 1, "query": expr, "refId": "PrometheusVariableQueryEditor-VariableQuery"}


VARIABLES = (
    dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"),
    dashboard.QueryVariable("flywheel")
    .label("Flywheel")
    .description("As the scrape configuration labels it; without labels there is one")
    .datasource(SOURCE)
    .query(_values(f"label_values({table.BUILD_INFO.name}, flywheel)"))
    .refresh(models.VariableRefresh.ON_DASHBOARD_LOAD),
    dashboard.QueryVariable("task")
    .label("Task")
    .datasource(SOURCE)
    .query(_values(f'label_values({table.SUCCESS_RATIO.name}{{flywheel="$flywheel"}}, task)'))
    .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    .sort(models.VariableSort.ALPHABETICAL_ASC)
    .multi(True)
    .include_all(True)
    .current(ALL),
    dashboard.TextBoxVariable("console")
    .label("Console")
    .description("Where the API answers, for links")
    .default_value(CONSOLE)
    .current(models.VariableOption(selected=True, text=CONSOLE, value=CONSOLE)),
)
