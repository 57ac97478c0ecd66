#!/usr/bin/env python
"""Django's command line: adds platform/ to the path, nothing else. `./gradus manage …` runs it
beside the embedded servers.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "platform"))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradus.settings")

if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
