"""The golden workflows: the right result, and the claim check did its work."""

import pytest

from tests.zigflow.example import city_service
from tests.zigflow.stand import THRESHOLD_BYTES, Stand, Trace

pytestmark = pytest.mark.asyncio(loop_scope="session")

cities, countries = city_service.cities, city_service.countries

CITIES = len(cities())
COUNTRIES = len(countries())
HISTORY_BYTES = 50_000
TOO_LARGE = "TMPRL1103"
"""Temporal's own code for a payload over its limit."""
TWO_MEGABYTES = 2_000_000
TEN_MEGABYTES = 10_000_000


def assert_checked(stand: Stand, trace: Trace, *, claimed_bytes: int) -> None:
    """Check that what is large is in the store, and claims of it in the history."""
    # A task that a busy machine kept for a second is tried again; test_load.py has that in view.
    assert trace.failures == () or stand.deadlocks()
    assert trace.largest_payload_bytes < THRESHOLD_BYTES
    assert trace.history_bytes < HISTORY_BYTES
    assert trace.claimed_bytes > claimed_bytes


async def run(stand: Stand, workflow_type: str, value: object = None) -> tuple[Trace, int]:
    """Run a workflow; return its trace, and how many objects it added to the store."""
    before = stand.objects()
    trace = await stand.run(workflow_type, value)
    return trace, len(stand.objects() - before)


async def test_11_large_payload(checked: Stand) -> None:
    trace, stored = await run(checked, "claimcheck-large-payload", {})
    assert trace.result == {"accepted": True, "cities": CITIES, "countries": COUNTRIES}
    assert_checked(checked, trace, claimed_bytes=1_300_000)
    assert stored >= 2


async def test_11_with_a_state_over_2_mb_fails_without_the_claim_check_and_not_with_it(
    checked: Stand, unchecked: Stand
) -> None:
    value = {"bytes": 1_900_000}
    handle = await unchecked.start("claimcheck-large-payload", value)
    refusal = await unchecked.refusal(handle)
    assert TOO_LARGE in refusal, refusal
    await handle.terminate()

    trace, _ = await run(checked, "claimcheck-large-payload", value)
    assert trace.result["cities"] == len(cities(1_900_000))
    assert_checked(checked, trace, claimed_bytes=2 * TWO_MEGABYTES)


async def test_12_the_data_survives(checked: Stand) -> None:
    trace, _ = await run(checked, "claimcheck-data-survives", {})
    assert trace.result == {"whole": True, "cities": CITIES, "countries": COUNTRIES}
    assert_checked(checked, trace, claimed_bytes=TWO_MEGABYTES)


async def test_13_a_state_that_grows_over_2_mb(checked: Stand) -> None:
    trace, _ = await run(checked, "claimcheck-state-grows", {})
    sizes = (1_200_000, 1_300_000, 1_400_000)
    assert trace.result == {"counts": [len(cities(size)) for size in sizes]}
    assert_checked(checked, trace, claimed_bytes=3 * TWO_MEGABYTES)


async def test_14_for_over_large_items(checked: Stand) -> None:
    sizes = [900_000, 1_000_000, 1_100_000, 1_250_000]
    trace, _ = await run(checked, "claimcheck-for", {"sizes": sizes})
    assert trace.result == {"total": sum(len(cities(size)) for size in sizes)}
    assert_checked(checked, trace, claimed_bytes=2 * TWO_MEGABYTES)


async def test_15_fork_with_large_branches(checked: Stand) -> None:
    trace, _ = await run(checked, "claimcheck-fork", {})
    assert trace.result == {
        "cities": CITIES,
        "moreCities": len(cities(1_500_000)),
        "countries": COUNTRIES,
    }
    assert_checked(checked, trace, claimed_bytes=TWO_MEGABYTES)


async def test_16_try_with_large_errors(checked: Stand) -> None:
    trace, _ = await run(checked, "claimcheck-try", {})
    assert trace.result == {"http": "caught", "activity": "caught"}
    assert_checked(checked, trace, claimed_bytes=TWO_MEGABYTES)


async def test_17_listen_for_a_large_signal(checked: Stand) -> None:
    handle = await checked.start("claimcheck-listen")
    await handle.signal("deliver", {"cities": cities(1_900_000), "countries": countries()})
    trace = await checked.trace(handle)
    assert trace.result["whole"] is True
    assert trace.result["cities"] == len(cities(1_900_000))
    assert_checked(checked, trace, claimed_bytes=TWO_MEGABYTES)


async def test_18_run_a_child_workflow(checked: Stand) -> None:
    trace, _ = await run(checked, "claimcheck-parent", {})
    assert trace.result == {"cities": CITIES, "both": CITIES, "countries": COUNTRIES}
    assert_checked(checked, trace, claimed_bytes=TWO_MEGABYTES)


async def test_19_call_an_activity_in_python_with_10_mb(checked: Stand) -> None:
    trace, _ = await run(checked, "claimcheck-call-activity", {"bytes": TEN_MEGABYTES})
    count = len(cities(TEN_MEGABYTES))
    assert trace.result == {"cities": count, "enriched": count, "note": "from Zigflow"}
    assert_checked(checked, trace, claimed_bytes=2 * TEN_MEGABYTES)


async def test_20_continue_as_new(checked: Stand) -> None:
    trace, _ = await run(checked, "claimcheck-continue-as-new", {})
    assert trace.result == {"whole": True, "cities": CITIES, "countries": COUNTRIES}
    assert trace.runs > 1
    assert_checked(checked, trace, claimed_bytes=2 * TWO_MEGABYTES)
