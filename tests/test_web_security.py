"""TLS, client certificates, passwords, headers and the rate limit, over real sockets."""

import logging
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path

import bcrypt
import pytest
import requests
import trustme
from trustme import KeyType
from web_fixtures import TIMEOUT, Status, SteppedClock, get, make_server, serving

from exporter.errors import ConfigError
from exporter.telemetry.table import MetricTable
from exporter.web.http import passwords
from exporter.web.http.security import SecurityFile

HEALTH = ("/-/healthy", "/-/ready")
GUARDED = ("/", "/metrics", "/static/style.css", "/nowhere", "/-/reload")


def hash_of(password: bytes, cost: int = 4) -> str:
    return bcrypt.hashpw(password[:72], bcrypt.gensalt(cost)).decode()


class Site:
    """A folder with certificates and a web configuration file that a test rewrites."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "web.yml"
        self.authority = trustme.CA()
        self.ca_file = folder / "ca.crt"
        self.authority.cert_pem.write_to_path(str(self.ca_file))
        self.issue(self.authority)
        self.clients = trustme.CA()
        self.clients.cert_pem.write_to_path(str(folder / "clients.crt"))

    def issue(self, authority: trustme.CA, kind: KeyType = KeyType.ECDSA) -> None:
        """Put a new certificate in place, as a tool that renews them does."""
        own = authority.issue_cert("127.0.0.1", key_type=kind)
        own.private_key_pem.write_to_path(str(self.folder / "new.key"))
        (self.folder / "new.crt").write_bytes(own.cert_chain_pems[0].bytes())
        for name in ("crt", "key"):
            (self.folder / f"new.{name}").replace(self.folder / f"server.{name}")

    def write(self, text: str) -> None:
        (self.folder / "new.yml").write_text(text)
        (self.folder / "new.yml").replace(self.file)

    def client_certificate(self, name: str, *, authority: trustme.CA | None = None) -> Path:
        """A file with a client's certificate and key."""
        issued = (authority or self.clients).issue_cert(name)
        path = self.folder / f"{name}.pem"
        issued.private_key_and_cert_chain_pem.write_to_path(str(path))
        return path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def tls(*lines: str) -> str:
    settings = ("cert_file: server.crt", "key_file: server.key", *lines)
    return "tls_server_config:\n" + "".join(f"  {line}\n" for line in settings)


def fetch(url: str, **options: object) -> requests.Response:
    return requests.get(url, timeout=TIMEOUT, **options)


