"""Nouns of a dashboard -> Grafana's JSON, by the types of its own SDK."""

from string import ascii_uppercase
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders import prometheus as prometheus_builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as shown
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.frame import ANNOTATIONS, SOURCE, VARIABLES
from dashboards.panels import Band, Dashboard, Panel, View

PLAIN = ((None, "text"),)
NUMBER_SIZE, NAME_SIZE = 48.0, 20.0
"""Pixels; legible from across a room."""


def as_json(page: Dashboard) -> str:
    """As it is committed and imported."""
    builder = (
        dashboard.Dashboard(page.title)
        .uid(page.uid)
        .description(page.description)
        .tags(["flywheel"])
        .time(page.since, "now")
        .refresh(page.refresh)
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Flywheel")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(["flywheel"])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .link(
            dashboard.DashboardLink("Console")
            .type(models.DashboardLinkType.LINK)
            .url("${console}/")
            .icon("external link")
        )
    )
    for row in page.rows:
        builder = builder.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            builder = builder.with_panel(_panel(panel))
    for variable in VARIABLES:
        builder = builder.with_variable(variable)
    built = builder.build()
    built.annotations = models.AnnotationContainer(list_val=list(ANNOTATIONS))
    for number, some in enumerate(built.panels or [], start=1):
        some.id_val = number
    return JSONEncoder(sort_keys=True, indent=2).encode(built) + "\n"


def _panel(panel: Panel) -> Any:
    builder = _VIEWS[panel.view](panel)
    builder = (
        builder.title(panel.title)
        .description(panel.description)
        .datasource(SOURCE)
        .unit(panel.unit)
        .no_value(panel.empty)
        .span(panel.width)
        .height(panel.height)
        .targets([_target(panel, number) for number in range(len(panel.queries))])
        .thresholds(
            dashboard.ThresholdsConfig()
            .mode(models.ThresholdsMode.ABSOLUTE)
            .steps([models.Threshold(value=value, color=colour) for value, colour in panel.steps or PLAIN])
        )
    )
    for limit, given in ((builder.min, panel.low), (builder.max, panel.high), (builder.decimals, panel.decimals)):
        if given is not None:
            limit(given)
    if panel.words:
        builder = builder.mappings([models.ValueMap(options=_words(panel))])
    if panel.links:
        builder = builder.data_links(
            [dashboard.DashboardLink(link.title).url(link.url).target_blank(True) for link in panel.links]
        )
    if panel.of_each_task:
        builder = builder.repeat("task").repeat_direction("h").max_per_row(3)
    for band in panel.bands:
        builder = _with_band(builder, band)
    return builder


def _target(panel: Panel, number: int) -> prometheus_builders.Dataquery:
    query = panel.queries[number]
    target = (
        prometheus_builders.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(ascii_uppercase[number])
    )
    if panel.view is View.HEAT:
        return target.range().format(PromQueryFormat.HEATMAP)
    return target.instant() if panel.view in (View.NUMBER, View.NAME, View.BAR) else target.range()


def _words(panel: Panel) -> dict[str, models.ValueMappingResult]:
    return {
        str(value): models.ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, (text, colour)) in enumerate(panel.words.items())
    }


def _with_band(builder: Any, band: Band) -> Any:
    """Edges thin and out of the legend, the room between them filled."""
    colour = models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": band.colour})
    edge = [
        colour,
        models.DynamicConfigValue("custom.lineWidth", 0),
        models.DynamicConfigValue("custom.hideFrom", {"legend": True, "tooltip": False, "viz": False}),
    ]
    filled = [
        models.DynamicConfigValue("custom.fillBelowTo", band.lower),
        models.DynamicConfigValue("custom.fillOpacity", 20),
    ]
    return (
        builder.override_by_name(band.around, [colour])
        .override_by_name(band.lower, edge)
        .override_by_name(band.upper, [*edge, *filled])
    )


def _number(_: Panel) -> Any:
    return (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .text(common.VizTextDisplayOptions().value_size(NUMBER_SIZE).title_size(NAME_SIZE))
        .graph_mode(shown.BigValueGraphMode.NONE)
        .color_mode(shown.BigValueColorMode.VALUE)
        .justify_mode(shown.BigValueJustifyMode.CENTER)
    )


def _name(panel: Panel) -> Any:
    return _number(panel).text_mode(shown.BigValueTextMode.NAME)


def _curve(panel: Panel) -> Any:
    return (
        timeseries.Panel()
        .draw_style(shown.GraphDrawStyle.LINE)
        .line_interpolation(shown.LineInterpolation.STEP_AFTER)
        .line_width(2)
        .fill_opacity(0)
        .show_points(shown.VisibilityMode.AUTO)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(shown.LegendDisplayMode.TABLE)
            .placement(shown.LegendPlacement.BOTTOM)
            .calcs(["lastNotNull"])
        )
        .tooltip(common.VizTooltipOptions().mode(shown.TooltipDisplayMode.MULTI))
        .thresholds_style(
            common.GraphThresholdsStyleConfig().mode(
                shown.GraphThresholdsStyleMode.DASHED if panel.steps else shown.GraphThresholdsStyleMode.OFF
            )
        )
    )


def _stack(panel: Panel) -> Any:
    return _curve(panel).fill_opacity(40).stacking(common.StackingConfig().mode(shown.StackingMode.NORMAL))


def _bar(_: Panel) -> Any:
    return (
        bargauge.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .display_mode(shown.BarGaugeDisplayMode.BASIC)
        .orientation(shown.VizOrientation.HORIZONTAL)
    )


def _states(_: Panel) -> Any:
    return (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(shown.VisibilityMode.NEVER)
        .legend(common.VizLegendOptions().show_legend(False))
    )


def _heat(panel: Panel) -> Any:
    return heatmap.Panel().show_y_histogram().y_axis(heatmap.YAxisConfig().unit(panel.unit))


_VIEWS = {
    View.NUMBER: _number,
    View.NAME: _name,
    View.CURVE: _curve,
    View.STACK: _stack,
    View.BAR: _bar,
    View.STATES: _states,
    View.HEAT: _heat,
}
