"""The programs of examples/zigflow, as a test imports them."""

import sys
from pathlib import Path
from typing import Final

_EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "zigflow"
sys.path.insert(0, str(_EXAMPLE))

import service  # noqa: E402  # stands in the folder above
import worker  # noqa: E402

PYTHON_QUEUE: Final = worker.TASK_QUEUE

__all__ = ["PYTHON_QUEUE", "service", "worker"]
