"""Telling of what happened, with its words, at once: to Alertmanager and to webhooks.

``payloads`` turns an event into what is sent, ``outbox`` sends it beside the counting.
"""
