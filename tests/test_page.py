"""The pages for people: what is broken, every component, the last words of each crash."""

import html
import re
from dataclasses import replace
from typing import Any

import pytest
from web_fixtures import NOW, Status, get, serving

from exporter.model import (
    ApiFailure,
    ComponentHealth,
    ComponentKey,
    ComponentKind,
    ComponentStatus,
    Crash,
    Endpoint,
    ErrorGroup,
    ErrorLine,
    JobKind,
    JobSpec,
    JobStatus,
    Level,
    LogType,
    Minutes,
    ReplicaStatus,
    RestartReason,
    ShareStatus,
    SourceStatus,
)
from exporter.web.pages.charts import bars
from exporter.web.pages.condition import State, condition
from exporter.web.pages.formatting import age, clock_time, duration, utc, visible
from exporter.web.pages.page import About

EVIL = '<script>alert("1")</script>'
QUIET = Minutes((0,) * 60, (0,) * 60)


def source(
    state: str = "up", problem: str = "", app: str = "shop", name: str = "web"
) -> SourceStatus:
    return SourceStatus(app, name, LogType.RUN, state, NOW - 12, NOW - 3, 4711, 60.0, problem)  # type: ignore[arg-type]


def minutes(lines: int = 0, errors: int = 0, ago: int = 0) -> Minutes:
    """So many lines and errors in one minute, so many minutes ago."""
    place = 59 - ago
    return Minutes(
        tuple(lines if minute == place else 0 for minute in range(60)),
        tuple(errors if minute == place else 0 for minute in range(60)),
    )


def health(healthy: bool | None = True, ready: int = 1) -> ComponentHealth:
    return ComponentHealth("web", healthy, 2, ready, 0.25, 0.5)


def status(app: str = "shop", name: str = "web", **options: Any) -> ComponentStatus:
    values: dict[str, Any] = {
        "kind": ComponentKind.SERVICE,
        "instance_size": "small",
        "deployment": "d1",
        "health": None,
        "sources": (source(app=app, name=name),),
        "minutes": QUIET,
    }
    return ComponentStatus(key=ComponentKey(app, name), **(values | options))


CRASH = Crash(NOW - 120, RestartReason.PANIC, ("panic: boom", "goroutine 1 [running]:"))


def rising(errors: int, usual: float | None) -> Minutes:
    """So many errors in this minute, against a usual number in ten."""
    return replace(minutes(100, errors), usual_errors=usual)


def crashes_at(*ago: float) -> tuple[Crash, ...]:
    """Ends so many seconds ago, the newest first."""
    return tuple(Crash(NOW - seconds, RestartReason.PANIC) for seconds in ago)


def fresh(first_seen: float) -> ErrorGroup:
    """A kind of error first seen at a time."""
    return ErrorGroup(Level.ERROR, "no <x>", "no stock", 1, first_seen, NOW)


UNREADABLE = (source("down", "logs: status 500"),)
UNLISTED = JobStatus(JobSpec(JobKind.SCHEDULED, "0 3 * * *"), problem="job_invocations: status 404")
NEW = {"deployed_at": NOW - 600, "watched_since": NOW - 9000}
ENDED_TWICE = "its containers ended 2 times in the last hour, last: panic"


