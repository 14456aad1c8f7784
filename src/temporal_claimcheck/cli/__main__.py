"""`python -m temporal_claimcheck.cli` is the command `claimcheck`."""

from temporal_claimcheck.cli import run

run()