def handshake(base: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    context.check_hostname = False
    host, port = base.removeprefix("https://").split(":")
    plain = socket.create_connection((host, int(port)), TIMEOUT)
    try:
        return context.wrap_socket(plain)
    except BaseException:
        plain.close()
        raise


# TLS.


def test_tls_serves_every_path(site: Site):
    """With a certificate everything is HTTPS, the health checks too, and nothing is plain HTTP."""
    site.write(tls())
    with serving(config_file=site.file, scheme="https") as base:
        for path in ("/", "/metrics", *HEALTH):
            assert fetch(base + path, verify=str(site.ca_file)).status_code == 200
        with pytest.raises(requests.exceptions.SSLError):
            fetch(base, verify=True)
        with pytest.raises(requests.ConnectionError):
            fetch(base.replace("https", "http"))
        assert fetch(f"{base}/-/healthy", verify=str(site.ca_file)).status_code == 200


@pytest.mark.parametrize(
    ("lines", "client", "agreed"),
    [
        ((), (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3), "TLSv1.3"),
        ((), (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2), "TLSv1.2"),
        (("max_version: TLS12",), (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3), "TLSv1.2"),
        (("min_version: TLS13",), (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2), None),
        (("max_version: TLS12",), (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3), None),
    ],
)
def test_tls_versions(site: Site, lines, client, agreed):
    """The versions served are those of the file."""
    site.write(tls(*lines))
    context = ssl.create_default_context(cafile=str(site.ca_file))
    context.minimum_version, context.maximum_version = client
    with serving(config_file=site.file, scheme="https") as base:
        if agreed is None:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                handshake(base, context)
        else:
            with handshake(base, context) as connection:
                assert connection.version() == agreed


def test_cipher_suites_and_their_order(site: Site):
    """Only the suites of the file are served, and the server's order decides, or the client's."""
    suites = "[TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]"
    lines = ["max_version: TLS12", f"cipher_suites: {suites}"]
    context = ssl.create_default_context(cafile=str(site.ca_file))
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384")
    for prefer, agreed in (("true", "AES256-GCM-SHA384"), ("false", "AES128-GCM-SHA256")):
        site.write(tls(*lines, f"prefer_server_cipher_suites: {prefer}"))
        with serving(config_file=site.file, scheme="https") as base:
            with handshake(base, context) as connection:
                assert connection.cipher()[0] == f"ECDHE-ECDSA-{agreed}"
            other = ssl.create_default_context(cafile=str(site.ca_file))
            other.maximum_version = ssl.TLSVersion.TLSv1_2
            other.set_ciphers("ECDHE-ECDSA-CHACHA20-POLY1305")
            with pytest.raises((ssl.SSLError, ConnectionError)):
                handshake(base, other)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_curve_of_the_file_is_the_only_one(site: Site, version: ssl.TLSVersion):
    """A client that has another curve alone comes to no agreement."""
    site.issue(site.authority, KeyType.RSA)  # whose key is on no curve
    site.write(tls("curve_preferences: [CurveP384]"))
    with serving(config_file=site.file, scheme="https") as base:
        for curve, fits in (("secp384r1", True), ("prime256v1", False)):
            context = ssl.create_default_context(cafile=str(site.ca_file))
            context.minimum_version = context.maximum_version = version
            context.set_ecdh_curve(curve)
            if fits:
                handshake(base, context).close()
            else:
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    handshake(base, context)


# Client certificates.


def test_required_client_certificates(site: Site):
    """Without one of the right CA no path answers, the health checks neither; with one all do."""
    site.write(tls("client_auth_type: RequireAndVerifyClientCert", "client_ca_file: clients.crt"))
    good = site.client_certificate("prometheus.example")
    foreign = site.client_certificate("else.example", authority=site.authority)
    with serving(config_file=site.file, scheme="https") as base:
        for path in ("/metrics", "/-/healthy"):
            url = base + path
            assert fetch(url, verify=str(site.ca_file), cert=str(good)).status_code == 200
            for certificate in (None, str(foreign)):
                with pytest.raises(requests.ConnectionError):
                    fetch(url, verify=str(site.ca_file), cert=certificate)


def test_client_certificates_if_given(site: Site):
    """None is fine, a good one is, and a foreign one is not."""
    site.write(tls("client_auth_type: VerifyClientCertIfGiven", "client_ca_file: clients.crt"))
    good = site.client_certificate("prometheus.example")
    foreign = site.client_certificate("else.example", authority=site.authority)
    with serving(config_file=site.file, scheme="https") as base:
        url = f"{base}/metrics"
        assert fetch(url, verify=str(site.ca_file)).status_code == 200
        assert fetch(url, verify=str(site.ca_file), cert=str(good)).status_code == 200
        with pytest.raises(requests.ConnectionError):
            fetch(url, verify=str(site.ca_file), cert=str(foreign))


@pytest.mark.parametrize("name", ["prometheus.example", "127.0.0.2", "::1", "ops@example.org"])
def test_allowed_names(site: Site, name: str):
    """A certificate of the right CA gets in with a name of the list, and not with another."""
    site.write(
        tls(
            "client_auth_type: RequireAndVerifyClientCert",
            "client_ca_file: clients.crt",
            f'client_allowed_sans: [other.example, "{name}"]',
        )
    )
    allowed, not_allowed = site.client_certificate(name), site.client_certificate("web.example")
    with serving(config_file=site.file, scheme="https") as base:
        for path in ("/metrics", "/-/healthy"):
            url = base + path
            assert fetch(url, verify=str(site.ca_file), cert=str(allowed)).status_code == 200
            with pytest.raises(requests.ConnectionError):
                fetch(url, verify=str(site.ca_file), cert=str(not_allowed))


# Passwords.


@pytest.fixture
def guarded(site: Site) -> Iterator[str]:
    """A server with two users."""
    site.write(f"basic_auth_users:\n  alice: {hash_of(b'wonder')}\n  bob: {hash_of(b'build')}\n")
    with serving(config_file=site.file) as base:
        yield base


def test_health_is_open_and_all_else_is_not(guarded: str):
    """Without a password the two health checks answer, and everything else says 401."""
    for path in HEALTH:
        assert fetch(guarded + path).status_code == 200
    for path in GUARDED:
        answer = fetch(guarded + path)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.text == "Unauthorized\n"


def test_right_and_wrong_passwords(guarded: str):
    """A user's own password opens every path; another's, none, or an unknown name do not."""
    url = f"{guarded}/metrics"
    for auth in (("alice", "wonder"), ("bob", "build"), ("alice", "wonder")):
        assert fetch(url, auth=auth).status_code == 200
        assert fetch(f"{guarded}/nowhere", auth=auth).status_code == 404
    for auth in (("alice", "build"), ("alice", ""), ("mallory", "wonder"), ("", "")):
        for _ in range(2):
            assert fetch(url, auth=auth).status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        *("", "Basic", "Basic !", "Basic YWxpY2U=", "Basic w6k6", "Basic /zo="),
        *("Bearer YWxpY2U6d29uZGVy", "Basic YWxpY2U6d29uZGVy YWxpY2U6d29uZGVy"),
    ],
)
def test_odd_credentials_are_no_credentials(guarded: str, header: str):
    """Whatever else stands in the header is a 401, never an error."""
    assert get(f"{guarded}/metrics", Authorization=header).status_code == 401


