"""``python -m exporter``: the same program as the installed command."""

from exporter.cli import main

if __name__ == "__main__":
    main()
