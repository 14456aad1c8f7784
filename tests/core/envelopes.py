"""Objects built by hand, as a later release or an attacker would build them."""

import json
import struct

from blake3 import blake3

MAGIC = b"\x89TCC\r\n\x1a\n"
KEY = f"v1/default/2026-11-22/{'3f' * 32}"


def envelope(header: bytes, body: bytes, *, magic: bytes = MAGIC, version: int = 1) -> bytes:
    """Return an object whose checksum is right, whatever else is wrong with it."""
    prefix = struct.pack(">8sBI", magic, version, len(header))
    return prefix + blake3(prefix + header + body).digest() + header + body


def header(**changes: object) -> bytes:
    """Return a header as this release writes it, with some fields changed; ... drops one."""
    fields: dict[str, object] = {
        "body": "whole",
        "compression": "none",
        "encryption": "none",
        "plain_bytes": 4,
    }
    fields |= changes
    kept = {name: value for name, value in fields.items() if value is not ...}
    return json.dumps(kept, separators=(",", ":"), sort_keys=True).encode()