def test_the_right_password_in_any_case_of_the_scheme(guarded: str):
    """The scheme's name may be written in any case."""
    header = "bAsIc YWxpY2U6d29uZGVy"
    assert get(f"{guarded}/metrics", Authorization=header).status_code == 200


def test_long_passwords(site: Site):
    """bcrypt looks at 72 bytes: longer ones with these are right, and none is an error."""
    long = b"p" * 100
    site.write(f"basic_auth_users:\n  alice: {hash_of(long)}\n")
    with serving(config_file=site.file) as base:
        for password, status in ((long, 200), (b"p" * 72, 200), (b"p" * 71, 401), (b"p\0q", 401)):
            answer = fetch(f"{base}/metrics", auth=("alice", password.decode()))
            assert answer.status_code == status


def test_passwords_are_remembered_and_asked_once(site: Site, monkeypatch: pytest.MonkeyPatch):
    """bcrypt runs once for the many scrapes with the right password, each time for a wrong one."""
    asked: Counter[bytes] = Counter()

    class Counting:
        @staticmethod
        def checkpw(password: bytes, hashed: bytes) -> bool:
            asked[password] += 1
            return bcrypt.checkpw(password, hashed)

    monkeypatch.setattr(passwords, "bcrypt", Counting)
    site.write(f"basic_auth_users:\n  alice: {hash_of(b'wonder')}\n")
    with serving(config_file=site.file) as base:
        for password in ("wonder", "wrong") * 5:
            fetch(f"{base}/metrics", auth=("alice", password))
        fetch(f"{base}/metrics", auth=("mallory", "wonder"))
    assert asked == {b"wonder": 2, b"wrong": 5}


def test_an_unknown_user_costs_as_much_as_a_known_one(site: Site, monkeypatch: pytest.MonkeyPatch):
    """bcrypt runs for a name that there is not too, at the highest cost of the users."""
    costs = []

    class Recording:
        @staticmethod
        def checkpw(password: bytes, hashed: bytes) -> bool:
            costs.append(int(hashed.split(b"$")[2]))
            return bcrypt.checkpw(password, hashed)

    monkeypatch.setattr(passwords, "bcrypt", Recording)
    site.write(f"basic_auth_users:\n  a: {hash_of(b'x', 4)}\n  b: {hash_of(b'x', 6)}\n")
    with serving(config_file=site.file) as base:
        for name in ("nobody", "b"):
            assert fetch(f"{base}/metrics", auth=(name, "no")).status_code == 401
    assert costs == [6, 6]


