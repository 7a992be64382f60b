"""How large the scenarios are: as a whole (tools/scenario), or a small form."""

import os

FULL = os.environ.get("MORO_SCENARIO") == "full"
