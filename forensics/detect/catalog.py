"""The catalogue: every detector by its id, from the package and from extra directories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from forensics.detect.detector import Detector, parse_detector
from forensics.errors import DetectorError, UsageError

_LARGEST = 256 * 1024  # bytes; the largest of ours is a twentieth of it
_PACKAGED = "_queries"  # where a wheel carries queries/

Catalog = Mapping[str, Detector]


def load_catalog(extra: Sequence[Path] = ()) -> Catalog:
    """All detectors, sorted by id: the package's own, and those of each directory in `extra`.

    Extra ones are linted first, since nobody has reviewed them: what does not keep the contract of
    `queries/` is refused (`detector-lint`), and so is an id that is already taken.
    """
    detectors = {detector.id: detector for detector in _load(own_queries())}
    for directory in extra:
        if not directory.is_dir():
            raise UsageError("no-such-directory", f"{directory} is not a directory of detectors")
        for detector in _load(directory):
            _check_foreign(detector)
            if detector.id in detectors:
                raise DetectorError("detector-id", f"{detector.path}: its id is already taken")
            detectors[detector.id] = detector
    return dict(sorted(detectors.items()))


def load_folder(directory: Path) -> Catalog:
    """The detectors of one directory alone, sorted by id, not linted."""
    if not directory.is_dir():
        raise UsageError("no-such-directory", f"{directory} is not a directory of detectors")
    return dict(sorted((detector.id, detector) for detector in _load(directory)))


def own_queries() -> Traversable:
    """The queries that came with this package: inside a wheel, else beside the source tree."""
    package = resources.files("forensics")
    packaged = package / _PACKAGED
    if packaged.is_dir():
        return packaged
    return Path(str(package)).parent / "queries"


def _load(root: Traversable | Path) -> Iterator[Detector]:
    """The detectors of `root/<folder>/<id>.sql`, in order of folder and name."""
    for folder in sorted(root.iterdir(), key=lambda entry: entry.name):
        if folder.is_dir():
            for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
                if file.name.endswith(".sql"):
                    name = file.name.removesuffix(".sql")
                    yield parse_detector(_read(file, folder.name), folder.name, name)


def _read(file: Traversable, folder: str) -> str:
    with file.open("rb") as stream:
        data = stream.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise DetectorError("detector-header", f"{folder}/{file.name}: larger than {_LARGEST} B")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DetectorError("detector-header", f"{folder}/{file.name}: not UTF-8") from error


def _check_foreign(detector: Detector) -> None:
    # Only foreign detectors pay for the linter's SQL parser, which is slow to import.
    from forensics.detect.lint import lint_detector

    problems = lint_detector(detector)
    if problems:
        raise DetectorError("detector-lint", f"{detector.path}: {problems[0]}")
