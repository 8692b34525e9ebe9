"""The web configuration file: what is accepted, and what is refused in which words."""

import os
import re
import ssl
import tempfile
from pathlib import Path
from unittest.mock import Mock

import pytest
import trustme
import yaml
from exporter_process import run_command
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config.web_file.certificates import _openssl_suite
from exporter.config.web_file.load import WebSecurity, load_web_security
from exporter.config.web_file.schema import TLS13_SUITES, CipherSuite
from exporter.errors import ConfigError

HERE = Path(__file__).parent
ROOT = HERE.parent
BAD = HERE / "testdata" / "bad_web_config"
HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def folder(tmp_path: Path, authority: trustme.CA) -> Path:
    """A folder with the certificate of 127.0.0.1, its key, and the CA of clients."""
    own = authority.issue_cert("127.0.0.1")
    (tmp_path / "server.crt").write_bytes(b"".join(blob.bytes() for blob in own.cert_chain_pems))
    own.private_key_pem.write_to_path(str(tmp_path / "server.key"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.crt"))
    return tmp_path


def load(folder: Path, text: str) -> WebSecurity:
    (folder / "web.yml").write_text(text)
    return load_web_security(str(folder / "web.yml"))


def fault_of(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    (fault,) = caught.value.faults
    return f"{fault.place}: {fault.problem}"


def tls(*lines: str) -> str:
    settings = ("cert_file: server.crt", "key_file: server.key", *lines)
    return "tls_server_config:\n" + "".join(f"  {line}\n" for line in settings)


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yml")), ids=lambda path: path.stem)
def test_every_mistake_of_the_catalogue_has_its_exact_message(path, monkeypatch):
    """Each broken file is refused with the lines of the .txt beside it, and no others."""
    monkeypatch.chdir(BAD)
    with pytest.raises(ConfigError) as caught:
        load_web_security(path.name)
    assert str(caught.value).splitlines() == path.with_suffix(".txt").read_text().splitlines()
    assert "secret" not in str(caught.value)
    assert "5432167" not in str(caught.value)


def test_the_catalogue_is_whole():
    """Every broken file has its message and every message its file."""
    files = {path.stem for path in BAD.glob("*.yml")}
    assert files == {path.stem for path in BAD.glob("*.txt")}
    assert len(files) > 25


def test_an_empty_file_changes_nothing(tmp_path: Path):
    """Sections that are missing or empty leave plain HTTP, for everybody, with our headers."""
    for text in ("", "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\nrate_limit:\n"):
        security = load(tmp_path, text)
        assert security.tls is None
        assert (security.users, security.headers, security.allowed_sans) == ({}, {}, frozenset())
        assert security.rate_limit.interval == 0
    assert load_web_security(None) == WebSecurity()


GOOD = {
    "a number as a header's text": "http_server_config: {headers: {X-XSS-Protection: 1}}\n",
    "no limit and no burst": "rate_limit: {interval: 0, burst: 0}\n",
    "a limit and no burst": "rate_limit: {interval: 1s, burst: 0}\n",
    "client certificates of any CA": tls("client_auth_type: VerifyClientCertIfGiven"),
    "every curve": tls("curve_preferences: [X25519, CurveP521, CurveP384, CurveP256]"),
    "one curve": tls("min_version: TLS13", "curve_preferences: [CurveP521]"),
    "a number as a client's name": tls(
        "client_auth_type: RequireAndVerifyClientCert",
        "client_ca_file: ca.crt",
        "client_allowed_sans: [7, one]",
    ),
    "HTTP/1.1 with the suites of TLS 1.2": tls(
        "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]", "max_version: TLS12"
    )
    + "http_server_config: {http2: false}\n",
}
"""What the toolkit takes and Python's TLS can do."""


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_what_the_toolkit_takes_is_taken(folder: Path, text: str):
    """A file that serves another exporter serves this one."""
    load(folder, text)


def test_a_number_is_taken_for_its_text(folder: Path):
    """Headers and names of clients are texts, however YAML reads them."""
    assert load(folder, GOOD["a number as a header's text"]).headers == {"X-XSS-Protection": "1"}
    assert load(folder, GOOD["a number as a client's name"]).allowed_sans == {"7", "one"}


WORDS = ("007", "0x10", "1_000", "1.0", "1e3", "yes", "Off", "2026-11-29", "12:30:45", "alice")
"""What YAML 1.1 reads as a number in another form, a boolean, a date, or a text."""


@pytest.mark.parametrize("word", WORDS)
def test_a_text_is_taken_as_it_is_written(folder: Path, word: str):
    """Names of users, headers and clients keep their form, with quotes and without."""
    for written in (word, f"'{word}'"):
        if ":" not in word:
            users = load(folder, f"basic_auth_users:\n  {written}: {HASH}\n").users
            assert users == {word: HASH.encode()}
        headers = load(folder, f"http_server_config: {{headers: {{X-XSS-Protection: {written}}}}}")
        assert headers.headers == {"X-XSS-Protection": word}
        names = load(
            folder,
            tls(
                "client_auth_type: RequireAndVerifyClientCert",
                "client_ca_file: ca.crt",
                f"client_allowed_sans: [{written}]",
            ),
        )
        assert names.allowed_sans == {word}


@pytest.mark.parametrize("name", ["", "~", "null", "[a]"])
def test_what_is_no_name_is_refused(folder: Path, name: str):
    """A user without a name, or with several, is a slip of the pen."""
    with pytest.raises(ConfigError, match=r"web.yml:2: (basic_auth_users|it is not valid YAML)"):
        load(folder, f"basic_auth_users:\n  ? {name}\n  : {HASH}\n")


def test_without_a_ca_of_clients_those_of_the_system_are_trusted(folder: Path):
    """A certificate is asked for, verified where one is given, and not required."""
    context = load(folder, GOOD["client certificates of any CA"]).tls
    assert context is not None
    assert context.verify_mode is ssl.CERT_OPTIONAL
    system = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    system.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    assert context.cert_store_stats() == system.cert_store_stats()


def test_every_key_does_its_part(folder: Path):
    """A file with every key is taken over whole; relative paths start at its folder."""
    security = load(
        folder,
        tls(
            "client_auth_type: RequireAndVerifyClientCert",
            "client_ca_file: ca.crt",
            "client_allowed_sans: [prometheus.example, 127.0.0.1]",
            "min_version: TLS12",
            "max_version: TLS12",
            "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]",
            "prefer_server_cipher_suites: false",
            "curve_preferences: [CurveP384]",
        )
        + "http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: sameorigin\n"
        "    Content-Security-Policy: ''\n"
        f"basic_auth_users:\n  alice: {HASH}\n"
        "rate_limit: {interval: 250ms, burst: 4}\n",
    )
    context = security.tls
    assert context is not None
    assert context.minimum_version == context.maximum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert not context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    older = [c["name"] for c in context.get_ciphers() if c["protocol"] != "TLSv1.3"]
    assert older == ["ECDHE-RSA-AES256-GCM-SHA384"]
    assert len(context.get_ca_certs()) == 1
    assert security.allowed_sans == {"prometheus.example", "127.0.0.1"}
    assert security.users == {"alice": HASH.encode()}
    assert security.headers == {"X-Frame-Options": "sameorigin", "Content-Security-Policy": ""}
    assert (security.rate_limit.interval, security.rate_limit.burst) == (0.25, 4)
    names = ("web.yml", "server.crt", "server.key", "ca.crt")
    assert security.files == tuple(folder / name for name in names)
    assert HASH not in repr(security)


@pytest.mark.parametrize("memory", [True, False])
def test_certificates_inline(folder: Path, memory: bool, monkeypatch: pytest.MonkeyPatch):
    """Certificate, key and CA may stand in the file itself; then no other file is read or left."""
    if not memory:
        # As where a system call filter forbids files in memory.
        monkeypatch.setattr(os, "memfd_create", Mock(side_effect=PermissionError))
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
    indented = {
        name: "".join(f"    {line}\n" for line in (folder / name).read_text().splitlines())
        for name in ("server.crt", "server.key", "ca.crt")
    }
    for name in indented:
        (folder / name).unlink()
    security = load(
        folder,
        "tls_server_config:\n"
        f"  cert: |\n{indented['server.crt']}  key: |\n{indented['server.key']}"
        f"  client_ca: |\n{indented['ca.crt']}  client_auth_type: VerifyClientCertIfGiven\n",
    )
    assert security.tls is not None
    assert security.tls.verify_mode is ssl.CERT_OPTIONAL
    assert security.files == (folder / "web.yml",)
    assert [path.name for path in folder.iterdir()] == ["web.yml"]


def test_keys_that_do_not_fit(folder: Path, authority: trustme.CA):
    """A foreign key, a certificate as key, a torn certificate: each is named with its key."""
    authority.issue_cert("other").private_key_pem.write_to_path(str(folder / "other.key"))
    (folder / "torn.crt").write_text((folder / "server.crt").read_text()[:300] + "\n-----END")
    head = "tls_server_config:\n  cert_file: "
    assert fault_of(folder, f"{head}server.crt\n  key_file: other.key\n") == (
        "tls_server_config.key_file: the key does not belong to the certificate"
    )
    assert fault_of(folder, f"{head}server.crt\n  key_file: ca.crt\n").startswith(
        "tls_server_config.key_file: it holds no private key that can be used"
    )
    assert fault_of(folder, f"{head}server.key\n  key_file: server.key\n") == (
        "tls_server_config.cert_file: it holds no certificate"
    )
    assert fault_of(folder, f"{head}torn.crt\n  key_file: server.key\n") == (
        "tls_server_config.cert_file: it holds a certificate that cannot be read"
    )


def test_an_encrypted_key_is_refused_and_never_asked_about(folder: Path):
    """A key with a passphrase is a fault; OpenSSL does not wait at the terminal."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key((folder / "server.key").read_bytes(), None)
    (folder / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"hunter2"),
        )
    )
    assert fault_of(folder, tls()) == "tls_server_config.key_file: the key is encrypted"


@pytest.mark.parametrize("suite", sorted(set(CipherSuite) - TLS13_SUITES))
def test_every_suite_has_its_name_in_openssl(suite: CipherSuite):
    """Go's name of each suite is turned into the one suite of OpenSSL that it means."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(_openssl_suite(suite))
    (found,) = [c for c in context.get_ciphers() if c["protocol"] != "TLSv1.3"]
    exchange, _, cipher = suite.removeprefix("TLS_ECDHE_").partition("_WITH_")
    assert f"Au={exchange}" in found["description"].replace("  ", " ").split()
    assert found["name"].startswith(f"ECDHE-{exchange}-")
    assert ("CHACHA20" in cipher) == ("CHACHA20" in found["name"])
    assert ("GCM" in cipher) == ("GCM" in found["name"])
    if bits := re.search(r"AES_(\d+)", cipher):
        assert found["strength_bits"] == int(bits[1])


@pytest.mark.parametrize(
    ("curve", "name"),
    [("CurveP256", "prime256v1"), ("CurveP384", "secp384r1"), ("CurveP521", "secp521r1"),
     ("X25519", "X25519")],
)  # fmt: skip
def test_every_curve_can_be_chosen(folder: Path, curve: str, name: str):
    """Each curve of the format is one that OpenSSL takes."""
    assert load(folder, tls(f"curve_preferences: [{curve}]")).tls is not None
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ecdh_curve(name)


_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["TLS12", "TLS13", "X25519", HASH, "1s", "deny", "-----BEGIN CERTIFICATE"])
)
_KEYS = st.sampled_from(
    ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit", "headers",
     "cert_file", "key_file", "cert", "key", "client_ca", "client_auth_type", "cipher_suites",
     "client_allowed_sans", "curve_preferences", "min_version", "http2", "interval", "burst",
     "X-Frame-Options", "a:b", "x"]
)  # fmt: skip
_DATA = st.dictionaries(
    _KEYS,
    st.recursive(
        _LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
        max_leaves=8,
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=200)
@given(_DATA)
def test_any_data_loads_or_is_refused_in_our_words(tmp_path_factory, data):
    """Whatever stands under the keys, the answer is a value or faults on one line each."""
    path = tmp_path_factory.getbasetemp() / "any.yml"
    path.write_text(yaml.safe_dump(data, allow_unicode=False))
    try:
        load_web_security(str(path))
    except ConfigError as error:
        for fault in error.faults:
            assert len(str(fault).splitlines()) == 1
            assert not re.search(r"Input should|pydantic|valid value", str(fault))


def test_check_says_what_is_wrong_with_the_web_configuration(folder: Path):
    """`check` refuses a faulty file, named by flag or by key, with its line; exit code 1."""
    (folder / "web.yml").write_text("http_server_config:\n  http2: true\n")
    (folder / "config.yml").write_text(f"web: {{config_file: {folder}/web.yml}}\n")
    fault = f"{folder}/web.yml:2: http_server_config.http2: HTTP/2 is not served"
    for flag in (f"--web.config.file={folder}/web.yml", f"--config.file={folder}/config.yml"):
        done = run_command("check", flag)
        assert done.returncode == 1
        assert done.stderr.startswith(fault)
        assert len(done.stderr.splitlines()) == 1


def test_the_example_is_good(folder: Path):
    """examples/web-config.yml passes `check` once its certificates are there."""
    (folder / "web-config.yml").write_bytes((ROOT / "examples" / "web-config.yml").read_bytes())
    done = run_command("check", f"--web.config.file={folder}/web-config.yml")
    assert (done.returncode, done.stderr) == (0, "")
    security = load_web_security(str(folder / "web-config.yml"))
    assert security.tls is not None
    assert security.users