@pytest.mark.parametrize(
    ("given", "state", "reasons"),
    [
        (status(), State.FINE, ()),
        (status(sources=()), State.WAITING, ()),
        (status(sources=(source("waiting"),)), State.WAITING, ()),
        (status(health=health(True)), State.FINE, ()),
        (status(health=health(None)), State.FINE, ()),
        (status(health=health(False)), State.DOWN, ("unhealthy, 1 of 2 replicas are ready",)),
        (status(health=health(True, 0)), State.DOWN, ("0 of 2 replicas are ready",)),
        (
            status(health=health(False, 0), kind=ComponentKind.JOB),
            State.FINE,
            (),
        ),
        (
            status(health=ComponentHealth("web", False, 0, 0, None, None)),
            State.FINE,
            (),
        ),
        (
            status(sources=UNREADABLE),
            State.BLIND,
            ("its RUN log cannot be read: logs: status 500",),
        ),
        (
            status(sources=UNREADABLE, health=health(False)),
            State.DOWN,
            ("unhealthy, 1 of 2 replicas are ready",),
        ),
        (
            status(kind=ComponentKind.JOB, sources=(), job=UNLISTED),
            State.BLIND,
            ("its runs cannot be read: job_invocations: status 404",),
        ),
        (status(crashes=(CRASH,)), State.FINE, ()),
        (status(crashes=crashes_at(60, 1799)), State.CRASHING, (ENDED_TWICE,)),
        (status(crashes=crashes_at(60, 1801)), State.FINE, ()),
        (
            status(minutes=rising(16, 0.0)),
            State.ERRORS_UP,
            ("16 error lines in the last 10 minutes, 0 are usual",),
        ),
        (
            status(minutes=rising(15, 0.0)),
            State.NOISY,
            ("15 error lines in the last 10 minutes, as usual",),
        ),
        (
            status(minutes=rising(30, 10.0)),
            State.NOISY,
            ("30 error lines in the last 10 minutes, as usual",),
        ),
        (
            status(minutes=rising(31, 10.0)),
            State.ERRORS_UP,
            ("31 error lines in the last 10 minutes, 10 are usual",),
        ),
        (
            status(minutes=rising(900, None)),
            State.NOISY,
            ("900 error lines in the last 10 minutes",),
        ),
        (status(minutes=minutes(9, 4, ago=10)), State.FINE, ()),
        (
            status(error_groups=(fresh(NOW - 60), fresh(NOW - 700)), **NEW),
            State.ERRORS_UP,
            ("a kind of error that came with the latest deployment",),
        ),
        # What is new to an exporter that has just begun to watch is not new with a deployment.
        (
            status(error_groups=(fresh(NOW - 60),), deployed_at=NOW - 600, watched_since=NOW - 300),
            State.FINE,
            (),
        ),
        (
            status(error_groups=(fresh(NOW - 60),), deployed_at=NOW - 3601, watched_since=0.0),
            State.FINE,
            (),
        ),
    ],
)
def test_condition_says_what_is_wrong(
    given: ComponentStatus, state: State, reasons: tuple[str, ...]
):
    """One state, the worst that fits, with what makes it so and nothing else."""
    found = condition(given, NOW)
    assert (found.state, found.reasons) == (state, reasons)


def rows_of(text: str) -> list[list[str]]:
    """The cells of the table of components, without its head."""
    table = text.partition('id="components"')[2]
    found = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    return [cells for row in found if (cells := _cells(row)) and "Newest line" not in cells]


def block(text: str, name: str) -> str:
    """The words of the block of a broken component."""
    cards = re.findall(r'<li class="card.*?</ul>\s*</li>', text, re.DOTALL)
    [found] = [words_of(card) for card in cards if f">{name}</a>" in card]
    return found


