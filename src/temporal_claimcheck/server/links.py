"""Links to the view page of one payload, signed, that expire.

A browser sends no bearer token with a link that is clicked. So the link itself says that somebody
who may read the payload made it, and until when it holds.
"""

import hmac
import re
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from temporal_claimcheck.server.refusals import Refused

__all__ = ["ViewLinks"]

_EXPIRY: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_CONTEXT: Final = b"temporal-claimcheck view link 1"


class ViewLinks:
    """Makes links and checks them."""

    def __init__(
        self, secret: bytes, *, seconds: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._secret = secret
        self._seconds = seconds
        self._clock = clock

    def path_to(self, key: str) -> str:
        """Return path and query of a link to the payload under a key of the store."""
        expires = str(int(self._clock()) + self._seconds)
        return f"/view/{key}?" + urlencode(
            {"expires": expires, "signature": self._sign(key, expires)}
        )

    def check(self, key: str, query: Mapping[str, str]) -> None:
        """Raise Refused unless the query is one that `path_to` made for the key, and holds."""
        expires, signature = query.get("expires", ""), query.get("signature", "")
        # Compared before it is looked at: a forged expiry is forged, not expired.
        genuine = hmac.compare_digest(self._sign(key, expires).encode(), signature.encode())
        if not genuine or not _EXPIRY.fullmatch(expires):
            raise Refused(
                403, "link-refused", "This link was not made by this server.", remedy=_ASK_AGAIN
            )
        if int(expires) < self._clock():
            raise Refused(403, "link-expired", "This link has expired.", remedy=_ASK_AGAIN)

    def _sign(self, key: str, expires: str) -> str:
        message = b"\0".join((_CONTEXT, key.encode(), expires.encode()))
        return hmac.new(self._secret, message, sha256).hexdigest()


_ASK_AGAIN: Final = "Take a fresh one from the Web UI or from the index page."
