"""The API's errors as they stand: how many targets fail with what, until they do not."""

from collections import Counter

import pytest
from collect_fixtures import RESTARTED, RUN, Site

from exporter.errors import API_ERRORS, ApiError, NotFound, ServerError
from exporter.model import Endpoint


@pytest.fixture
def site() -> Site:
    return Site()


def failing(site: Site, endpoint: Endpoint = Endpoint.LOGS) -> dict[str, float]:
    found = {
        error.kind: site.value("api_errors", endpoint=endpoint, error=error.kind)
        for error in API_ERRORS
    }
    return {kind: value for kind, value in found.items() if value}


def fail(site: Site, target: object, error: type[ApiError] = ServerError) -> None:
    site.api_metrics.failed(Endpoint.LOGS, target, error(Endpoint.LOGS, "why"), 0.5)


def test_every_error_of_every_endpoint_stands_at_zero(site: Site):
    """The series exist before anything was asked."""
    for endpoint in Endpoint:
        assert site.value("api_requests_total", endpoint=endpoint) == 0
        assert site.value("api_request_duration_seconds_count", endpoint=endpoint) == 0
        for error in API_ERRORS:
            labels = {"endpoint": endpoint, "error": error.kind}
            assert site.value("api_errors", **labels) == 0
            assert site.value("api_request_errors_total", **labels) == 0


def test_each_target_fails_once_however_often_it_failed(site: Site):
    """The gauge counts targets, the counter failures."""
    for _ in range(3):
        fail(site, RUN)
    fail(site, RESTARTED)
    assert failing(site) == {"server_error": 2}
    counted = {"endpoint": "logs", "error": "server_error"}
    assert site.value("api_request_errors_total", **counted) == 4
    assert site.api_metrics.failing() == Counter({(Endpoint.LOGS, "server_error"): 2})


def test_another_error_takes_the_place_of_the_one_before(site: Site):
    """A target fails with its latest error alone."""
    fail(site, RUN)
    fail(site, RUN, NotFound)
    assert failing(site) == {"not_found": 1}


def test_success_clears_its_own_target_and_endpoint(site: Site):
    """The other target, and the same one at another endpoint, go on failing."""
    fail(site, RUN)
    fail(site, RESTARTED)
    site.api_metrics.failed(Endpoint.LOG_CONTENT, RUN, NotFound(Endpoint.LOG_CONTENT, "why"), 0.5)
    site.api_metrics.succeeded(Endpoint.LOGS, RUN, 0.5)
    site.api_metrics.succeeded(Endpoint.LOGS, RUN, 0.5)
    assert failing(site) == {"server_error": 1}
    assert failing(site, Endpoint.LOG_CONTENT) == {"not_found": 1}


def test_forgotten_target_fails_nowhere(site: Site):
    """A target that is gone is cleared at every endpoint, the others are not."""
    fail(site, RUN)
    fail(site, RESTARTED)
    site.api_metrics.failed(Endpoint.LOG_CONTENT, RUN, NotFound(Endpoint.LOG_CONTENT, "why"), 0.5)
    site.api_metrics.forget(RUN)
    site.api_metrics.forget(RUN)
    assert failing(site) == {"server_error": 1}
    assert failing(site, Endpoint.LOG_CONTENT) == {}


def test_requests_durations_and_waits_add_up(site: Site):
    """Sent requests count by endpoint; failed ones have a duration too."""
    site.api_metrics.sent(Endpoint.LOGS)
    site.api_metrics.sent(Endpoint.APPS)
    site.api_metrics.succeeded(Endpoint.LOGS, RUN, 0.25)
    fail(site, RUN)
    site.api_metrics.throttled(1.5)
    site.api_metrics.throttled(2.0)
    assert site.value("api_requests_total", endpoint="logs") == 1
    assert site.value("api_request_duration_seconds_sum", endpoint="logs") == 0.75
    assert site.value("api_request_duration_seconds_count", endpoint="logs") == 2
    value = site.registry.get_sample_value
    assert value("digitalocean_app_api_throttled_seconds_total") == 3.5


def test_rate_limit_keeps_what_an_answer_does_not_say(site: Site):
    """A missing header leaves the last known number."""
    site.api_metrics.rate_limited(5000, 4000, 1_793_500_000)
    site.api_metrics.rate_limited(None, 3999, None)
    value = site.registry.get_sample_value
    assert value("digitalocean_app_api_ratelimit_limit") == 5000
    assert value("digitalocean_app_api_ratelimit_remaining") == 3999
    assert value("digitalocean_app_api_ratelimit_reset_timestamp_seconds") == 1_793_500_000