def test_slow_passwords_hold_up_nobody_else(site: Site, monkeypatch: pytest.MonkeyPatch):
    """While a crowd of passwords is checked, known ones and health answer; too many get 503."""
    let_go = threading.Event()

    class Stuck:
        @staticmethod
        def checkpw(password: bytes, hashed: bytes) -> bool:
            assert password == b"wonder" or let_go.wait(TIMEOUT)
            return bcrypt.checkpw(password, hashed)

    monkeypatch.setattr(passwords, "bcrypt", Stuck)
    monkeypatch.setattr(passwords, "WAITING", 4)
    site.write(f"basic_auth_users:\n  alice: {hash_of(b'wonder')}\n")
    with serving(config_file=site.file) as base, ThreadPoolExecutor(10) as pool:
        url = f"{base}/metrics"
        assert fetch(url, auth=("alice", "wonder")).status_code == 200
        crowd = [pool.submit(fetch, url, auth=("alice", f"guess {n}")) for n in range(10)]
        try:
            turned_away = _first_results(crowd, 6)
            assert {answer.status_code for answer in turned_away} == {503}
            assert {answer.headers["Retry-After"] for answer in turned_away} == {"1"}
            assert fetch(url, auth=("alice", "wonder")).status_code == 200
            assert fetch(f"{base}/-/healthy").status_code == 200
        finally:
            let_go.set()
        statuses = Counter(answer.result(TIMEOUT).status_code for answer in crowd)
    assert statuses == {503: 6, 401: 4}


def _first_results(futures: list, count: int) -> list[requests.Response]:
    answered = as_completed(futures, TIMEOUT)
    return [future.result() for future in islice(answered, count)]


# Headers and the rate limit.


def test_headers_of_the_file(site: Site):
    """Its headers are on every answer in place of ours, an empty one is left out."""
    site.write(
        "http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n"
        "    Strict-Transport-Security: max-age=60\n    Content-Security-Policy: ''\n"
    )
    with serving(config_file=site.file) as base:
        for path in ("/", "/nowhere"):
            headers = fetch(base + path).headers
            assert headers["X-Frame-Options"] == "sameorigin"
            assert headers["Strict-Transport-Security"] == "max-age=60"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert "Content-Security-Policy" not in headers


def test_a_rate_limit_without_a_burst_answers_nothing_but_health(site: Site):
    """As in the toolkit: no request is saved up, so none is ever paid for."""
    site.write("rate_limit: {interval: 1s, burst: 0}\n")
    with serving(config_file=site.file) as base:
        assert [fetch(f"{base}{path}").status_code for path in ("/metrics", "/")] == [429, 429]
        assert fetch(f"{base}/-/healthy").status_code == 200


def test_rate_limit(site: Site):
    """A burst is answered, then one request an interval; the health checks do not count."""
    clock = SteppedClock()
    site.write("rate_limit: {interval: 100ms, burst: 3}\n")
    with serving(config_file=site.file, clock=clock) as base:

        def statuses(number: int) -> list[int]:
            return [fetch(f"{base}/metrics").status_code for _ in range(number)]

        assert statuses(4) == [200, 200, 200, 429]
        for _ in range(5):
            assert fetch(f"{base}/-/healthy").status_code == 200
        clock.now += 0.1
        assert statuses(2) == [200, 429]
        clock.now += 0.25
        assert statuses(3) == [200, 200, 429]
        clock.now += 100
        assert statuses(4) == [200, 200, 200, 429]


def test_a_configuration_without_a_file_is_in_force():
    """What came in an environment variable asks for passwords as a file does."""
    text = f"basic_auth_users: {{alice: {hash_of(b'x')}}}\n"
    assert set(SecurityFile(None, SteppedClock(), text).current().users) == {"alice"}
    assert SecurityFile(None, SteppedClock()).current().users == {}


