"""CIFAR-10 and CIFAR-100, from the pickles in which they are given away; read by an unpickler that runs nothing."""

from __future__ import annotations

import hashlib
import os
import tarfile
from pickle import UnpicklingError
from typing import Any

import numpy as np

from ...formats.numpy_pickle import DATA, NUMPY
from ...formats.unpickle import Unpickler
from ..pictures import of_array
from .files import calculate_md5, check_integrity, fetch, member
from .vision import Change, VisionDataset


class CIFAR10(VisionDataset):
    """Pictures 32 x 32 of ten classes, from the folder `root/cifar-10-batches-py`, or from the archive `root/cifar-10-python.tar.gz` itself.

    `data` is an array [N, 32, 32, 3] of bytes, `targets` a list. Files with another checksum are refused.
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list = [["data_batch_1", "c99cafc152244af753f735de768cd75f"], ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
                  ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"], ["data_batch_4", "634d18415352ddfa80567beed471001a"],
                  ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"]]
    test_list = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta = {"filename": "batches.meta", "key": "label_names", "md5": "5ff9c542aee3614f3951f8cda6e48888"}

    def __init__(self, root: Any, train: bool = True, transform: Change = None, target_transform: Change = None, download: bool = False) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        parts, self.targets = [], []
        for name, md5 in self.train_list if train else self.test_list:
            entry = self._read(name, md5)
            labels = entry.get("labels", entry.get("fine_labels"))
            data = entry.get("data")
            if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.size % 3072 or not isinstance(labels, list) or len(labels) * 3072 != data.size:
                raise RuntimeError(f"{self._path(name)} is damaged: 3072 bytes of data and a label for each picture are expected")
            parts.append(data)
            self.targets.extend(labels)
        self.data: np.ndarray[Any, Any] = np.ascontiguousarray(np.concatenate(parts).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        self.classes: list[str] = self._read(self.meta["filename"], self.meta["md5"])[self.meta["key"]]
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def _path(self, name: str) -> str:
        return os.path.join(self.root, self.base_folder, name)

    def _read(self, name: str, md5: str) -> dict[str, Any]:
        path, archive = self._path(name), os.path.join(self.root, self.filename)
        raw = None
        if os.path.isfile(path):
            with open(path, "rb") as f:
                raw = f.read()
        elif os.path.isfile(archive):
            raw = member(archive, f"{self.base_folder}/{name}")
        if raw is None or (got := hashlib.md5(raw, usedforsecurity=False).hexdigest()) != md5:
            why = f"{path} is not there" if raw is None else f"{path}: its MD5 sum is {got}, expected {md5}"
            raise RuntimeError(f"Dataset not found or corrupted. You can use download=True to download it ({why}; put {self.filename}, or what it holds, "
                               f"into {os.path.abspath(self.root)})")
        try:
            entry = Unpickler(raw, {**DATA, **NUMPY}, encoding="latin1").load()
        except UnpicklingError as error:
            raise RuntimeError(f"{path} cannot be read: {error}") from error
        if not isinstance(entry, dict):
            raise RuntimeError(f"{path} is damaged: it holds a {type(entry).__name__}, not a dict")
        return entry

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.changed(of_array(self.data[index], "RGB"), self.targets[index])

    def __len__(self) -> int:
        return len(self.data)

    def download(self) -> None:
        """Fetches the archive and takes the files out of it, unless they are there already."""
        wanted = [*self.train_list, *self.test_list, [self.meta["filename"], self.meta["md5"]]]
        if all(check_integrity(self._path(name), md5) for name, md5 in wanted):
            return
        server, _, _ = self.url.rpartition(self.filename)
        archive = fetch(self.filename, [server], str(self.root), self.tgz_md5)
        os.makedirs(os.path.join(self.root, self.base_folder), exist_ok=True)
        with tarfile.open(archive) as tar:                 # file by file: where one comes to lie is not the archive's to say
            for name, md5 in wanted:
                source = tar.extractfile(f"{self.base_folder}/{name}")
                assert source is not None
                with open(self._path(name), "wb") as f:
                    f.write(source.read())
                if calculate_md5(self._path(name)) != md5:
                    raise RuntimeError(f"{self._path(name)} has another checksum than it should; {archive} is not the archive that is meant")

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train is True else 'Test'}"


class CIFAR100(CIFAR10):
    """Pictures 32 x 32 of a hundred classes, from the folder `root/cifar-100-python`, or from the archive `root/cifar-100-python.tar.gz` itself."""

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta = {"filename": "meta", "key": "fine_label_names", "md5": "7973b15100ade9c7d40fb424638fde48"}
