"""Where Temporal is and which task queue the pipeline uses: what the scripts share."""

import os
from typing import Final

from temporalio.envconfig import ClientConfig

# TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_...: the names that all of
# Temporal's tools read.
CONNECTION: Final = ClientConfig.load_client_connect_config(disable_file=True)
ADDRESS: Final = CONNECTION.setdefault("target_host", "localhost:7233")
TASK_QUEUE: Final = os.environ.get("TASK_QUEUE", "large-data-pipeline")
