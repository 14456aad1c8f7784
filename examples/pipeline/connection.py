"""Where Temporal is and which task queue the pipeline uses: what the scripts share."""

import os
from typing import Final

ADDRESS: Final = os.environ.get("TEMPORAL_ADDRESS", "localhost:7233")
NAMESPACE: Final = os.environ.get("TEMPORAL_NAMESPACE", "default")
TASK_QUEUE: Final = os.environ.get("TASK_QUEUE", "large-data-pipeline")