def words_of(text: str) -> str:
    """What is to be read."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def _cells(row: str) -> list[str]:
    row = re.sub(r"<svg.*?</svg>", "", row, flags=re.DOTALL)
    found = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", "", cell)).split()) for cell in found]


SHOP = status(minutes=minutes(100, 3), crashes=(CRASH,))
BLOG = status("blog", "api", minutes=minutes(7, 0))
MAIL = status("shop", "mail", sources=(source("down", "logs: status 500", name="mail"),))


def test_overview_lists_every_component_the_worst_first():
    """A row per component: its state, newest line, lines and errors of the hour, latest crash."""
    with serving(status=Status(rows=[BLOG, SHOP, MAIL])) as base:
        text = get(f"{base}/").text
    assert rows_of(text) == [
        ["shop/mail service", "blind", "07:59:57 UTC 3 s ago", "0", "0", "none seen"],
        [
            "shop/web service",
            "noisy",
            "07:59:57 UTC 3 s ago",
            "100",
            "3",
            "panic, 07:58:00 UTC 2 min ago",
        ],
        ["blog/api service", "fine", "07:59:57 UTC 3 s ago", "7", "0", "none seen"],
    ]


def test_first_line_says_how_many_are_how_and_as_of_when():
    """Each state with its number, in the same order whatever they are, then the second."""
    down = status("crm", "web", health=health(False))
    with serving(status=Status(rows=[BLOG, SHOP, MAIL, down])) as base:
        text = get(f"{base}/").text
    first = words_of(text.partition("<h1")[2].partition(">")[2].partition("</h1>")[0])
    assert first == "1 down 0 crashing 0 errors up 1 noisy 1 fine 1 blind"
    assert "As of 08:00:00 UTC" in words_of(text)


def test_a_broken_component_says_at_once_what_a_person_needs():
    """Since when, replicas, crashes, the deployment before it, the telling line, the ways on."""
    row = status(
        health=health(True, 1),
        crashes=(replace(CRASH, at=NOW - 60), replace(CRASH, at=NOW - 660)),
        deployed_at=NOW - 900,
        app_id="4f6c",
        watched_since=NOW - 9000,
        error_groups=(fresh(NOW - 700),),
    )
    with serving(status=Status(rows=[row, BLOG])) as base:
        text = get(f"{base}/").text
    found = block(text, "shop/web")
    assert ENDED_TWICE in found
    assert "Since 07:49:00 UTC 11 min ago" in found
    assert "Replicas 1 of 2 ready" in found
    assert "Crashes in an hour 2" in found
    assert "Deployment 07:45:00 UTC 15 min ago 4 min before it began" in found
    assert "goroutine 1 [running]:" in found
    assert "New since the deployment: 1 kind of error: no stock" in found
    assert "doctl apps logs 4f6c web --type run_restarted --tail 100" in found
    assert 'href="./components/shop/web#last-words"' in text
    assert 'href="https://cloud.digitalocean.com/apps/4f6c"' in text


def test_a_past_crash_is_a_note_with_its_time():
    """It does not make a component broken; after a day it is no note any more."""
    old = status("blog", "api", crashes=(Crash(NOW - 86401, RestartReason.PANIC),))
    with serving(status=Status(rows=[status(crashes=(CRASH,)), old])) as base:
        text = get(f"{base}/").text
    assert "Nothing is broken" in text
    notes = re.findall(r"<li>(.*?)</li>", text.partition('class="notes"')[2], re.DOTALL)
    assert [words_of(note) for note in notes if "ended" in note] == [
        "shop/web ended: panic , 07:58:00 UTC 2 min ago"
    ]


UUID = "4d9d8375-3c56-4925-a3e7-e1243764d8d4"
REFUSED = [
    ApiFailure(Endpoint.APPS, "unauthorized", 1),
    ApiFailure(Endpoint.LOGS, "unauthorized", 4),
]
AWAY = [
    ApiFailure(Endpoint.APPS, "server_error", 1),
    ApiFailure(Endpoint.LOGS, "timeout", 4),
]


@pytest.mark.parametrize(
    ("failures", "problems", "titles"),
    [
        (
            REFUSED,
            ("logs: status 401", "logs: status 401"),
            ["DigitalOcean refuses the API token: nothing new is known"],
        ),
        (
            AWAY,
            ("logs: status 500", "logs: timed out"),
            ["DigitalOcean's API is away (server_error, timeout): nothing new is known"],
        ),
        (
            AWAY[1:],
            ("logs: timed out", "logs: timed out"),
            ["Logs of 2 components cannot be read: logs: timed out"],
        ),
        (
            [],
            ("logs: status 500", "logs: status 404"),
            [
                "A log cannot be read: logs: status 500",
                "A log cannot be read: logs: status 404",
            ],
        ),
        (
            [],
            tuple(f"logs: status 500: message 'no', request_id '{each}'" for each in "12"),
            ["Logs of 2 components cannot be read: logs: status 500: message 'no'"],
        ),
        (
            [],
            tuple(
                f"logs: the API asked for a pause, {each} s of it are left; nothing sent"
                for each in (9, 12)
            ),
            [
                "Logs of 2 components cannot be read: logs: the API asked for a pause, 9 s of it "
                "are left; nothing sent"
            ],
        ),
        (
            [],
            tuple(
                f"logs: status 400: message 'cannot get running logs from deployment {each}'"
                for each in (UUID, UUID.replace("4", "5"))
            ),
            [
                "Logs of 2 components cannot be read: logs: status 400: message 'cannot get "
                f"running logs from deployment {UUID}'"
            ],
        ),
    ],
)
@pytest.mark.found(
    "one cause was a banner for each component: the API puts another request id into each answer",
    how="the words of banners were held against the errors that the API documents",
)
def test_one_cause_is_one_banner(
    failures: list[ApiFailure], problems: tuple[str, str], titles: list[str]
):
    """However many components it hides; none of them is called down, or has a block."""
    rows = [
        status(app, "web", sources=(source("down", problem, app=app),))
        for app, problem in zip(("blog", "shop"), problems, strict=True)
    ]
    with serving(status=Status(rows=rows, failures=failures)) as base:
        text = get(f"{base}/").text
    banners = re.findall(r'<section class="banner blind">\s*<h2>(.*?)</h2>', text)
    assert [html.unescape(title) for title in banners] == titles
    assert "card" not in text
    assert "0 down" in words_of(text)
    assert "2 blind" in words_of(text)


def test_jobs_whose_runs_cannot_be_listed_are_blind_under_one_banner():
    """They are not called fine, and their pages say why."""
    rows = [
        status(app, "report", kind=ComponentKind.JOB, sources=(), job=UNLISTED)
        for app in ("blog", "shop")
    ]
    with serving(status=Status(rows=rows)) as base:
        overview = words_of(get(f"{base}/").text)
        page = words_of(get(f"{base}/components/shop/report").text)
    assert "The runs of 2 jobs cannot be read: job_invocations: status 404" in overview
    assert "0 fine" in overview
    assert "2 blind" in overview
    assert "The runs of this job cannot be read: job_invocations: status 404" in page


def test_a_page_that_watches_nothing_says_so_once_that_is_known():
    """Before the first discovery it only says what is missing."""
    for readiness, said in (((True, ""), True), ((False, "no discovery yet"), False)):
        with serving(status=Status(readiness=readiness)) as base:
            text = get(f"{base}/").text
        assert ("No component is watched" in text) == said
        assert ("no discovery yet" in text) != said


def test_trouble_of_the_state_stands_on_top():
    """Before whatever is broken, on the overview and on a component's page."""
    row = status(health=health(False))
    with serving(status=Status(rows=[row], unsaved="redis://cache:6379: refused")) as base:
        for path, first in (("/", 'class="card'), ("/components/shop/web", 'class="reasons')):
            text = get(base + path).text
            assert 0 < text.index("redis://cache:6379: refused") < text.index(first)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?app=shop", ["shop/mail", "shop/web"]),
        ("?app=blog&sort=name", ["blog/api"]),
        ("?app=nobody", []),
        ("?sort=name", ["blog/api", "shop/mail", "shop/web"]),
        ("?sort=lines", ["shop/web", "blog/api", "shop/mail"]),
        ("?sort=errors", ["shop/web", "blog/api", "shop/mail"]),
        ("?sort=crash", ["shop/web", "blog/api", "shop/mail"]),
        ("?sort=bogus&other=1", ["shop/mail", "shop/web", "blog/api"]),
    ],
)
def test_url_narrows_and_sorts(query: str, names: list[str]):
    """One app, and one of five orders; what the URL asks for in vain is passed over."""
    with serving(status=Status(rows=[BLOG, SHOP, MAIL])) as base:
        text = get(f"{base}/{query}").text
    assert [row[0].split()[0] for row in rows_of(text)] == names


