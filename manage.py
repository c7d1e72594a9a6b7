#!/usr/bin/env python
"""Django's command line for Assay."""

from __future__ import annotations

import sys

from config import env


def main() -> None:
    env.set_default("DJANGO_SETTINGS_MODULE", "config.settings")
    env.set_default("ORT_DISABLE_TELEMETRY", "1")
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except env.BadEnvironment as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
