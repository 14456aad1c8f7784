"""Ends with 0 if the codec server of this container answers, with 1 if not."""

import http.client
import os
import ssl
import sys
from typing import Final

_SECONDS: Final = 4


def main() -> int:
    """Ask, and return the exit code."""
    port = int(os.environ.get("CLAIMCHECK_SERVER_PORT", "8081"))
    if "CLAIMCHECK_SERVER_TLS_CERTIFICATE_FILE" in os.environ:
        # Its certificate is for another name than this one, and it is our own process.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=_SECONDS, context=context
        )
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("GET", "/healthz")
        return 0 if connection.getresponse().status == http.HTTPStatus.OK else 1
    except (OSError, http.client.HTTPException):
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
