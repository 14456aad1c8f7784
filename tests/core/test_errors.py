"""One tree of errors: each has a code of its own, says if a retry helps, and crosses processes."""

import copy
import pickle
import re
from collections.abc import Iterator

import pytest

from temporal_claimcheck import errors
from temporal_claimcheck.errors import (
    BlobNotFound,
    ClaimCheckError,
    ClaimError,
    ConfigurationError,
    IntegrityError,
    StoreError,
)


def tree(kind: type[ClaimCheckError]) -> Iterator[type[ClaimCheckError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from tree(child)


ERRORS = [kind for kind in tree(ClaimCheckError) if kind.__module__ == errors.__name__]
every_error = pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)


def test_every_error_is_public() -> None:
    assert sorted(kind.__name__ for kind in ERRORS) == errors.__all__


def test_every_error_of_the_package_is_in_the_tree() -> None:
    public = [getattr(errors, name) for name in errors.__all__]
    assert all(issubclass(kind, ClaimCheckError) for kind in public)


def test_no_two_errors_share_a_code() -> None:
    assert len({kind.code for kind in ERRORS}) == len(ERRORS)


@every_error
def test_a_code_is_the_errors_own_and_can_stand_in_a_metric(kind: type[ClaimCheckError]) -> None:
    assert "code" in vars(kind)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code)


@every_error
def test_a_message_says_code_what_and_remedy(kind: type[ClaimCheckError]) -> None:
    error = kind("It broke.", remedy="Mend it.")
    assert str(error) == f"[{kind.code}] It broke. Mend it."
    assert (error.what, error.remedy) == ("It broke.", "Mend it.")


@every_error
def test_an_error_crosses_processes(kind: type[ClaimCheckError]) -> None:
    error = kind("It broke.", remedy="Mend it.")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301  # our own
        assert type(twin) is kind
        assert (str(twin), twin.what, twin.remedy) == (str(error), "It broke.", "Mend it.")


@pytest.mark.parametrize(
    ("root", "retryable"),
    [(ConfigurationError, False), (ClaimError, False), (StoreError, True), (IntegrityError, True)],
)
def test_a_kind_of_error_is_retryable_or_not(
    root: type[ClaimCheckError], *, retryable: bool
) -> None:
    for kind in tree(root):
        assert kind.retryable is retryable, kind


@every_error
def test_no_error_is_one_that_fails_a_workflow(kind: type[ClaimCheckError]) -> None:
    # Temporal fails the workflow for its own failures, and only the task for all else.
    assert not any(base.__module__.startswith("temporalio") for base in kind.__mro__)


def test_a_missing_blob_is_the_stores_error_and_not_of_its_content() -> None:
    assert issubclass(BlobNotFound, StoreError)
    assert not issubclass(BlobNotFound, IntegrityError)
