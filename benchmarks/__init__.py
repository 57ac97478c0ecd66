"""What must be fast, measured as ratios in one run. Each file says how to run it;
docs/measurements.md keeps what was found.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
for folder in (str(ROOT), str(ROOT / "platform")):
    if folder not in sys.path:
        sys.path.insert(0, folder)
