"""Takes each rule of the collection out in turn, and shows which test notices.

    python -m tests.gc.mutations            # all, a table in Markdown
    python -m tests.gc.mutations lease      # those whose name has this in it
    python -m tests.gc.mutations --model    # asks the model, which takes longer

A rule is taken out by an edit in a copy of the sources. Two questions can be asked of each copy:
which test fails, and does the model, which knows no rule, find a live object deleted?
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["MUTATIONS", "Mutation"]

_ROOT: Final = Path(__file__).parents[2]
_SOURCES: Final = _ROOT / "src"
_PACKAGE: Final = Path("temporal_claimcheck")
_OTHERS: Final = "        await self._read_others()\n"
_OPEN: Final = "        await self._read_listed(Open(), self._keep_known)\n"
_READ: Final = f"""{_OTHERS}{_OPEN}\
        for name, window in await self._closed_windows():
            await self._read_window(name, window)
        await self._settle()
        await self._ask_for_known()
"""
_TESTS: Final = [
    f"tests/gc/test_{name}.py"
    for name in ("rules", "coverage", "marking", "lease", "holds", "plan")
]
_MODEL_STEPS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A rule, and the edit that takes it out."""

    rule: str
    file: str
    old: str
    new: str

    def apply(self, sources: Path) -> None:
        """Edit the copy. Raises ValueError unless the text is there exactly once."""
        path = sources / _PACKAGE / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.rule}: {text.count(self.old)} places in {self.file}")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


MUTATIONS: Final = (
    Mutation(
        rule="only days that ended more than the grace ago",
        file="gc/plan.py",
        old="return now - end > rules.grace",
        new="return now > end",
    ),
    Mutation(
        rule="only objects that are themselves older than the grace",
        file="gc/plan.py",
        old=" or began - modified <= rules.grace:",
        new=":",
    ),
    Mutation(
        rule="unreferenced in two passes",
        file="gc/plan.py",
        old="suspected_since is None or began",
        new="suspected_since is not None and began",
    ),
    Mutation(
        rule="the passes at least a day apart",
        file="gc/plan.py",
        old=" or began - suspected_since < rules.gap:",
        new=":",
    ),
    Mutation(
        rule="in every pass between",
        file="gc/shelves.py",
        old="if verdict in {Verdict.SUSPECT, Verdict.CONDEMNED}:",
        new="if since or verdict in {Verdict.SUSPECT, Verdict.CONDEMNED}:",
    ),
    Mutation(
        rule="an error while marking ends the pass",
        file="gc/marking.py",
        old="                found = await self._read_run(run)\n"
        "                if found is not None:",
        new="                try:\n                    found = await self._read_run(run)\n"
        "                except CollectionIncomplete:\n                    return\n"
        "                if found is not None:",
    ),
    Mutation(
        rule="marks that are gone end the pass",
        file="gc/passes.py",
        old="            raise CollectionIncomplete(",
        new="            return []\n            raise CollectionIncomplete(",
    ),
    Mutation(
        rule="every namespace that wrote is covered, by name",
        file="gc/coverage.py",
        old="if entry.namespace not in names:",
        new="if False:",
    ),
    Mutation(
        rule="every namespace that wrote is covered, by id",
        file="gc/coverage.py",
        old="if entry.namespace_id and (entry.namespace, entry.namespace_id) not in ids:",
        new="if False:",
    ),
    Mutation(
        rule="a namespace registers before its first object",
        file="manager.py",
        old="                    await self._registry.ensure(self.namespace)\n",
        new="",
    ),
    Mutation(
        rule="a namespace that reads another's payloads registers",
        file="manager.py",
        old="await self._registry.ensure_reader(self.namespace)",
        new="pass",
    ),
    Mutation(
        rule="no deletion if a namespace came up meanwhile",
        file="gc/steps.py",
        old="if _name(source) not in work.sources:",
        new="if False:",
    ),
    Mutation(
        rule="brake on the share that is deleted",
        file="gc/plan.py",
        old="if condemned > rules.small and",
        new="if False and",
    ),
    Mutation(
        rule="brake on no reference at all",
        file="gc/plan.py",
        old="if not references and not rules.may_be_unreferenced:",
        new="if False:",
    ),
    Mutation(
        rule="lease: one collector at a time",
        file="gc/lease.py",
        old="            if self._clock() < until:\n                raise",
        new="            if False:\n                raise",
    ),
    Mutation(
        rule="lease: who lost it deletes nothing",
        file="gc/lease.py",
        old="        names = await self._ledger.names(_PREFIX)\n        mine",
        new="        return\n        names = await self._ledger.names(_PREFIX)\n        mine",
    ),
    Mutation(
        rule="a collector's clock agrees with the store's",
        file="gc/lease.py",
        old="if known and error > _MAX_CLOCK_ERROR:",
        new="if False:",
    ),
    Mutation(
        rule="references are looked for again before the deletion",
        file="gc/steps.py",
        old="            await reader.look_again()\n",
        new="",
    ),
    Mutation(
        rule="holds are looked for again before the deletion",
        file="gc/sweep.py",
        old="if not held.keeps(key)]",
        new="]",
    ),
    Mutation(
        rule="schedules are read before runs",
        file="gc/marking.py",
        old=_READ,
        new=_READ.replace(_OTHERS, "") + _OTHERS,
    ),
    Mutation(
        rule="open runs are read before closed ones",
        file="gc/marking.py",
        old=_READ,
        new=_READ.replace(_OPEN, ""),
    ),
    Mutation(
        rule="closed runs of every age are listed",
        file="gc/marking.py",
        old="(today - first).days + 2",
        new="(today - first).days - 1",
    ),
    Mutation(
        rule="listed again until nothing is gone before it was read",
        file="gc/marking.py",
        old="            if not self._lost_one:\n                return",
        new="            return",
    ),
    Mutation(
        rule="what a run leads to is read too",
        file="gc/marking.py",
        old="        while self._links:",
        new="        while False:",
    ),
    Mutation(
        rule="what a closed run leads to is written before the run counts as read",
        file="gc/marking.py",
        old="            for link in found.runs - self._named.runs.keys():",
        new="            for link in ():",
    ),
    Mutation(
        rule="a closed run that is not listed any more is asked for",
        file="gc/marking.py",
        old="            if await self._read_run(run) is None:\n",
        new="            if True:\n",
    ),
    Mutation(
        rule="an open run that is not listed any more is asked for",
        file="gc/marking.py",
        old="self._read_runs(_each(named.runs),",
        new="self._read_runs(_each([]),",
    ),
    Mutation(rule="holds", file="gc/plan.py", old="    if held:", new="    if False:"),
    Mutation(
        rule="a dry run deletes nothing",
        file="gc/collector.py",
        old="                if delete:",
        new="                if True:",
    ),
    Mutation(
        rule="replays store nothing",
        file="manager.py",
        old="                if not mint:",
        new="                if True:",
    ),
)


