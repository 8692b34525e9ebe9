"""Logs that the platform pushes: what a body holds, and what of it counts.

``open_search``, ``datadog`` and ``otlp`` turn a body into records; ``intake`` routes the records of
one request to the components of the accounts; ``batches`` knows those that were counted. The
endpoint itself stands in ``web.receiving``, what counts in ``reading.inbox``;
``logs.dedup.change_over`` judges lines of a component that is polled for a time.
"""
