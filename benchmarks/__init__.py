"""Benchmarks of what must be fast, as ratios within one run.

Each file says how to run it; docs/measurements.md has the results.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
for folder in (str(ROOT), str(ROOT / "platform")):
    if folder not in sys.path:
        sys.path.insert(0, folder)
