"""What to do about each error of the API, in words for the page."""

from exporter.model import ApiFailure

_HINTS = {
    "not_found": "What was asked for is not there any more; it goes with the next discovery. If it "
    "stays, the API does not have it: switch off what asks for it under collectors.",
    "too_many_requests": "The token's limit is used up, by others too; requests wait. "
    "A longer logs.interval or a smaller api_budget.share leaves more room.",
    "server_error": "The platform's own fault; requests are sent again.",
    "unexpected": "An answer that the platform does not document; the log has its status.",
    "timeout": "No answer within logs.timeout; a proxy or the network may be slow.",
    "connection": "No connection: is there a way to that host, through a proxy or a firewall?",
    "invalid_response": "The answer is not what the API documents; a proxy may stand in between.",
}


def hint(failure: ApiFailure) -> str:
    """What to do about an error, in a sentence or two."""
    scope = failure.endpoint.scope
    if failure.error in ("unauthorized", "forbidden") and scope is None:
        return "The log's own address was refused; the next read asks for a new one."
    if failure.error == "forbidden":
        return (
            f"The token lacks the scope {scope}. Give it that scope, or switch off what asks for "
            "it under collectors. A token_file is read again when it changes."
        )
    if failure.error == "unauthorized":
        return (
            f"The token is wrong, was revoked, or lacks the scope {scope}. "
            "A token_file is read again when it changes."
        )
    return _HINTS.get(failure.error, "The log says more.")
