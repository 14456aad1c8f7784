"""Large in, small out: read every transformed record and say in a few kilobytes what they hold."""

from collections import Counter
from statistics import fmean, median

from temporalio import activity

from model import NumberField, Record, Summary, TextField

MAX_FIELDS = 20
"""Fields reported of each kind, the fullest first: what keeps the summary small."""


@activity.defn
def generate_summary(records: list[Record]) -> Summary:
    """Describe records that `transform_large_dataset` returned."""
    numbers: dict[str, list[float]] = {}
    texts: dict[str, Counter[str]] = {}
    for record in records:
        for name, value in record.items():
            if isinstance(value, str):
                texts.setdefault(name, Counter())[value] += 1
            elif isinstance(value, int | float) and not isinstance(value, bool):
                numbers.setdefault(name, []).append(value)

    derived: list[Record] = [record["derived"] for record in records]
    return Summary(
        record_count=len(records),
        duplicate_count=len(records) - len({facts["fingerprint"] for facts in derived}),
        completeness=round(fmean(facts["completeness"] for facts in derived), 3) if derived else 1,
        number_fields=[
            NumberField(
                name=name,
                filled=len(values),
                smallest=min(values),
                median=median(values),
                largest=max(values),
            )
            for name, values in sorted(numbers.items(), key=lambda field: -len(field[1]))
        ][:MAX_FIELDS],
        text_fields=[
            TextField(
                name=name,
                filled=counts.total(),
                distinct=len(counts),
                most_common=[value[:24] for value, _ in counts.most_common(3)],
            )
            for name, counts in sorted(texts.items(), key=lambda field: -field[1].total())
        ][:MAX_FIELDS],
    )