# Reading again.


def test_a_new_certificate_is_served_without_a_restart(site: Site):
    """A certificate that is replaced is used by the next connection, not by one that stands."""
    before = str(site.ca_file)
    site.write(tls())
    with (
        serving(config_file=site.file, scheme="https") as base,
        requests.Session() as s,
    ):
        assert s.get(f"{base}/metrics", verify=before, timeout=TIMEOUT).status_code == 200
        renewed = trustme.CA()
        renewed.cert_pem.write_to_path(str(site.folder / "renewed.crt"))
        site.issue(renewed)
        new = fetch(f"{base}/metrics", verify=str(site.folder / "renewed.crt"))
        assert new.status_code == 200
        with pytest.raises(requests.exceptions.SSLError):
            fetch(f"{base}/metrics", verify=before)
        assert s.get(f"{base}/metrics", verify=before, timeout=TIMEOUT).status_code == 200


def test_passwords_and_tls_change_without_a_restart(site: Site):
    """Users come and go with the file, and so does TLS; a password that went is not remembered."""
    site.write("")
    with serving(config_file=site.file) as base:
        url = f"{base}/metrics"
        assert fetch(url).status_code == 200
        for password in (b"one", b"two"):
            site.write(f"basic_auth_users:\n  alice: {hash_of(password)}\n")
            assert fetch(url).status_code == 401
            assert fetch(url, auth=("alice", password.decode())).status_code == 200
        assert fetch(url, auth=("alice", "one")).status_code == 401
        site.write(tls())
        secure = url.replace("http", "https")
        assert fetch(secure, verify=str(site.ca_file)).status_code == 200


def test_a_faulty_file_is_refused_once_and_the_old_goes_on(
    site: Site, caplog: pytest.LogCaptureFixture
):
    """What was in force before stays, with one log line per fault; a good file takes over again."""
    caplog.set_level(logging.INFO, "exporter")
    clock = SteppedClock()
    user = f"basic_auth_users:\n  alice: {hash_of(b'wonder')}\n"
    site.write(user + tls())

    def status(base: str) -> int:
        clock.now += 1
        verify = str(site.ca_file)
        return fetch(f"{base}/metrics", auth=("alice", "wonder"), verify=verify).status_code

    with serving(config_file=site.file, scheme="https", clock=clock) as base:
        assert status(base) == 200
        site.write("basic_auth_users:\n  alice: wonder\n")
        assert [status(base) for _ in range(3)] == [200, 200, 200]
        site.file.unlink()
        assert [status(base) for _ in range(3)] == [200, 200, 200]
        site.write("")
        assert [status(base) for _ in range(3)] == [200, 200, 200]
        site.write(user + tls("max_version: TLS12"))
        (site.folder / "server.key").rename(site.folder / "away.key")
        assert status(base) == 200
        assert len(caplog.records) == 4
        (site.folder / "away.key").rename(site.folder / "server.key")
        assert [status(base) for _ in range(2)] == [200, 200]
        (site.folder / "server.key").rename(site.folder / "away.key")
        assert status(base) == 200
        (site.folder / "away.key").rename(site.folder / "server.key")
        assert [status(base) for _ in range(2)] == [200, 200]
    problems = [getattr(record, "fields", {}).get("problem", "") for record in caplog.records]
    words = ("bcrypt", "no such file", "empty", "server.key")
    for problem, word in zip(problems, words, strict=False):
        assert word in problem
    assert [record.levelname for record in caplog.records] == [
        *["ERROR"] * 4,
        *["INFO", "ERROR", "INFO"],
    ]
    assert "wonder" not in caplog.text


def test_a_faulty_file_at_the_start_is_an_error(site: Site):
    """A server is not even built with a file that cannot be used."""
    site.write("basic_auth_users:\n  alice: wonder\n")
    with pytest.raises(ConfigError):
        make_server(MetricTable(), Status(), config_file=site.file)
