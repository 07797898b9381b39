"""Models on disk: a folder a version, with card and baseline, that appears whole and is checked before it is loaded.

::

    models/MODEL/VERSION/model.skops  (or model.joblib)
                         card.json card.md baseline.json
                         manifest.json     format, size, SHA-256 and types of the model's file
    models/MODEL/rejected/VERSION/card.json card.md

A model is loaded from its own folder only, after its file's size and hash were found to be those of the manifest. A
skops file holds no code, and names the types that it needs: those of scikit-learn, NumPy, SciPy, driftwatch's own and
packages that the user allows are taken, others are refused. A joblib file is a pickle, which runs what it says: it is
loaded only where nobody but the present user can write to the folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec

from driftwatch.errors import InputError, ModelStoreError
from driftwatch.training.recipe import ModelFormat

MANIFEST = "manifest.json"
FORMAT_VERSION = 1
TRUSTED_PACKAGES = ("sklearn", "numpy", "scipy")
TRUSTED_TYPES = ("driftwatch.training.category_names.CategoryNames",)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_REJECTED = "rejected"
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model's file must be."""

    version: int
    format: ModelFormat
    file: str
    size_bytes: int
    sha256: str
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A model's file that is written and not published: nobody sees it yet."""

    folder: Path
    manifest: Manifest


class ModelStore:
    """The models of one name below one folder.

    Parameters
    ----------
    root
        The store's folder; made when the first model is written, for its owner only.
    model
        The model's name.
    packages
        Whose types a skops file may need, besides `TRUSTED_PACKAGES`.

    Raises
    ------
    InputError
        If the name is none for a folder.
    """

    def __init__(self, root: str | Path, model: str, *, packages: Collection[str] = ()) -> None:
        self._folder = Path(root) / _checked_name(model, "model")
        self._packages = (*TRUSTED_PACKAGES, *packages)

    def path(self, version: str) -> Path:
        """The folder of a version, whether it is there or not.

        Raises
        ------
        InputError
            If the version is no name for a folder.
        """
        return self._folder / _checked_version(version)

    def versions(self) -> list[str]:
        """The versions that are there, by name."""
        if not self._folder.is_dir():
            return []
        return sorted(
            one.name for one in self._folder.iterdir() if (one / MANIFEST).is_file() and one.name != _REJECTED
        )

    @contextmanager
    def draft(self, model: Any, form: ModelFormat) -> Iterator[Draft]:
        """Write a model beside the others, unseen; it is gone at the end unless it was published.

        Raises
        ------
        ModelStoreError
            If it cannot be written, or has types that would not be loaded again.
        """
        folder = self._folder / f".draft-{os.getpid()}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            file = folder / f"model.{form.value}"
            (_dump_skops if form is ModelFormat.SKOPS else _dump_joblib)(model, file)
            content = file.read_bytes()
            manifest = Manifest(
                version=FORMAT_VERSION,
                format=form,
                file=file.name,
                size_bytes=len(content),
                sha256=_hash(content),
                types=self._types_of(content) if form is ModelFormat.SKOPS else (),
            )
            yield Draft(folder=folder, manifest=manifest)
        except OSError as error:
            raise ModelStoreError(f"{folder} cannot be written ({error.strerror or error}).") from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                # A store that got nothing leaves no empty folder.
                self._folder.rmdir()

    def publish(self, draft: Draft, version: str, documents: Mapping[str, str]) -> Path:
        """Give a draft its version, with documents beside it: the folder appears whole, or not at all.

        Raises
        ------
        ModelStoreError
            If the version is there already, or the disk does not take it.
        """
        wanted = self.path(version)
        try:
            for name, text in documents.items():
                (draft.folder / name).write_text(text, encoding="utf-8")
            (draft.folder / MANIFEST).write_bytes(msgspec.json.encode(draft.manifest))
            for file in draft.folder.iterdir():
                _sync(file)
            if wanted.exists():
                raise ModelStoreError(f"{wanted} is there already. Give another version.")
            draft.folder.rename(wanted)
            _sync(self._folder)
        except OSError as error:
            raise ModelStoreError(f"{wanted} cannot be written ({error.strerror or error}).") from error
        return wanted

    def keep_rejected(self, version: str, documents: Mapping[str, str]) -> Path:
        """Keep the card of a model that was rejected; a later one of the same version takes its place."""
        wanted = self._folder / _REJECTED / _checked_version(version)
        beside = wanted.with_name(f".{wanted.name}-{os.getpid()}")
        try:
            beside.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, text in documents.items():
                (beside / name).write_text(text, encoding="utf-8")
            shutil.rmtree(wanted, ignore_errors=True)
            beside.rename(wanted)
        except OSError as error:
            raise ModelStoreError(f"{wanted} cannot be written ({error.strerror or error}).") from error
        return wanted

    def load(self, version: str) -> Any:
        """A model, after everything about its file was checked.

        Raises
        ------
        ModelStoreError
            If it is not there, is altered, leads out of its folder, needs types that are not trusted, or is a joblib
            file that others can write to.
        """
        folder = self.path(version)
        manifest = self.manifest(version)
        file = folder / manifest.file
        if file.name != manifest.file or file.is_symlink() or not file.is_file():
            raise ModelStoreError(f"{folder} has no file {manifest.file!r} of its own.")
        # What was checked is what is loaded: the file is read once.
        content = file.read_bytes()
        if len(content) != manifest.size_bytes or _hash(content) != manifest.sha256:
            raise ModelStoreError(f"{file} is not what was written: its size or hash is another. Restore it.")
        if manifest.format is ModelFormat.JOBLIB:
            _check_only_ours(file, folder, self._folder)
            return _load_joblib(content)
        return _load_skops(content, self._types_of(content))

    def manifest(self, version: str) -> Manifest:
        """What is written of a version's file.

        Raises
        ------
        ModelStoreError
            If there is none, or it cannot be read.
        """
        folder = self.path(version)
        root = self._folder.resolve()
        if folder.is_symlink() or not folder.resolve().is_relative_to(root):
            raise ModelStoreError(f"{folder} leads out of the store.")
        try:
            found = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
        except FileNotFoundError:
            raise ModelStoreError(f"There is no model in {folder}.") from None
        except (OSError, msgspec.DecodeError) as error:
            raise ModelStoreError(f"{folder / MANIFEST} cannot be read: {error}.") from None
        if found.version != FORMAT_VERSION:
            raise ModelStoreError(f"{folder} was written by another version of driftwatch.")
        return found

    def document(self, version: str, name: str) -> str:
        """A document beside a model, such as its card.

        Raises
        ------
        ModelStoreError
            If it is not there.
        """
        try:
            return (self.path(version) / _checked_name(name, "document")).read_text(encoding="utf-8")
        except OSError as error:
            raise ModelStoreError(f"{self.path(version) / name} cannot be read ({error.strerror}).") from None

    def _types_of(self, content: bytes) -> tuple[str, ...]:
        """The types that a skops file needs beyond those that skops itself trusts; all of them are to be trusted."""
        from skops.io import get_untrusted_types

        types = tuple(sorted(get_untrusted_types(data=content)))
        refused = [one for one in types if one not in TRUSTED_TYPES and one.partition(".")[0] not in self._packages]
        if refused:
            raise ModelStoreError(
                f"The model needs {', '.join(refused)}, of packages that are not trusted. Allow them with "
                f"--allow-package {refused[0].partition('.')[0]}, or write it as joblib."
            )
        return types


