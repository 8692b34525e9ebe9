"""One API host for several simulated platforms: the token says whose apps are meant."""

import http.server
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import requests
from waiting import LIMIT_SECONDS


@contextmanager
def routed(api_urls: Mapping[str, str]) -> Iterator[str]:
    """Serve on loopback, passing each request on to the platform of its token; yields the URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            authorization = self.headers.get("Authorization", "")
            url = api_urls.get(authorization.removeprefix("Bearer "), next(iter(api_urls.values())))
            headers = {"Authorization": authorization}
            answer = requests.get(url + self.path, headers=headers, timeout=LIMIT_SECONDS)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
