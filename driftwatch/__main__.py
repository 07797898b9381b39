"""``python -m driftwatch`` is the ``driftwatch`` command."""

from driftwatch.cli.app import main

if __name__ == "__main__":
    main()
