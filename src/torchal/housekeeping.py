"""A store kept in order: what nobody refers to, whether all is as it was written, and two stores made one."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from torchal.intact import Corrupt, unaltered
from torchal.records import Fingerprint, FingerprintFile, PlanRecord, RunRecord
from torchal.show import size
from torchal.stage_log import held
from torchal.store import Store

_KEY = re.compile("[0-9a-f]{64}")
Heard = Callable[[int, int], None]
"""Hears how many entries are done, of how many."""


@dataclass(frozen=True)
class Unused:
    """Entries that no experiment refers to."""

    entries: tuple[Path, ...]
    bytes: int
    unfinished: tuple[str, ...]
    """Experiments that are not finished: they may go on from entries that no record names yet."""
    at_work: bool
    """Whether a process is computing into the store now."""

    def said(self, *, removed: bool) -> str:
        """Return it in words."""
        if not self.entries:
            return "Every entry is referred to."
        count, taken = len(self.entries), size(self.bytes)
        if removed:
            return f"Removed {count} entries, {taken}."
        listed = "\n".join(f"{entry.parent.name}/{entry.name}" for entry in self.entries)
        return f"{listed}\n{count} entries, {taken}, that no experiment refers to; torchal gc --delete removes them."


@dataclass(frozen=True)
class Checked:
    """What a look at every byte of a store has found."""

    whole: int
    faults: tuple[str, ...]

    @property
    def said(self) -> str:
        """It in words."""
        if not self.faults:
            return f"All {self.whole} entries are as they were written."
        remedy = "torchal run computes what is damaged anew."
        return "\n".join([*self.faults, f"{self.whole} entries are whole, {len(self.faults)} are not; {remedy}"])


@dataclass
class Synced:
    """What became of the entries of one store in another."""

    copied: int = 0
    there: int = 0
    faults: list[str] = field(default_factory=list)
    """Entries that are damaged, or that the two stores hold with different bytes."""

    @property
    def said(self) -> str:
        """It in words."""
        return "\n".join([*self.faults, f"{self.copied} entries copied, {self.there} were there already."])


def unused(results: Path) -> Unused:
    """Find the entries that no run of an experiment in the folder refers to, nor an entry that one refers to.

    Raises:
        ValueError: if the folder holds no store, or a record in it is not what torchal writes.
    """
    store, plans = _store(results), sorted(results.glob("*/plan.json"))
    kept: set[Path] = set()
    unfinished = []
    for plan in plans:
        records = [RunRecord.read(file) for file in sorted((plan.parent / "runs").glob("*.json"))]
        for record in records:
            for cycle in record.cycles:
                for stage, key in cycle.keys.items():
                    _reach(store, stage, key, kept)
        finished = {record.id for record in records if record.finished}
        if any(run.id not in finished for run in PlanRecord.read(plan).runs):
            unfinished.append(plan.parent.name)
    loose = tuple(entry for entry in _entries(store) if entry not in kept)
    taken = sum(file.stat().st_size for entry in loose for file in entry.rglob("*") if file.is_file())
    return Unused(loose, taken, tuple(unfinished), _at_work(store))


def remove(results: Path, found: Unused) -> None:
    """Remove entries, each in one step.

    Raises:
        ValueError: if a process is computing into the store, since it may be about to use them.
    """
    if found.at_work:
        raise ValueError(f"{results}: a process is computing into the store; let it end, then remove what is left.")
    drafts = results / "store" / "drafts"
    drafts.mkdir(exist_ok=True)
    for entry in found.entries:
        gone = drafts / f"gone-{entry.parent.name}-{entry.name}"
        entry.rename(gone)
        shutil.rmtree(gone)


def check(results: Path, heard: Heard = lambda _, __: None) -> Checked:
    """Compare every file of every entry with its digest.

    Raises:
        ValueError: if the folder holds no store.
    """
    entries, faults = list(_entries(_store(results))), []
    for number, entry in enumerate(entries, 1):
        try:
            unaltered(entry)
        except Corrupt as fault:
            faults.append(str(fault))
        heard(number, len(entries))
    return Checked(len(entries) - len(faults), tuple(faults))


def sync(source: Path, target: Path, *, mixed: bool = False, heard: Heard = lambda _, __: None) -> Synced:
    """Copy the entries that a folder of results has and another lacks; each is checked, and appears in one step.

    Raises:
        ValueError: if the source holds no store, or the two were computed under different fingerprints and ``mixed``
            does not allow that.
    """
    entries, answer = list(_entries(_store(source))), Synced()
    _meet(source, target, mixed=mixed)
    with Store(target / "store") as store:
        for number, entry in enumerate(entries, 1):
            _copy(entry, store, answer)
            heard(number, len(entries))
    return answer


def _copy(entry: Path, store: Store, answer: Synced) -> None:
    try:
        unaltered(entry)
    except Corrupt as fault:
        answer.faults.append(str(fault))
        return
    known = store.root / entry.parent.name / entry.name
    if not known.is_dir():
        store.adopt(entry)
        answer.copied += 1
    elif (known / "digests.json").read_bytes() == (entry / "digests.json").read_bytes():
        answer.there += 1
    else:
        answer.faults.append(f"{entry.parent.name}/{entry.name}: the two stores hold different bytes; {known} is kept")


def _meet(source: Path, target: Path, *, mixed: bool) -> None:
    """Have the target's fingerprints hold those of the source."""
    theirs, ours = _fingerprints(source), _fingerprints(target)
    strange = [each for each in theirs if each not in ours]
    if ours and strange and not mixed:
        raise ValueError(
            f"{source} was computed under a fingerprint that {target} does not know; accept and record the mixture "
            "with --mixed, or sync into another folder"
        )
    if strange:
        store = Store(target / "store")
        store.write(target / "fingerprint.json", FingerprintFile(accepted=(*ours, *strange)).text())
        store.close()


def _fingerprints(results: Path) -> tuple[Fingerprint, ...]:
    file = results / "fingerprint.json"
    return FingerprintFile.read(file).accepted if file.is_file() else ()


def _store(results: Path) -> Path:
    if not (results / "store").is_dir():
        raise ValueError(f"{results}: holds no store; name a folder of results, such as 'results'.")
    return results / "store"


def _entries(store: Path) -> Iterator[Path]:
    return (path for path in sorted(store.glob("*/*/")) if _KEY.fullmatch(path.name))


def _reach(store: Path, stage: str, key: str, kept: set[Path]) -> None:
    """Keep an entry and all that were asked for to compute it."""
    due = [(stage, key)]
    while due:
        stage, key = due.pop()
        entry = store / stage / key
        if entry in kept:
            continue
        kept.add(entry)
        uses = entry / "uses.json"
        due += [(name, each) for name, each in json.loads(uses.read_bytes())] if uses.is_file() else []


def _at_work(store: Path) -> bool:
    return any(held(file) for file in (store / "drafts").glob("*.lock"))