def _run(sources: Path, *arguments: str) -> tuple[bool, str]:
    environment = {**os.environ, "PYTHONPATH": f"{sources}{os.pathsep}{_ROOT}"}
    done = subprocess.run(  # noqa: S603
        [sys.executable, *arguments],
        cwd=_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stdout + done.stderr


def _tests_that_notice(sources: Path) -> str:
    passed, output = _run(
        sources, *("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist"), *_TESTS
    )
    if passed:
        return "**none**"
    found = re.search(r"^FAILED \S+?/(\w+)\.py::(\w+)", output, re.MULTILINE)
    return f"`{found[2]}`" if found else f"**broken**: {output[-200:]}"


def _model_notices(sources: Path) -> str:
    passed, output = _run(
        sources, "-m", "tests.gc.model", "--steps", str(_MODEL_STEPS), "--processes", "1"
    )
    if passed:
        return "no"
    if "LiveObjectLost" not in output:
        return "another failure"
    return "yes"


def _main(arguments: list[str]) -> None:
    ask_model = "--model" in arguments
    words = [word for word in arguments if word != "--model"]
    found = "the model alone finds a loss" if ask_model else "the test that fails"
    print(f"| rule that is taken out | {found} |\n|---|---|", flush=True)  # noqa: T201
    for mutation in MUTATIONS:
        if words and not any(word in mutation.rule for word in words):
            continue
        with tempfile.TemporaryDirectory() as folder:
            sources = Path(folder) / "src"
            shutil.copytree(_SOURCES, sources, ignore=shutil.ignore_patterns("__pycache__"))
            mutation.apply(sources)
            notice = _model_notices(sources) if ask_model else _tests_that_notice(sources)
        print(f"| {mutation.rule} | {notice} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    _main(sys.argv[1:])
