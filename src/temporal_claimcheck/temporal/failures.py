"""Failures that show no content, and yet tell an operator what is wrong with the claim check."""

from temporalio.api.failure.v1 import Failure
from temporalio.converter import DefaultFailureConverterWithEncodedAttributes, PayloadConverter

from temporal_claimcheck.errors import ClaimCheckError
from temporal_claimcheck.temporal.patience import PayloadUnavailable

__all__ = ["EncryptedFailureConverter"]


class EncryptedFailureConverter(DefaultFailureConverterWithEncodedAttributes):
    """Encodes messages and stack traces, so that the codec encrypts them.

    The message of an error of the claim check itself stays readable besides. It holds no content,
    and who has lost a key could not decrypt that the key is missing.
    """

    def to_failure(
        self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure
    ) -> None:
        """See FailureConverter."""
        super().to_failure(exception, payload_converter, failure)
        if isinstance(exception, ClaimCheckError | PayloadUnavailable):
            failure.message = str(exception)
