"""The kinds of panel and variable that all dashboards share, with Grafana's defaults settled."""

from collections.abc import Sequence
from string import ascii_uppercase

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.builders import prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards import runbooks
from dashboards.queries import ACCOUNT

DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
Mapping = model.ValueMap | model.RangeMap | model.RegexMap | model.SpecialValueMap
PAGES = "external_url"
"""The variable with the address of the exporter's pages."""

MIN_STEP = "1m"
"""The default interval of reading a log: below it a counter has nothing new to show."""

UIDS = {
    "Overview": "do-app-overview",
    "Component": "do-app-component",
    "Exporter": "do-app-exporter",
}


def new_dashboard(name: str, description: str) -> dashboards.Dashboard:
    """A read-only dashboard with its variables and with links to the others and the runbooks."""
    board = (
        dashboards.Dashboard(f"DigitalOcean App Platform / {name}")
        .uid(UIDS[name])
        .description(description)
        .tags(["do-app-exporter"])
        .readonly()
        .refresh("1m")
        .time("now-3h", "now")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
    )
    for other, uid in UIDS.items():
        if other != name:
            board.link(_link(other, f"/d/{uid}").keep_time(True).include_vars(True))
    board.link(_link("Runbooks", runbooks.INDEX).target_blank(True))
    board.with_variable(
        dashboards.DatasourceVariable("datasource").label("Data source").type("prometheus")
    )
    job, instance = 'job=~"$job"', 'instance=~"$instance"'
    account, app = ACCOUNT, 'app=~"$app"'
    for variable, metric, matchers in (
        ("job", "digitalocean_app_exporter_build_info", ()),
        ("instance", "digitalocean_app_exporter_build_info", (job,)),
        ("account", "digitalocean_app_spec_info", (job, instance)),
        ("app", "digitalocean_app_spec_info", (job, instance, account)),
        ("component", "digitalocean_app_component_info", (job, instance, account, app)),
    ):
        board.with_variable(_query_variable(variable, metric, matchers))
    return board.with_variable(_pages())


def target(expr: str, legend: str) -> prometheus.Dataquery:
    """A query over the time shown, one line per series named by ``legend``.

    ``{{account}}`` is empty, and its blank not seen, where a single account is configured.
    """
    return prometheus.Dataquery().expr(expr).legend_format(legend).interval(MIN_STEP).range()


def graph(
    title: str, description: str, unit: str, *targets: prometheus.Dataquery, width: int = 12
) -> timeseries.Panel:
    """Lines over time, the legend as a table with the newest and the highest value."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .links(runbooks.links(title))
        .unit(unit)
        .datasource(DATASOURCE)
        .interval(MIN_STEP)
        .span(width)
        .height(8)
        .min(0)
        .line_width(1)
        .fill_opacity(10)
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )
    return _with_targets(panel, targets)


def bars(title: str, description: str, expr: str, legend: str, width: int = 12) -> timeseries.Panel:
    """Events over time: stacked bars of five minutes or more, one colour per series.

    The minimum is the panel's and not the query's: Grafana takes a query's for the scrape
    interval and makes ``$__rate_interval`` four times as long, which would show each event in
    four bars.
    """
    query = prometheus.Dataquery().expr(expr).legend_format(legend).range()
    return (
        graph(title, description, "short", query, width=width)
        .interval("5m")
        .draw_style(common.GraphDrawStyle.BARS)
        .fill_opacity(80)
        .stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL))
        .decimals(0)
    )


def number(
    title: str,
    description: str,
    unit: str,
    expr: str,
    bad_from: float | None = None,
    width: int = 4,
) -> stat.Panel:
    """One number as of now; red from ``bad_from`` on."""
    steps = [model.Threshold(value=None, color="green")]
    if bad_from is not None:
        steps.append(model.Threshold(value=bad_from, color="red"))
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .links(runbooks.links(title))
        .unit(unit)
        .datasource(DATASOURCE)
        .interval(MIN_STEP)
        .span(width)
        .height(4)
        .thresholds(dashboards.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps))
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_instant(expr).ref_id("A"))
    )


def listing(
    title: str, description: str, columns: Sequence[tuple[str, str, str]], height: int = 9
) -> table.Panel:
    """A table as of now: one row per label set that the queries share.

    Args:
        columns: two or more, of each its name, its unit and the query that fills it.
    """
    panel = _table(title, description, height)
    renamed = {}
    for ref, (name, unit, expr) in zip(ascii_uppercase, columns, strict=False):
        renamed[f"Value #{ref}"] = name
        panel.with_target(_instant(expr).format(PromQueryFormat.TABLE).ref_id(ref))
        if unit != "short":
            panel.override_by_name(name, [model.DynamicConfigValue(id_val="unit", value=unit)])
    return panel.with_transformation(
        model.DataTransformerConfig(id_val="merge", options={})
    ).with_transformation(_organize(["Time"], renamed))


def labels_listing(
    title: str, description: str, expr: str, hidden: Sequence[str] = (), height: int = 6
) -> table.Panel:
    """A table of the labels of an info metric: one row per series, without its value."""
    return (
        _table(title, description, height)
        .with_target(_instant(expr).format(PromQueryFormat.TABLE).ref_id("A"))
        .with_transformation(_organize(["Time", "Value", *hidden], {}))
    )


def value_names(zero: str, zero_color: str, one: str, one_color: str) -> list[Mapping]:
    """Words for 0 and 1."""
    return [
        model.ValueMap(
            options={
                "0": model.ValueMappingResult(text=zero, color=zero_color, index=0),
                "1": model.ValueMappingResult(text=one, color=one_color, index=1),
            }
        )
    ]


def _with_targets(
    panel: timeseries.Panel, targets: Sequence[prometheus.Dataquery]
) -> timeseries.Panel:
    for ref, query in zip(ascii_uppercase, targets, strict=False):
        panel.with_target(query.ref_id(ref))
    return panel


def _table(title: str, description: str, height: int) -> table.Panel:
    return (
        table.Panel()
        .title(title)
        .description(description)
        .links(runbooks.links(title))
        .unit("short")
        .datasource(DATASOURCE)
        .interval(MIN_STEP)
        .span(24)
        .height(height)
        .show_header(True)
    )


def _organize(hidden: Sequence[str], renamed: dict[str, str]) -> model.DataTransformerConfig:
    options = {"excludeByName": dict.fromkeys(hidden, True), "renameByName": renamed}
    return model.DataTransformerConfig(id_val="organize", options=options)


def _instant(expr: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(expr).interval(MIN_STEP).instant()


def _link(title: str, url: str) -> dashboards.DashboardLink:
    return dashboards.DashboardLink(title).type(model.DashboardLinkType.LINK).url(url)


def _pages() -> dashboards.QueryVariable:
    """Where the exporter's pages are, for links to them; hidden."""
    metric = 'digitalocean_app_exporter_web_info{job=~"$job", instance=~"$instance"}'
    return (
        dashboards.QueryVariable(PAGES)
        .query(f"label_values({metric}, external_url)")
        .datasource(DATASOURCE)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .hide(model.VariableHide.HIDE_VARIABLE)
    )


def _query_variable(name: str, metric: str, matchers: Sequence[str]) -> dashboards.QueryVariable:
    selector = f"{metric}{{{', '.join(matchers)}}}" if matchers else metric
    return (
        dashboards.QueryVariable(name)
        .label(name.capitalize())
        .query(f"label_values({selector}, {name})")
        .datasource(DATASOURCE)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*" if name == "account" else ".+")
        .current(model.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )
