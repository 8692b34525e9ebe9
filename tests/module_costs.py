"""What each test module costs in CPU seconds, as a pytest plugin: ``make test-costs`` loads it.

A module's cost is the CPU time of the worker during its tests, its fixtures included, and of the
processes that ended meanwhile. It hardly depends on what else the machine does, unlike the time on
the clock, which is shown beside it.
"""

import resource
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

_KEY = "module_costs"


@dataclass
class Cost:
    """CPU and elapsed seconds of so many tests."""

    tests: int = 0
    cpu: float = 0.0
    elapsed: float = 0.0


def cpu_seconds() -> float:
    """The CPU time of this process and of those children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


class ModuleCosts:
    """Measures the phases of each test in the worker and sums them up where results arrive."""

    def __init__(self) -> None:
        self._last = cpu_seconds()
        self._costs: dict[str, Cost] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Give the report of a phase the CPU time since the one before it."""
        report = yield
        now = cpu_seconds()
        report.user_properties = [*report.user_properties, (_KEY, now - self._last)]
        self._last = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a phase to its module."""
        cost = self._costs.setdefault(report.nodeid.split("::")[0], Cost())
        cost.tests += report.when == "call"
        cost.cpu += sum(seconds for key, seconds in report.user_properties if key == _KEY)
        cost.elapsed += report.duration

    def table(self) -> str:
        """The modules in Markdown, the dearest first, with their share of the whole."""
        whole = sum(cost.cpu for cost in self._costs.values())
        rows = sorted(self._costs.items(), key=lambda item: -item[1].cpu)
        return "\n".join(
            [
                "| module | tests | CPU seconds | share | elapsed seconds |",
                "| --- | ---: | ---: | ---: | ---: |",
                *(
                    f"| {Path(module).stem} | {cost.tests} | {cost.cpu:.1f} "
                    f"| {cost.cpu / whole:.1%} | {cost.elapsed:.1f} |"
                    for module, cost in rows
                ),
                f"| all | {sum(cost.tests for cost in self._costs.values())} | {whole:.0f} | "
                f"| {sum(cost.elapsed for cost in self._costs.values()):.0f} |",
            ]
        )

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table."""
        terminalreporter.section("costs of the modules")
        terminalreporter.write_line(self.table())


def pytest_configure(config: pytest.Config) -> None:
    """Measure this run."""
    config.pluginmanager.register(ModuleCosts(), _KEY)
