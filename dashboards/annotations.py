"""Events over the graphs: restarts with their reasons, deployments, what failed, autoscaling.

The SDK's annotation knows no more than an expression; the fields that Grafana's Prometheus data
source reads beside it are added here.
"""

from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from dashboards.panels import DATASOURCE, MIN_STEP
from dashboards.queries import increase_per_step, select


class PrometheusAnnotation(model.AnnotationQuery):
    """One kind of event: a line at each time at which the expression has a value above 0.

    Args:
        title: Grafana's pattern of the headline, such as ``{{app}}``.
        value_is_time: the value is the event's time in milliseconds, in place of the sample's.
    """

    def __init__(
        self, name: str, expr: str, title: str, color: str, *, value_is_time: bool = False
    ) -> None:
        super().__init__(name, DATASOURCE, icon_color=color, expr=expr)
        self.title = title
        self.value_is_time = value_is_time

    def to_json(self) -> dict[str, object]:
        """As Grafana's import has it."""
        own = {
            "step": MIN_STEP,
            "titleFormat": self.title,
            "textFormat": "",
            "tagKeys": "",
            "useValueForTime": self.value_is_time,
        }
        return {**super().to_json(), **own}


def add_events(board: dashboards.Dashboard) -> dashboards.Dashboard:
    """Mark what happens to apps: restarts, deployments, what failed, autoscaling."""
    restarts = increase_per_step("digitalocean_app_restarts_total")
    failed = increase_per_step("digitalocean_app_deployments_total", 'phase="ERROR"')
    jobs = increase_per_step("digitalocean_app_job_invocations_total", 'phase="failed"')
    scaled = increase_per_step("digitalocean_app_autoscaling_events_total")
    active = select("digitalocean_app_deployment_timestamp_seconds")
    for event in (
        PrometheusAnnotation(
            "Restarts",
            f"sum by (account, app, component, reason) ({restarts}) > 0",
            "{{account}} {{app}}/{{component}} restarted: {{reason}}",
            "red",
        ),
        PrometheusAnnotation(
            "Deployments",
            f"1000 * max by (account, app) ({active})",
            "{{account}} {{app}} deployed",
            "blue",
            value_is_time=True,
        ),
        PrometheusAnnotation(
            "Failed deployments",
            f"sum by (account, app) ({failed}) > 0",
            "A deployment of {{account}} {{app}} failed",
            "orange",
        ),
        PrometheusAnnotation(
            "Failed jobs",
            f"sum by (account, app, component) ({jobs}) > 0",
            "Job {{account}} {{app}}/{{component}} failed",
            "orange",
        ),
        PrometheusAnnotation(
            "Autoscaling",
            f"sum by (account, app, component, direction, trigger) ({scaled}) > 0",
            "{{account}} {{app}}/{{component}} scaled {{direction}}: {{trigger}}",
            "purple",
        ),
    ):
        board.annotation(_Made(event))
    return board


def add_reloads(board: dashboards.Dashboard) -> dashboards.Dashboard:
    """Mark when an exporter took up a configuration."""
    metric = "digitalocean_app_exporter_config_last_reload_success_timestamp_seconds"
    event = PrometheusAnnotation(
        "Configurations",
        f"1000 * max by (instance) ({select(metric)})",
        "{{instance}} loaded its configuration",
        "blue",
        value_is_time=True,
    )
    return board.annotation(_Made(event))


class _Made(Builder[model.AnnotationQuery]):
    """What the dashboard's builder takes: something that is to be built."""

    def __init__(self, annotation: PrometheusAnnotation) -> None:
        self._annotation = annotation

    def build(self) -> model.AnnotationQuery:
        return self._annotation
