"""Checks are independent: what one does wrong hides nothing of the others."""

import asyncio

import pytest

from temporal_claimcheck.doctor import catalogue
from temporal_claimcheck.doctor.findings import Area, Severity
from temporal_claimcheck.doctor.request import Request
from temporal_claimcheck.doctor.running import Outcome, Runner
from temporal_claimcheck.errors import InvalidSettings


async def fine() -> Outcome[int]:
    return Outcome(findings=[catalogue.STORE_USABLE.found("it works")], value=7)


async def broken() -> Outcome[int]:
    raise KeyError("a secret that must not be shown")


async def endless() -> Outcome[int]:
    await asyncio.Event().wait()
    return await fine()


async def test_a_check_that_breaks_hides_no_other() -> None:
    runner = Runner(seconds=60, progress=lambda _: None)
    assert await runner.run("one", Area.STORE, broken) is None
    assert await runner.run("two", Area.STORE, fine) == 7
    failed, found = runner.report.findings
    assert (failed.code, found.code) == ("check-failed", "store-usable")
    assert "KeyError" in failed.what
    assert "secret" not in failed.what + failed.remedy


async def test_a_check_that_takes_too_long_is_given_up() -> None:
    runner = Runner(seconds=0.01, progress=lambda _: None)
    assert await runner.run("the store", Area.STORE, endless) is None
    [late] = runner.report.findings
    assert late.code == "check-timed-out"
    assert "--timeout" in late.remedy


async def test_progress_says_what_is_looked_at() -> None:
    seen: list[str] = []
    runner = Runner(seconds=60, progress=seen.append)
    await runner.run("the store", Area.STORE, fine)
    assert seen == ["the store"]


async def test_findings_stand_by_area_in_the_order_they_were_found() -> None:
    runner = Runner(seconds=60, progress=lambda _: None)
    runner.skip("what expires", Area.EXPIRY, "of this")
    runner.skip("the first", Area.SETTINGS, "of that")
    runner.skip("the second", Area.SETTINGS, "of that")
    assert [each.what[:10] for each in runner.report.findings] == [
        "The first:",
        "The second",
        "What expir",
    ]


def test_what_is_wrong_always_has_a_remedy() -> None:
    for kind in catalogue.ALL_KINDS.values():
        if kind.severity in {Severity.WARNING, Severity.ERROR}:
            with pytest.raises(ValueError, match="not what to do"):
                kind.found("it is wrong", area=Area.STORE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"codec_endpoint": "localhost:8081"},
        {"codec_endpoint": "https://user:secret@codec.example.com"},
        {"web_ui_origin": "https://ui.example.com/"},
        {"web_ui_origin": "ui.example.com"},
        {"seconds": 0},
        {"seconds": float("nan")},
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidSettings):
        Request(**wrong)  # pyright: ignore[reportArgumentType]
