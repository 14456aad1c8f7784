"""What the server writes to its log: one JSON document a line."""

import datetime as dt
import json
import logging

from temporal_claimcheck.server.guard import access_log

__all__ = ["JsonLines"]


class JsonLines(logging.Formatter):
    """Formats records as JSON; a line of the access log is JSON already and gets its time."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line: dict[str, object] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(),
            "level": record.levelname.lower(),
        }
        if record.name == access_log.name:
            return json.dumps(line | json.loads(record.getMessage()))
        line |= {"logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)