def check_format(form: ModelFormat) -> None:
    """Complain before the training if its model could not be written.

    Raises
    ------
    InputError
        If skops is asked for and not installed.
    """
    if form is not ModelFormat.SKOPS:
        return
    try:
        import skops.io  # noqa: F401
    except ImportError:
        raise InputError(
            "'skops' is not installed.",
            field="output.format",
            remedy="Install it with: pip install 'driftwatch-monitor[training]', or choose 'joblib'.",
        ) from None


def _checked_name(name: str, field: str) -> str:
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name for a folder.", field=field, remedy="Use letters, digits, ., _ and -.")
    return name


def _checked_version(version: str) -> str:
    if version == _REJECTED:
        raise InputError(f"{version!r} is kept for cards of rejected models.", field="version")
    return _checked_name(version, "version")


def _dump_skops(model: Any, file: Path) -> None:
    from skops.io import dump

    dump(model, file)


def _load_skops(content: bytes, types: tuple[str, ...]) -> Any:
    from skops.io import loads

    return loads(content, trusted=list(types))


def _dump_joblib(model: Any, file: Path) -> None:
    import joblib

    joblib.dump(model, file)


def _load_joblib(content: bytes) -> Any:
    import joblib

    return joblib.load(BytesIO(content))


def _check_only_ours(*paths: Path) -> None:
    for path in paths:
        found = path.stat()
        if found.st_uid != os.getuid() or found.st_mode & _WRITABLE_BY_OTHERS:
            raise ModelStoreError(
                f"{path} can be written to by others, and loading a joblib file runs what is in it. "
                "Make it yours alone (chmod go-w), or write models as skops."
            )


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
