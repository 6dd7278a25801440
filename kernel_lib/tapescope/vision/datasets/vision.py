"""What the data sets of pictures have in common: a place, transforms, a repr."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ...utils.data import Dataset

Change = Callable[[Any], Any] | None


def _headed(head: str, transform: Any) -> list[str]:
    first, *more = repr(transform).splitlines()
    return [head + first, *(" " * len(head) + line for line in more)]


class StandardTransform:
    """One transform for the picture and one for its target."""

    def __init__(self, transform: Change = None, target_transform: Change = None) -> None:
        self.transform, self.target_transform = transform, target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:
        return (input if self.transform is None else self.transform(input), target if self.target_transform is None else self.target_transform(target))

    def __repr__(self) -> str:
        lines = [type(self).__name__]
        lines += [] if self.transform is None else _headed("Transform: ", self.transform)
        lines += [] if self.target_transform is None else _headed("Target transform: ", self.target_transform)
        return "\n".join(lines)


class VisionDataset(Dataset[Any]):
    """Pictures and targets at `root`; either `transforms(picture, target)`, or `transform(picture)` and `target_transform(target)`."""

    def __init__(self, root: Any = None, transforms: Callable[[Any, Any], Any] | None = None, transform: Change = None, target_transform: Change = None) -> None:
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ValueError("Only transforms or transform/target_transform can be passed as argument")
        self.transform, self.target_transform = transform, target_transform
        self.transforms = StandardTransform(transform, target_transform) if separate else transforms

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def changed(self, img: Any, target: Any) -> tuple[Any, Any]:
        """Both after the transforms."""
        return (img if self.transform is None else self.transform(img), target if self.target_transform is None else self.target_transform(target))

    def __repr__(self) -> str:
        lines = [f"Number of datapoints: {len(self)}"]
        lines += [] if self.root is None else [f"Root location: {self.root}"]
        lines += self.extra_repr().splitlines()
        lines += [] if self.transforms is None else [repr(self.transforms)]
        return "\n".join([f"Dataset {type(self).__name__}", *("    " + line for line in lines)])

    def extra_repr(self) -> str:
        return ""
