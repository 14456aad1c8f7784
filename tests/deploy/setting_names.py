"""The variables that there are, and values in the place of placeholders."""

import re
from collections.abc import Mapping
from typing import Final

from pydantic import AliasChoices

from temporal_claimcheck.gc.settings import CollectorSettings
from temporal_claimcheck.server.settings import ServerSettings
from temporal_claimcheck.settings import Settings

# What Temporal's own tools read, as far as the deployment uses it, and the example's.
TEMPORALS: Final = frozenset(
    {
        "TEMPORAL_ADDRESS",
        "TEMPORAL_NAMESPACE",
        "TEMPORAL_API_KEY",
        "TEMPORAL_TLS_CLIENT_CERT_PATH",
        "TEMPORAL_TLS_CLIENT_KEY_PATH",
    }
)
EXAMPLES: Final = frozenset({"TASK_QUEUE"})
SECRETS: Final = frozenset(
    {
        "R2_ACCESS_KEY_ID",
        "R2_SECRET_ACCESS_KEY",
        "CLAIMCHECK_SERVER_LINK_SECRET",
        "CLAIMCHECK_SERVER_TOKENS",
        "CLAIMCHECK_ENCRYPTION_KEYS",
        "CLAIMCHECK_REDIS_SENTINEL_PASSWORD",
        "TEMPORAL_API_KEY",
    }
)
# Those of the seed keep their names.
PLACEHOLDERS: Final[Mapping[str, str]] = {
    "https://PLACEHOLDER-IDENTITY-PROVIDER": "https://login.example.com",
    "PLACEHOLDER-R2-ENDPOINT-URL": "https://0123456789abcdef.r2.cloudflarestorage.com",
    "PLACEHOLDER-R2-BUCKET-NAME": "claims",
    "PLACEHOLDER-MAIL-DOMAIN": "example.com",
}


def known() -> set[str]:
    """Return the variables of all our settings."""
    names = {
        f"CLAIMCHECK_{part}{name.upper()}"
        for part, settings in (
            ("", Settings),
            ("SERVER_", ServerSettings),
            ("GC_", CollectorSettings),
        )
        for name in settings.model_fields
    }
    aliases = (field.validation_alias for field in Settings.model_fields.values())
    names |= {str(each.choices[0]) for each in aliases if isinstance(each, AliasChoices)}
    return names | {"CLAIMCHECK_CONFIG"}


def filled_in(value: str) -> str:
    """Return the value as somebody would have it in the place of its placeholders."""
    for placeholder, real in PLACEHOLDERS.items():
        value = value.replace(placeholder, real)
    return re.sub(r"PLACEHOLDER-[A-Z0-9-]+", "made-up-and-long-enough", value)
