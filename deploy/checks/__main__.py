from __future__ import annotations

import sys

from deploy.checks.running import main

sys.exit(main(sys.argv[1:]))
