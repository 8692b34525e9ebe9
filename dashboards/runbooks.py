"""From a panel to the runbooks of the alerts that it explains."""

from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

FOLDER = "https://github.com/do-app-exporter/do-app-exporter/blob/main/docs/runbooks"
INDEX = f"{FOLDER}/README.md"

BY_PANEL = {
    "Active and newest deployment": "DoAppDeploymentStuck DoAppVanished",
    "Age of data": "DoAppDataStale",
    "Budget used": "DoAppApiBudgetLow",
    "CPU": "DoAppCpuNearLimit",
    "Canary lines missing": "DoAppCanaryLinesMissing",
    "Components watched": "DoAppNothingWatched",
    "Configuration": "DoAppConfigReloadFailed",
    "Container ends": "DoAppRestarted",
    "Error groups": "DoAppNewErrorGroup",
    "Errors and their usual": "DoAppHighErrorRatio DoAppErrorsAboveUsual",
    "Errors of requests": "DoAppApiErrors DoAppApiOutage",
    "Failed deployments": "DoAppDeploymentFailed",
    "Folded matches": "DoAppRuleMetricOverflow",
    "Gaps": "DoAppLogGap",
    "Healthy": "DoAppComponentUnhealthy",
    "Instances": "DoAppReplicasMissing",
    "Internal errors": "DoAppInternalErrors",
    "Intervals stretched": "DoAppIntervalsStretched",
    "Job runs": "DoAppJobFailed",
    "Jobs: duration": "DoAppJobTooLong",
    "Jobs: last and next run": "DoAppJobLate",
    "Last restart": "DoAppRestarted",
    "Lines of critical rules": "DoAppCriticalMatch",
    "Live streams": "DoAppStreamDown",
    "Matches by rule": "DoAppCriticalMatch",
    "Matches of error rules": "DoAppHighErrorRatio",
    "Memory against restarts": "DoAppMemoryNearLimit",
    "Newest line": "DoAppLogSilent",
    "Oldest success": "DoAppDataStale",
    "Patterns without match": "DoAppIncludeMatchesNothing",
    "Places with lost lines": "DoAppLogGap",
    "Pushed": "DoAppNotPushed",
    "Received lines": "DoAppReceivedUnknown",
    "Refused requests": "DoAppReceiveRefused",
    "Refused": "DoAppApiUnauthorized",
    "Refused saves": "DoAppFencedSaves",
    "Replicas": "DoAppExporterReplicasMissing",
    "Requests left": "DoAppApiBudgetLow",
    "Restarts by instance": "DoAppRestartsUnread",
    "Restarts by reason": "DoAppRestartLoop",
    "Rollbacks": "DoAppStateRolledBack",
    "Shares of each replica": "DoAppShareUnowned",
    "Owners of each share": "DoAppShareOwnedTwice",
    "State": "DoAppStateFailing",
    "Unhealthy components": "DoAppComponentUnhealthy",
    "Unreadable logs": "DoAppLogUnreadable",
    "Unreadable values": "DoAppRuleValueErrors",
    "Versions": "DoAppExporterAbsent DoAppExporterDown",
}
"""The alerts that the panel of a title says most about, apart by blanks."""


def links(title: str) -> list[Builder[model.DashboardLink]]:
    """The links of a panel: to its runbooks, if there are any."""
    return [
        dashboards.DashboardLink(f"Runbook {alert}")
        .type(model.DashboardLinkType.LINK)
        .url(f"{FOLDER}/{alert}.md")
        .target_blank(True)
        for alert in BY_PANEL.get(title, "").split()
    ]
