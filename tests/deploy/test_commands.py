"""What the other tests ask of command lines tells right from wrong."""

import pytest

from tests.deploy.commands import parses


@pytest.mark.parametrize(
    ("arguments", "right"),
    [
        (["serve"], True),
        (["serve", "--port", "9000"], True),
        (["hold", "list", "--json"], True),
        ([], False),
        (["surve"], False),
        (["hold"], False),
        (["serve", "--prot", "9000"], False),
        (["serve", "--port", "many"], False),
        (["gc", "now"], False),
    ],
    ids=str,
)
def test_a_command_line_is_told_from_one_that_is_none(arguments: list[str], right: bool) -> None:
    assert parses(arguments) is right
