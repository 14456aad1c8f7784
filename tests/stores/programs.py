"""Programs that are measured: each runs in a process of its own, so that its memory is its own."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from temporal_claimcheck.testing.servers import S3Server

ROOT = Path(__file__).parents[2]


def environment_of(server: S3Server) -> dict[str, str]:
    """Return what a process needs to use `s3://` URLs with this server."""
    return {
        "AWS_ACCESS_KEY_ID": server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
        "CLAIMCHECK_S3_ENDPOINT": server.endpoint,
        "CLAIMCHECK_S3_REGION": "us-east-1",
    }


async def said_by(
    module: str, *arguments: object, environment: Mapping[str, str], said_to: object = None
) -> Any:
    """Run a module with JSON on its standard input, and return the JSON that it prints."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *map(str, arguments)),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        said, _ = await program.communicate(json.dumps(said_to).encode())
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    assert program.returncode == 0
    return json.loads(said)
