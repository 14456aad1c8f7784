"""Reads and writes the lifecycle configuration of a bucket, by the S3 API.

Written is only ever the whole configuration with our rule in it. The request that deletes one is
never sent: a server that does not know it takes it for a request to delete the bucket.
"""

import asyncio
import importlib
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from temporal_claimcheck.errors import InvalidSettings, MissingExtra, StoreDenied, StoreUnavailable
from temporal_claimcheck.gc.lifecycle.bucket_rules import BucketPlace, Rule, merged
from temporal_claimcheck.settings import Settings

__all__ = ["BucketLifecycle"]

T = TypeVar("T")

_NONE_YET: Final = "NoSuchLifecycleConfiguration"
_DENIED: Final = frozenset(
    ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403", "ExpiredToken")
)
_PASSED_ON: Final = "TransitionDefaultMinimumObjectSize"


class BucketLifecycle:
    """The lifecycle rules of one bucket. Raises StoreError, and InvalidSettings."""

    def __init__(self, settings: Settings, place: BucketPlace) -> None:
        """Connect as the store does. Raises MissingExtra without boto3."""
        try:
            session: Any = importlib.import_module("boto3.session")
            self._errors: Any = importlib.import_module("botocore.exceptions")
            config: Any = importlib.import_module("botocore.config")
        except ModuleNotFoundError as error:
            raise MissingExtra(
                "Lifecycle rules of a bucket are read and set with the package boto3.",
                remedy="Run: pip install 'temporal-claimcheck[lifecycle]'",
            ) from error
        self._place = place
        is_r2 = place.scheme == "r2"
        endpoint = settings.r2_endpoint if is_r2 else settings.s3_endpoint
        # The store's client reads AWS_REGION, boto does not.
        region = settings.r2_region if is_r2 else settings.s3_region or os.environ.get("AWS_REGION")
        given: dict[str, Any] = {}
        if is_r2:
            id_, secret = settings.r2_access_key_id, settings.r2_secret_access_key
            given["aws_access_key_id"] = id_ and id_.get_secret_value()
            given["aws_secret_access_key"] = secret and secret.get_secret_value()
        elif settings.s3_ca_file is not None:
            given["verify"] = str(settings.s3_ca_file)
        options = config.Config(
            connect_timeout=settings.connect_timeout_seconds,
            read_timeout=settings.request_timeout_seconds,
            # As the store does: whoever names an endpoint may have no names of buckets there.
            s3={"addressing_style": "path" if endpoint else "auto"},
        )
        # A session of its own: boto's default one remembers credentials for the whole process.
        connect = session.Session().client
        try:
            self._client: Any = connect(
                "s3", endpoint_url=endpoint, region_name=region, config=options, **given
            )
        except (self._errors.BotoCoreError, ValueError) as error:
            raise InvalidSettings(
                f"The bucket {place.bucket} cannot be asked for its rules: {error}",
                remedy="Set CLAIMCHECK_S3_REGION, and check the endpoint and your AWS profile.",
            ) from error

    async def rules(self) -> Sequence[Rule]:
        """Return the rules as they are configured."""
        found = await self._call("read", self._read)
        return found.get("Rules", ())

    async def set(self, days: int | None) -> Sequence[Rule]:
        """Put our rule among the others, and return all of them as the bucket then has them.

        Who changes the rules at the same moment may undo it: S3 knows no condition for this.
        """
        found = await self._call("read", self._read)
        rules = merged(found.get("Rules", ()), self._place, days)
        more = {name: value for name, value in found.items() if name == _PASSED_ON}
        await self._call(
            "set",
            lambda: self._client.put_bucket_lifecycle_configuration(
                Bucket=self._place.bucket, LifecycleConfiguration={"Rules": rules}, **more
            ),
        )
        now = await self.rules()
        ours = [rule for rule in now if rule.get("ID") == self._place.rule_id]
        if not ours or ours[0].get("Expiration") != rules[-1].get("Expiration"):
            raise self._unsupported()
        return now

    def _read(self) -> dict[str, Any]:
        try:
            found = self._client.get_bucket_lifecycle_configuration(Bucket=self._place.bucket)
        except self._errors.ClientError as error:
            if _code(error) == _NONE_YET:
                return {}
            raise
        if "Rules" not in found:
            # The server took it for another request, such as for a listing.
            raise self._unsupported()
        return found

    async def _call(self, verb: str, request: Callable[[], T]) -> T:
        with self._translated(verb):
            return await asyncio.to_thread(request)

    @contextmanager
    def _translated(self, verb: str) -> Generator[None]:
        what = f"The lifecycle rules of {self._place.scheme}://{self._place.bucket}"
        try:
            yield
        except self._errors.ClientError as error:
            code = _code(error)
            if code in _DENIED:
                raise StoreDenied(
                    f"{what} could not be {verb}: {code}.",
                    remedy="Use credentials with s3:GetLifecycleConfiguration, and to apply with "
                    "s3:PutLifecycleConfiguration; on R2, a token with Admin Read & Write.",
                ) from error
            if code == "NoSuchBucket":
                raise InvalidSettings(
                    f"There is no bucket {self._place.bucket}.", remedy="Correct CLAIMCHECK_STORE."
                ) from error
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:  # noqa: PLR2004
                raise StoreUnavailable(
                    f"{what} could not be {verb}: {code}.", remedy="Try again later."
                ) from error
            raise self._unsupported(code) from error
        except self._errors.NoCredentialsError as error:
            raise StoreDenied(
                f"{what} could not be {verb}: there are no credentials.",
                remedy="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what your machine has.",
            ) from error
        except self._errors.BotoCoreError as error:
            raise StoreUnavailable(
                f"{what} could not be {verb}: {type(error).__name__}.",
                remedy="Check the endpoint, the region and the network.",
            ) from error

    def _unsupported(self, code: str = "") -> InvalidSettings:
        said = f" ({code})" if code else ""
        return InvalidSettings(
            f"The server of {self._place.scheme}://{self._place.bucket} does not take lifecycle "
            f"rules{said}, so nothing expires there by a rule that could be read or set.",
            remedy="Collect with claimcheck gc, or set the expiry by the server's own means.",
        )


def _code(error: Any) -> str:  # noqa: ANN401  # boto's errors are untyped
    return str(error.response.get("Error", {}).get("Code", ""))
