"""Pictures of nothing, to try a program with."""

from __future__ import annotations

from typing import Any

from ...core.random import default_generator, manual_seed
from ...ops.creation import randint, randn
from ..transforms.functional import to_pil_image
from .vision import Change, VisionDataset


class FakeData(VisionDataset):
    """`size` random pictures of `image_size` (channels, height, width) and random classes; each is the same whenever it is asked for."""

    def __init__(self, size: int = 1000, image_size: tuple[int, int, int] = (3, 224, 224), num_classes: int = 10, transform: Change = None,
                 target_transform: Change = None, random_offset: int = 0) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.size, self.num_classes, self.image_size, self.random_offset = size, num_classes, image_size, random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        state = default_generator.get_state()
        manual_seed(index + self.random_offset)
        img, target = randn(*self.image_size), randint(0, self.num_classes, (1,))[0]
        default_generator.set_state(state)
        img, target = self.changed(to_pil_image(img), target)
        return img, target.item()

    def __len__(self) -> int:
        return self.size
