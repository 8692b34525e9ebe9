"""The fuzzer itself, in a process of its own: ``python -m fuzz.run TARGET`` and flags of libFuzzer.

Atheris watches which code an input reaches, so it has to see each module when it is imported.
"""

import logging
import shlex
import sys

import atheris

from fuzz.targets import check_of


def main() -> None:
    """Fuzz one target until libFuzzer ends the process."""
    target = sys.argv.pop(1)
    logging.disable(logging.CRITICAL)
    with atheris.instrument_imports(include=["exporter"]):
        check = check_of(target)
    # To merge corpora libFuzzer starts its first argument again, by the shell.
    again = shlex.join((sys.executable, "-m", "fuzz.run", target))
    atheris.Setup([again, *sys.argv[1:]], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