def test_failing_requests_say_what_to_do():
    """Each error of the API stands with its targets and a way out; 401 and 403 name the scope."""
    failures = [
        ApiFailure(Endpoint.RESTART_COUNT, "unauthorized", 4),
        ApiFailure(Endpoint.DEPLOYMENTS, "unauthorized", 2),
        ApiFailure(Endpoint.RESTART_COUNT, "forbidden", 1),
        ApiFailure(Endpoint.HEALTH, "forbidden", 1),
        ApiFailure(Endpoint.LOG_CONTENT, "forbidden", 1),
        ApiFailure(Endpoint.LOG_CONTENT, "timeout", 1),
    ]
    with serving(status=Status(failures=failures)) as base:
        text = get(f"{base}/").text
    table = text.partition('id="failures"')[2]
    cells = [_cells(row) for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)][1:]
    assert [row[:3] for row in cells] == [
        ["restart_count", "unauthorized", "4"],
        ["deployments", "unauthorized", "2"],
        ["restart_count", "forbidden", "1"],
        ["health", "forbidden", "1"],
        ["log_content", "forbidden", "1"],
        ["log_content", "timeout", "1"],
    ]
    assert "lacks the scope monitoring:read" in cells[0][3]
    assert "lacks the scope app:read" in cells[1][3]
    assert "lacks the scope monitoring:read" in cells[2][3]
    assert "lacks the scope app:read" in cells[3][3]
    assert "scope" not in cells[4][3]
    assert "logs.timeout" in cells[5][3]


def test_replicas_and_shares_are_listed():
    """Who is alive, who owns each share, and why this one owns none; nothing where it is alone."""
    group = ReplicaStatus(
        "pod-1",
        (("pod-0", 1), ("pod-1", 0)),
        (ShareStatus("blog", 0, "pod-0", False), ShareStatus("blog", 1, "", False)),
        "replicas with other accounts are at work",
    )
    with serving(status=Status(group=group)) as base:
        text = get(base).text
    assert "This is pod-1." in text
    assert "pod-0 (1), pod-1 (0)." in text
    assert "replicas with other accounts are at work" in text
    assert '<th scope="row">blog: 0</th><td>pod-0</td><td>no</td>' in text
    assert '<th scope="row">blog: 1</th><td class="blind">nobody</td><td>no</td>' in text
    with serving(status=Status()) as base:
        assert "Replicas" not in get(base).text


def test_component_page_shows_the_last_words_of_each_crash():
    """The newest crash is open, an older one folded; what stands around it are facts."""
    older = Crash(NOW - 7200, RestartReason.OUT_OF_MEMORY, ("Killed",))
    row = status(health=health(False), minutes=minutes(5, 1), crashes=(CRASH, older))
    with serving(status=Status(rows=[row])) as base:
        text = get(f"{base}/components/shop/web").text
    crashes = re.findall(r'<details id="crash[^>]*>.*?</details>', text, re.DOTALL)
    assert ["open" in crash.partition(">")[0] for crash in crashes] == [True, False]
    assert "panic: boom" in crashes[0]
    assert "goroutine 1 [running]:" in crashes[0]
    assert "Killed" in crashes[1]
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())
    assert "Replicas 1 of 2 ready" in words
    assert "CPU 25 %" in words
    assert "Memory 50 %" in words
    assert "5 lines" in words


def test_component_that_is_not_watched_is_not_found():
    """An unknown name is 404, as any other path."""
    with serving(status=Status(rows=[SHOP])) as base:
        assert get(f"{base}/components/shop/web").status_code == 200
        assert get(f"{base}/components/shop/other").status_code == 404
        assert get(f"{base}/components/shop").status_code == 404
        assert get(f"{base}/components/shop/web/more").status_code == 404


KIND = ErrorGroup(
    Level.ERROR, "order <num> <b>failed", "order 17 <b>failed", 3, NOW - 7200, NOW - 60
)


def test_kinds_of_errors_are_listed_with_their_times():
    """A sample of each, how often and since when; nothing of it acts."""
    with serving(status=Status(rows=[status(error_groups=(KIND,))])) as base:
        text = get(f"{base}/components/shop/web").text
    table = text.partition('id="error-groups"')[2].partition("</table>")[0]
    assert "order 17 &lt;b&gt;failed" in table
    assert "title=" not in table
    words = " ".join(re.sub(r"<[^>]+>", " ", table.partition("<tbody>")[2]).split())
    assert words.endswith("error 3 06:00:00 UTC 2 h ago 07:59:00 UTC 1 min ago")


def test_without_excerpts_no_kind_of_error_is_shown():
    """Level, number and times are there, and no text."""
    about = About("1", excerpts=False)
    with serving(status=Status(rows=[status(error_groups=(KIND,))]), about=about) as base:
        text = get(f"{base}/components/shop/web").text
    assert 'id="error-groups"' in text
    assert "failed" not in text


def test_without_excerpts_the_page_says_why_there_is_no_text():
    """A crash is there with its reason, and no line of it."""
    row = status(crashes=(Crash(NOW - 5, RestartReason.EXIT),))
    about = About("1", excerpts=False)
    with serving(status=Status(rows=[row]), about=about) as base:
        text = get(f"{base}/components/shop/web").text
    assert "web.excerpts is false" in text
    assert "<pre" not in text


def test_links_of_the_pages_resolve():
    """Every link to this server answers 200, from the overview and from a component's page."""
    with serving(status=Status(rows=[SHOP, BLOG])) as base:
        for page in ("/", "/components/shop/web"):
            text = get(base + page).text
            links = re.findall(r'(?:href|src)="(\.[^"]*)"', text)
            assert len(links) >= 7
            folder = base + page.rpartition("/")[0] + "/"
            assert {get(folder + link).status_code for link in links} == {200}


def test_pages_need_nothing_that_the_policy_forbids():
    """No inline script or style and no handler, or the policy would break them."""
    with serving(status=Status(rows=[SHOP])) as base:
        pages = [get(base + page).text for page in ("/", "/components/shop/web")]
        policy = get(f"{base}/").headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    for text in pages:
        assert re.findall(r"<script[^>]*>", text) == re.findall(r'<script src="[^"]+" defer>', text)
        assert re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|data:", text) is None
        assert not re.search(r'(?:src|href)="https?://(?!(?:docs|cloud)\.digitalocean\.com/)', text)


