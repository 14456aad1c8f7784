"""Starts the pipeline on a large data set, waits, and prints the summary."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import FailureError
from temporalio.service import RPCError

from connection import CONNECTION, TASK_QUEUE
from model import Record, Summary
from records import RecordsError, load_dataset
from temporal_claimcheck import ClaimCheckPlugin  # claim check, line 1 of 2


async def run_pipeline(records: list[Record], workflow_id: str) -> Summary:
    client = await Client.connect(
        **CONNECTION,
        plugins=[ClaimCheckPlugin()],  # claim check, line 2 of 2
    )
    return await client.execute_workflow(
        "LargeDataPipeline",
        records,
        id=workflow_id,
        task_queue=TASK_QUEUE,
        result_type=Summary,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run the pipeline once.")
    parser.add_argument("--input", type=Path, metavar="FILE", help="JSON, JSON lines or CSV")
    parser.add_argument("--size", help="such as 10MB; cut or repeat the records to reach it")
    parser.add_argument("--workflow-id", default=f"large-data-pipeline-{uuid4()}")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the outcome as JSON, in one line, the last",
    )
    options = parser.parse_args(arguments)
    try:
        dataset = load_dataset(options.input, options.size)
    except RecordsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2

    if not options.json:
        print(f"{options.workflow_id}: {len(dataset.records):,} records from {dataset.source}")
        print(f"{dataset.size_bytes:,} bytes of JSON. {dataset.note}")
    try:
        summary = asyncio.run(run_pipeline(dataset.records, options.workflow_id))
    except (RPCError, WorkflowFailureError) as error:
        if options.json:
            print(json.dumps({"workflow_id": options.workflow_id, "error": explain(error)}))
        print(f"error: {explain(error)}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps({"workflow_id": options.workflow_id, "summary": asdict(summary)}))
    else:
        print_summary(summary)
    return 0


def explain(error: RPCError | WorkflowFailureError) -> str:
    """Return what Temporal said: the refusal itself, or what the workflow failed of at bottom."""
    if isinstance(error, RPCError):
        return f"{error.status.name}: {error.message}"
    cause: BaseException = error.cause
    while isinstance(cause, FailureError) and cause.cause is not None:
        cause = cause.cause
    return f"{type(cause).__name__}: {cause}"


def print_summary(summary: Summary) -> None:
    print(
        f"\n{summary.record_count:,} records, {summary.duplicate_count:,} of them duplicates,"
        f" {summary.completeness:.0%} of all fields filled"
    )
    print(f"\n{'numbers':<20}{'filled':>10}{'smallest':>16}{'median':>16}{'largest':>16}")
    for field in summary.number_fields:
        print(
            f"{field.name:<20.20}{field.filled:>10,}"
            f"{field.smallest:>16,.10g}{field.median:>16,.10g}{field.largest:>16,.10g}"
        )
    print(f"\n{'texts':<20}{'filled':>10}{'distinct':>16}  most common")
    for text in summary.text_fields:
        values = ", ".join(text.most_common)
        print(f"{text.name:<20.20}{text.filled:>10,}{text.distinct:>16,}  {values}")


if __name__ == "__main__":
    sys.exit(main())
