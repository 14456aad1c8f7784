"""`python -m temporal_claimcheck.cli` is the command `claimcheck`."""

import sys

from temporal_claimcheck.cli import main

sys.exit(main())
