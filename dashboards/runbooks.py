"""From a panel to the runbooks of the alerts that it explains."""

from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

FOLDER = "https://github.com/do-app-exporter/do-app-exporter/blob/main/docs/runbooks"
INDEX = f"{FOLDER}/README.md"

BY_PANEL = {
    "Age of data": "DoAppDataStale",
    "Budget used": "DoAppApiBudgetLow",
    "Canary lines missing": "DoAppCanaryLinesMissing",
    "Components watched": "DoAppNothingWatched",
    "Configuration": "DoAppConfigReloadFailed",
    "Critical matches": "DoAppCriticalMatch",
    "Error groups": "DoAppNewErrorGroup",
    "Error matches": "DoAppHighErrorRatio",
    "Errors of requests": "DoAppApiErrors",
    "Failed deployments": "DoAppDeploymentFailed",
    "Folded matches": "DoAppRuleMetricOverflow",
    "Gaps": "DoAppLogGap",
    "Healthy": "DoAppComponentUnhealthy",
    "Internal errors": "DoAppInternalErrors",
    "Intervals stretched": "DoAppIntervalsStretched",
    "Job runs": "DoAppJobFailed",
    "Jobs: duration": "DoAppJobTooLong",
    "Jobs: last and next run": "DoAppJobLate",
    "Last restart": "DoAppRestarted",
    "Live stream": "DoAppStreamDown",
    "Live streams": "DoAppStreamDown",
    "Matches by level": "DoAppHighErrorRatio",
    "Matches by rule": "DoAppCriticalMatch",
    "Newest line": "DoAppLogSilent",
    "Oldest success": "DoAppDataStale",
    "Pushed": "DoAppNotPushed",
    "Patterns without match": "DoAppIncludeMatchesNothing",
    "Refused": "DoAppApiUnauthorized",
    "Refused requests": "DoAppReceiveRefused",
    "Received lines": "DoAppReceivedUnknown",
    "Requests left": "DoAppApiBudgetLow",
    "Restarts": "DoAppRestarted",
    "Restarts by reason": "DoAppRestartLoop",
    "Rollbacks": "DoAppStateRolledBack",
    "State": "DoAppStateFailing",
    "Unhealthy components": "DoAppComponentUnhealthy",
    "Unreadable logs": "DoAppLogUnreadable",
    "Unreadable values": "DoAppRuleValueErrors",
    "Versions": "DoAppExporterAbsent",
}
"""The alert that the panel of a title says most about."""


def links(title: str) -> list[Builder[model.DashboardLink]]:
    """The links of a panel: to its runbook, if there is one."""
    if title not in BY_PANEL:
        return []
    alert = BY_PANEL[title]
    link = dashboards.DashboardLink(f"Runbook {alert}").type(model.DashboardLinkType.LINK)
    return [link.url(f"{FOLDER}/{alert}.md").target_blank(True)]
