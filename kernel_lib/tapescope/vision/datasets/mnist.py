"""MNIST, and what is given away in its format."""

from __future__ import annotations

import gzip
import os
import string
import zlib
from typing import Any

from ...core.tensor import Tensor
from ..pictures import of_array
from . import idx
from .files import fetch, first_of, member, unpacked
from .idx import read_image_file, read_label_file, read_sn3_pascalvincent_tensor
from .vision import Change, VisionDataset

__all__ = ["EMNIST", "KMNIST", "MNIST", "FashionMNIST", "read_image_file", "read_label_file", "read_sn3_pascalvincent_tensor"]


class MNIST(VisionDataset):
    """Handwritten digits, 28 x 28, from `root/MNIST/raw`; its idx files may be compressed (.gz) or not.

    `data` is [N, 28, 28] of bytes, `targets` is [N]. Of a split, only its own two files need be there.
    """

    mirrors = ["https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"]
    resources = [("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"), ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
                 ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"), ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c")]
    classes = ["0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine"]

    def __init__(self, root: Any, train: bool = True, transform: Change = None, target_transform: Change = None, download: bool = False) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        images, labels = self._names()
        self.data: Tensor = idx.images(idx.array_of(*self._read(images)))
        self.targets: Tensor = idx.labels(idx.array_of(*self._read(labels)))
        if len(self.data) != len(self.targets):
            raise RuntimeError(f"{self.raw_folder}: {images} holds {len(self.data)} pictures and {labels} {len(self.targets)} labels; they do not belong together")

    def _names(self) -> tuple[str, str]:
        """The two files of this split, without .gz."""
        part = "train" if self.train else "t10k"
        return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"

    def _read(self, name: str) -> tuple[bytes, str]:
        """A file's content, and what it is called."""
        path = first_of([os.path.join(self.raw_folder, name), os.path.join(self.raw_folder, name + ".gz")])
        if path is None:
            raise RuntimeError("Dataset not found. You can use download=True to download it "
                               f"(or put {' and '.join(f'{n}.gz' for n in self._names())}, compressed or not, into {os.path.abspath(self.raw_folder)})")
        return unpacked(path), path

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.changed(of_array(self.data._array[index], "L"), int(self.targets._array[index]))

    def __len__(self) -> int:
        return len(self.data)

    @property
    def raw_folder(self) -> str:
        """Where the files lie."""
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: i for i, name in enumerate(self.classes)}

    def download(self) -> None:
        """Fetches the files that are not there."""
        for name, md5 in self.resources:
            plain = os.path.join(self.raw_folder, name.removesuffix(".gz"))
            if first_of([plain, plain + ".gz"]) is None:
                fetch(name, self.mirrors, self.raw_folder, md5)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train is True else 'Test'}"


class FashionMNIST(MNIST):
    """Zalando's clothes, in MNIST's format, from `root/FashionMNIST/raw`."""

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources = [("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"), ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
                 ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"), ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310")]
    classes = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


class KMNIST(MNIST):
    """Classical Japanese characters, in MNIST's format, from `root/KMNIST/raw`."""

    mirrors = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources = [("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"), ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
                 ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"), ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134")]
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


class EMNIST(MNIST):
    """Digits and letters, in six splits, from `root/EMNIST/raw`: the idx files of the split, or the one archive in which all are given away (gzip.zip)."""

    mirrors = ["https://biometrics.nist.gov/cs_links/EMNIST/"]
    resources = [("gzip.zip", "58c8d27c78d21e728a6bc7b3cc06412e")]
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    _all = set(string.digits + string.ascii_letters)
    _merged = _all - set("cijklmopsuvwxyz")                # small letters that look like their capitals
    classes_split_dict = {"byclass": sorted(_all), "bymerge": sorted(_merged), "balanced": sorted(_merged), "letters": ["N/A", *string.ascii_lowercase],
                          "digits": list(string.digits), "mnist": list(string.digits)}

    def __init__(self, root: Any, split: str, **kwargs: Any) -> None:
        if not isinstance(split, str):
            raise ValueError(f"Expected type str for argument split, but got type {type(split)}.")
        if split not in self.splits:
            known = "'" + "', '".join(self.splits) + "'"
            raise ValueError(f"Unknown value '{split}' for argument split. Valid values are {{{known}}}.")
        self.split = split
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[split]

    def _names(self) -> tuple[str, str]:
        part = f"emnist-{self.split}-{'train' if self.train else 'test'}"
        return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"

    def _read(self, name: str) -> tuple[bytes, str]:
        archive = os.path.join(self.raw_folder, "gzip.zip")
        plain = os.path.join(self.raw_folder, name)
        if first_of([plain, plain + ".gz"]) is None and os.path.isfile(archive):
            packed = member(archive, f"gzip/{name}.gz")
            if packed is not None:
                try:
                    return gzip.decompress(packed), f"{archive}/{name}"
                except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                    raise RuntimeError(f"{archive} is damaged (gzip/{name}.gz: {error}): delete it and get it again") from error
        return super()._read(name)