def test_pages_escape_what_they_show():
    """Names, problems, reasons, lines and configuration are text, whatever they hold."""
    row = status(
        EVIL.replace("/", ""),
        "web",
        sources=(source("down", EVIL),),
        crashes=(Crash(NOW, RestartReason.EXIT, (EVIL,)),),
        deployment=EVIL,
    )
    told = Status((False, EVIL), (False, EVIL), [row])
    with serving(status=told, about=About("1", configuration=EVIL)) as base:
        overview = get(f"{base}/").text
        (link,) = set(re.findall(r'href="\./(components/[^"#]+)', overview))
        component = get(f"{base}/{link}").text
    for text in (overview, component):
        assert re.findall(r"<script", text) == ["<script"]
        assert "&lt;script&gt;" in text


def test_large_charts_have_axes_and_marks():
    """The highest value, the times, a line where a container ended and one for a deployment."""
    row = status(minutes=minutes(500, 0, ago=30), crashes=(CRASH,), deployed_at=NOW - 1800)
    with serving(status=Status(rows=[row])) as base:
        text = get(f"{base}/components/shop/web").text
    large = text.partition('<svg class="chart"')[2].partition("</svg>")[0]
    assert re.findall(r"<text[^>]*>(.*?)</text>", large) == ["500", "0", "60 min ago", "30", "now"]
    assert re.findall(r'class="mark (\w+)"', large) == ["crash", "deployment"]
    [bar] = re.findall(r'class="bar" x="([\d.]+)"', large)
    [deployed] = re.findall(r'class="mark deployment" x1="([\d.]+)"', large)
    assert abs(float(bar) - float(deployed)) < 11  # both half an hour ago, on the same axis


def test_lines_have_their_times():
    """Of the last words of a crash, and of recent errors, in UTC."""
    crash = replace(CRASH, times=(NOW - 121, None))
    row = status(crashes=(crash,), recent_errors=(ErrorLine(NOW - 5, b"no <b>stock"),))
    with serving(status=Status(rows=[row])) as base:
        text = get(f"{base}/components/shop/web").text
    log = words_of(text.partition("<pre")[2].partition(">")[2].partition("</pre>")[0])
    assert log == "07:57:59 UTC panic: boom goroutine 1 [running]:"
    recent = words_of(text.partition('id="recent"')[2].partition(">")[2].partition("</ol>")[0])
    assert recent == "Recent errors 07:59:55 UTC 5 s ago no <b>stock"


def test_charts_draw_every_minute_and_say_it_in_words():
    """The tallest bar fills the height, a small one can still be seen, none is drawn for 0."""
    chart = bars([0, 1, 1000], 'lines of "web"')
    assert chart.count("<rect") == 2
    assert 'height="24"' in chart
    assert 'y="22" width="1.5" height="2"' in chart
    assert "<title>lines of &#34;web&#34;</title>" in chart
    assert "<rect" not in bars([0, 0], "nothing")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain\ttext ü 漢字", "plain\ttext ü 漢字"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\x00b\x1bc\x7f", "a␀b␛c␡"),
        ("user\u202egnp.exe", "user⟨U+202E⟩gnp.exe"),
        ("zero\u200bwidth\u2028", "zero⟨U+200B⟩width⟨U+2028⟩"),
        ("\x85", "⟨U+0085⟩"),
    ],
)
def test_nothing_in_a_line_acts_instead_of_being_seen(line: str, shown: str):
    """Colours are left out, control characters are shown, and nothing turns the text around."""
    assert visible(line) == shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.25, "0.25 s"), (59.9, "59.9 s"), (60, "1 min"), (7199, "1 h"), (172800, "2 d")],
)
def test_duration(seconds: float, text: str):
    """A span is shown in its largest whole unit."""
    assert duration(seconds) == text


def test_times_on_the_page():
    """A time ahead of the clock is now, and the machine-readable form is UTC."""
    assert age(NOW + 5, now=NOW) == "0 s ago"
    assert utc(0) == "1970-01-01T00:00:00Z"
    assert clock_time(NOW, now=NOW) == "08:00:00 UTC"
    assert clock_time(NOW - 30000, now=NOW) == "14 Jan 23:40 UTC"
