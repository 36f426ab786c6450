"""Searches as Optuna's own studies, in a journal file that optuna-dashboard opens."""

from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from torchal.records import TuneRecord
from torchal.report import frame, searches
from torchal.report.importance import distribution, frozen


def export_studies(results: Path, experiment: str, folder: Path) -> list[Path]:
    """Write the searches of an experiment as studies into a new file of a folder, ``studies.log``, and return it.

    A search goes on by its own records; the file is a copy to look at.

    Raises:
        ValueError: if the file exists, or there is no search.
    """
    found = searches.read(frame.read(results, experiment), results).found
    if not found:
        raise ValueError(f"{results} holds no finished search of {experiment}; run it first, or name --results.")
    file = folder / "studies.log"
    if file.exists():
        raise ValueError(f"{file}: exists already; choose another folder for --to, or remove it.")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    storage = JournalStorage(JournalFileBackend(str(file)))
    for search in found:
        _write(search, storage)
    return [file]


def _write(search: searches.Search, storage: JournalStorage) -> None:
    name = f"{search.whose} {search.partition} cycle {search.cycle} {search.key[:8]}"
    space = {path: distribution(domain) for path, domain in search.space.items()}
    study = optuna.create_study(study_name=name, storage=storage, direction="maximize")
    study.add_trials([frozen(trial, space) for trial in TuneRecord.read(search.file).trials])
