"""The programs of examples/zigflow, as a test imports them."""

import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "zigflow"))

import city_service  # stands in the folder above
import city_worker

__all__ = ["PYTHON_QUEUE", "city_service", "city_worker"]

PYTHON_QUEUE: Final = city_worker.TASK_QUEUE
