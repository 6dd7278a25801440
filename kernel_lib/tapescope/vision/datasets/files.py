"""Files of data sets: found, checked, fetched. Nothing that a file says is run."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

PATIENCE = 30.0                                             # seconds without a byte before a server is given up


def calculate_md5(fpath: Any, chunk_size: int = 1 << 20) -> str:
    """The MD5 sum of a file."""
    total = hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as f:
        while chunk := f.read(chunk_size):
            total.update(chunk)
    return total.hexdigest()


def check_integrity(fpath: Any, md5: str | None = None) -> bool:
    """Whether the file is there and, with `md5`, is the one that is meant."""
    return os.path.isfile(fpath) and (md5 is None or calculate_md5(fpath) == md5)


def unpacked(path: str) -> bytes:
    """The content of a file, decompressed where its name ends in .gz. Raises RuntimeError that names it when it is damaged."""
    try:
        if not path.endswith(".gz"):
            with open(path, "rb") as f:
                return f.read()
        with gzip.open(path, "rb") as g:
            return g.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise RuntimeError(f"{path} is damaged ({error}): delete it and get it again") from error


def first_of(paths: Sequence[str]) -> str | None:
    """The first of some files that is there."""
    return next((path for path in paths if os.path.isfile(path)), None)


def member(archive: str, name: str) -> bytes | None:
    """A file out of a .zip or .tar.gz; None when it holds none of that name. Raises RuntimeError that names the archive when it is damaged."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as z:
                return z.read(name) if name in z.namelist() else None
        with tarfile.open(archive) as t:
            found = t.extractfile(name) if name in t.getnames() else None
            return found.read() if found is not None else None
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise RuntimeError(f"{archive} is damaged ({error}): delete it and get it again") from error


# -- fetching ------------------------------------------------------------------------------------------------------------


class _Bar:
    """A line that says how far it is, where there is no tqdm."""

    def __init__(self, name: str, total: int | None) -> None:
        self.name, self.total, self.done, self.said = name, total, 0, -1

    def update(self, n: int) -> None:
        self.done += n
        share = self.done * 100 // self.total if self.total else self.done >> 20
        if share != self.said and (sys.stderr.isatty() or share % 25 == 0):
            self.said = share
            sys.stderr.write(f"\r{self.name}: {share} {'%' if self.total else 'MB'}")
            sys.stderr.flush()


@contextlib.contextmanager
def progress(name: str, total: int | None) -> Iterator[Any]:
    """A progress bar: tqdm's, or a line of our own."""
    try:
        from tqdm import tqdm
    except ImportError:
        bar = _Bar(name, total)
        yield bar
        sys.stderr.write("\n")
        return
    with tqdm(total=total, unit="B", unit_scale=True, desc=name) as bar:
        yield bar


def download_url(url: str, root: Any, filename: str | None = None, md5: str | None = None) -> None:
    """Fetches a file into the folder `root`; a file that is there and is the right one stays. Raises RuntimeError when it cannot be had or is another."""
    root = os.path.expanduser(root)
    path = os.path.join(root, filename or os.path.basename(url))
    if check_integrity(path, md5):
        return
    os.makedirs(root, exist_ok=True)
    part = f"{path}.{os.getpid()}.part"                    # a name of its own until it is whole, so that nobody takes a half for it
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"User-Agent": "tapescope"}), timeout=PATIENCE) as answer, open(part, "wb") as f:
            size = answer.headers.get("Content-Length")
            with progress(os.path.basename(path), int(size) if size else None) as bar:
                while chunk := answer.read(1 << 16):
                    f.write(chunk)
                    bar.update(len(chunk))
        if md5 is not None and (got := calculate_md5(part)) != md5:
            raise RuntimeError(f"File not found or corrupted. (its MD5 sum is {got}, expected {md5})")
        os.replace(part, path)
    except OSError as error:                               # URLError and timeouts are OSErrors
        raise RuntimeError(f"{url}: {getattr(error, 'reason', None) or error}") from error
    finally:
        with contextlib.suppress(OSError):
            os.remove(part)


def fetch(filename: str, mirrors: Sequence[str], root: str, md5: str | None = None) -> str:
    """The file, from the first mirror that has it. Raises RuntimeError that says what was tried and where to put the file by hand."""
    tried = []
    for mirror in mirrors:
        try:
            download_url(mirror + filename, root, filename, md5)
        except RuntimeError as error:
            tried.append(f"Tried {mirror}, got:\n{error}\n")
        else:
            return os.path.join(root, filename)
    raise RuntimeError(f"Error downloading {filename}:\n{''.join(tried)}Without a network, get the file elsewhere and put it here: {os.path.join(root, filename)}"
                       + (f" (MD5 {md5})" if md5 else ""))
