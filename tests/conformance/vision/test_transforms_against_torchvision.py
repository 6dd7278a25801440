"""Every transform beside torchvision's: repr, draws after one seed, results on Pillow's pictures (equal bytes) and on tensors, errors."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pytest
from tests.references import of_torchvision as reference

import tapescope as ts
from tapescope.vision import transforms as ours
from tapescope.vision import utils as our_utils

theirs = reference("torchvision.transforms")
their_utils = reference("torchvision.utils")
torch, Image = reference("torch"), reference("PIL.Image")

RNG = np.random.RandomState(0)
BYTES = np.clip(np.add.outer(np.arange(24) * 6, np.arange(33) * 3)[..., None] + RNG.randint(0, 60, (24, 33, 3)), 0, 255).astype(np.uint8)

# What makes a transform, and on which images it works: p(icture), g(rey picture), b(ytes), f(loats), n (a batch of floats).
CASES = """
T.Resize(16)                                                         pgbfn
T.Resize((12, 40))                                                   pgbfn
T.Resize(10, max_size=12)                                            pgbf
T.Resize([20], interpolation=T.InterpolationMode.NEAREST)            pgbfn
T.Resize((30, 50), interpolation=T.InterpolationMode.BICUBIC)        pgbf
T.Resize((50, 20), antialias=False)                                  bfn
T.Resize((12, 12), interpolation=T.InterpolationMode.LANCZOS)        pg
T.Resize((12, 12), interpolation=T.InterpolationMode.NEAREST_EXACT)  bf
T.CenterCrop(10)                                                     pgbfn
T.CenterCrop((40, 20))                                               pgbfn
T.CenterCrop([40])                                                   pbf
T.Pad(3)                                                             pgbfn
T.Pad((1, 2), fill=7)                                                pgbf
T.Pad((1, 2, 3, 4), padding_mode='edge')                             pgbf
T.Pad([4, 2], padding_mode='reflect')                                pgbf
T.Pad((5, 1), padding_mode='symmetric')                              pgbfn
T.Pad((-2, 1, 3, -4), padding_mode='symmetric')                      pgbf
T.Pad((-2, -1))                                                      bf
T.RandomCrop(9)                                                      pgbfn
T.RandomCrop((20, 30), padding=4, padding_mode='reflect')            pgbf
T.RandomCrop(40, pad_if_needed=True)                                 pgbf
T.RandomResizedCrop(16)                                              pgbf
T.RandomResizedCrop((9, 13), scale=(0.2, 0.5), ratio=(0.5, 3.0))     pbf
T.RandomResizedCrop(9, scale=(2.0, 3.0), ratio=(3.0, 4.0))           pb
T.RandomHorizontalFlip()                                             pgbfn
T.RandomVerticalFlip(p=0.3)                                          pgbfn
T.RandomRotation(30)                                                 pgbfn
T.RandomRotation((10, 80), expand=True, fill=3)                      pgbf
T.RandomRotation(45, interpolation=T.InterpolationMode.BILINEAR, center=(3, 5), fill=9)  pgbf
T.RandomAffine(20)                                                   pgbf
T.RandomAffine((-5, 5), translate=(0.1, 0.2), scale=(0.8, 1.3), shear=10, fill=2)  pgbf
T.RandomAffine(15, shear=(-5, 5, -3, 3), interpolation=T.InterpolationMode.BILINEAR, center=(4, 4))  pgbf
T.RandomPerspective(p=0.9)                                           pgbf
T.RandomPerspective(0.3, p=1.0, fill=4, interpolation=T.InterpolationMode.NEAREST)  pgb
T.ColorJitter(0.4, 0.3, 0.5, 0.2)                                    pbfn
T.ColorJitter(brightness=(0.5, 1.5))                                 pgbf
T.ColorJitter(hue=0.5)                                               pgbf
T.ColorJitter()                                                      pf
T.Grayscale()                                                        pbfn
T.Grayscale(num_output_channels=3)                                   pbf
T.RandomGrayscale(p=0.5)                                             pbf
T.RandomInvert()                                                     pgbf
T.RandomPosterize(3, p=0.7)                                          pgb
T.RandomSolarize(120, p=0.7)                                         pgb
T.RandomAdjustSharpness(2.5, p=0.7)                                  pgbf
T.RandomAutocontrast()                                               pgbf
T.RandomEqualize()                                                   pgb
T.GaussianBlur(5)                                                    pgbfn
T.GaussianBlur((3, 7), sigma=1.5)                                    pgbf
T.RandomErasing(p=0.8)                                               bfn
T.RandomErasing(p=1, value='random')                                 f
T.RandomErasing(p=1, value=(0.1, 0.2, 0.3), inplace=True)            f
T.ToTensor()                                                         pg
T.PILToTensor()                                                      pg
T.ToPILImage()                                                       bf
T.ToPILImage('YCbCr')                                                bf
T.Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))                        fn
T.Normalize(0.5, 0.25, inplace=True)                                 fn
T.ConvertImageDtype(torch.float32)                                   bf
T.ConvertImageDtype(torch.uint8)                                     bf
T.ConvertImageDtype(torch.int16)                                     bf
T.FiveCrop(8)                                                        pgbf
T.TenCrop((6, 9), vertical_flip=True)                                pbf
T.Lambda(lambda x: x)                                                pf
T.RandomApply([T.Grayscale(3), T.Pad(2)], p=0.4)                     pbf
T.RandomOrder([T.Pad(1), T.CenterCrop(12), T.Pad(2, fill=5)])        pbf
T.RandomChoice([T.Pad(1), T.CenterCrop(12), T.Pad(2)], p=[0.2, 0.5, 0.3])  pbf
T.Compose([T.RandomCrop(16, padding=2), T.RandomHorizontalFlip(), T.ToTensor(), T.Normalize((0.5,), (0.5,))])  pg
"""
ROWS = [line.rsplit(None, 1) for line in CASES.strip().split("\n")]


def image(kind: str, lib: Any) -> Any:
    if kind in "pg":
        return Image.fromarray(BYTES if kind == "p" else BYTES[..., 0].copy())
    a = BYTES.transpose(2, 0, 1).copy()
    a = a if kind == "b" else a.astype(np.float32) / 255
    return lib.from_numpy(np.stack([a, 1 - a]) if kind == "n" else a)


def plain(x: Any) -> Any:
    if isinstance(x, (tuple, list)):
        return [plain(y) for y in x]
    return x.numpy() if hasattr(x, "numpy") else (x.mode, np.asarray(x))


def close(a: Any, b: Any, place: str) -> None:
    if isinstance(a, list):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            close(x, y, place)
    elif isinstance(a, tuple):
        assert a[0] == b[0] and a[1].shape == b[1].shape, place
        assert np.array_equal(a[1], b[1]), (place, np.abs(a[1].astype(int) - b[1].astype(int)).max())
    else:
        assert a.dtype == b.dtype and a.shape == b.shape, (place, a.dtype, b.dtype, a.shape, b.shape)
        # A point that lies on the edge of two pixels may go to either: the last bit of a product decides.
        off = np.abs(a.astype(np.float64) - b.astype(np.float64)) > (1.01 if a.dtype.kind in "ui" else 2e-5)
        assert off.mean() < (0.01 if "nearest" in place or "Rotation" in place or "Affine" in place or "Perspective" in place else 1e-9), (place, off.mean())


@pytest.mark.parametrize(("made", "kinds"), ROWS, ids=[made for made, _ in ROWS])
def test_a_transform_is_torchvisions(made: str, kinds: str) -> None:
    mine, other = eval(made, {"T": ours, "torch": ts}), eval(made, {"T": theirs, "torch": torch})
    assert repr(mine) == repr(other)
    for kind in kinds:
        for seed in range(3):
            results = []
            for lib, transform in ((ts, mine), (torch, other)):
                lib.manual_seed(seed)
                random.seed(seed)
                results.append((plain(transform(image(kind, lib))), float(lib.rand(1))))
            close(results[0][0], results[1][0], f"{made} {kind} {seed} " + ("nearest" if "nearest" in repr(mine) else ""))
            assert results[0][1] == results[1][1], "as many numbers were drawn"


MODES = {"1": BYTES[..., 0] > 100, "L": BYTES[..., 0], "RGBA": np.concatenate([BYTES, BYTES[..., :1]], 2), "LA": BYTES[..., :2],
         "I": BYTES[..., 0].astype(np.int32) * 1000, "F": BYTES[..., 0].astype(np.float32) / 7, "I;16": BYTES[..., 0].astype(np.uint16) * 100}


@pytest.mark.parametrize("mode", MODES)
def test_pictures_of_every_mode_become_tensors_and_come_back(mode: str) -> None:
    picture = Image.fromarray(MODES[mode])
    assert picture.mode == mode
    close(ours.functional.to_tensor(picture).numpy(), theirs.functional.to_tensor(picture).numpy(), mode)
    if mode != "I;16":                                     # there is no uint16 here
        close(ours.functional.pil_to_tensor(picture).numpy(), theirs.functional.pil_to_tensor(picture).numpy(), mode)
    if mode not in ("1", "I;16"):
        back = ours.ToPILImage("F" if mode == "F" else None)(ours.functional.pil_to_tensor(picture))
        assert back.mode == mode and np.array_equal(np.asarray(back), np.asarray(picture))


@pytest.mark.parametrize("call", [
    "F.adjust_gamma(x, 0.7)", "F.adjust_gamma(x, 2.2, gain=0.8)", "F.adjust_hue(x, -0.3)", "F.adjust_hue(x, 0.5)", "F.adjust_contrast(x, 0.0)", "F.adjust_contrast(x, 1.7)",
    "F.adjust_saturation(x, 3.0)", "F.adjust_sharpness(x, 0.0)", "F.crop(x, -3, 5, 12, 40)", "F.crop(x, 20, 30, 10, 10)", "F.invert(x)", "F.autocontrast(x)",
    "F.rotate(x, 37, expand=True)", "F.rotate(x, -61, expand=True)", "F.affine(x, 20, [3, -2], 1.2, [5, 3])", "F.affine(x, 0, [3, -2], 0.55, 7.0, fill=5)",
    "F.perspective(x, [[0, 0], [32, 0], [32, 23], [0, 23]], [[2, 1], [30, 3], [31, 20], [1, 22]])", "F.gaussian_blur(x, [3, 5])", "F.get_dimensions(x)", "F.get_image_size(x)",
    "F.get_image_num_channels(x)", "F.hflip(x)", "F.vflip(x)", "F.five_crop(x, 10)", "F.resized_crop(x, 2, 3, 10, 12, [20, 20])", "F.rgb_to_grayscale(x, 3)", "F.equalize(x)",
    "F.posterize(x, 1)", "F.posterize(x, 8)", "F.solarize(x, 0)",
])
def test_a_function_is_torchvisions(call: str) -> None:
    for kind in "pb" if any(n in call for n in ("equalize", "posterize")) else "pbf":
        threshold = call.replace("solarize(x, 0)", "solarize(x, 0.5)") if kind == "f" else call
        a, b = (eval(threshold, {"F": T.functional, "x": image(kind, lib)}) for T, lib in ((ours, ts), (theirs, torch)))
        if isinstance(a, (int, list)):
            assert a == b
        else:
            close(plain(a), plain(b), call + " nearest")


@pytest.mark.parametrize("wrong", [
    "T.ToTensor()(3)", "T.ToTensor()(np.zeros(3))", "T.ToPILImage()(torch.zeros(5, 4, 4))", "T.ToPILImage()(torch.zeros(2, 2, 2, 2))", "T.ToPILImage('L')(torch.zeros(3, 4, 4))",
    "T.ToPILImage('RGBA')(torch.zeros(3, 4, 4))", "T.ToPILImage()('x')", "T.ToPILImage()(torch.zeros(3, 4, 4, dtype=torch.int64))", "T.Normalize(0.5, 0.0)(torch.zeros(3, 2, 2))",
    "T.Normalize(0.5, 1.0)(torch.zeros(3, 2, 2, dtype=torch.uint8))", "T.Normalize(0.5, 1.0)(torch.zeros(3))", "T.Normalize(0.5, 1.0)('x')", "T.Resize('x')(torch.zeros(3, 4, 4))",
    "T.Resize((1, 2, 3))", "T.Resize(10.5)", "T.Resize(10, max_size=5)(torch.zeros(3, 4, 4))", "T.Resize((4, 5), max_size=5)(torch.zeros(3, 4, 4))", "T.CenterCrop((1, 2, 3))",
    "T.Pad('x')", "T.Pad((1, 2, 3))", "T.Pad(1, padding_mode='x')", "T.Pad(1, fill='x')", "T.Lambda(3)", "T.RandomApply([], p=0.5)(3) if False else T.RandomOrder(3)",
    "T.RandomChoice([], p=3)", "T.RandomCrop(10)(torch.zeros(3, 4, 4))", "T.RandomResizedCrop(10, scale=3)", "T.RandomResizedCrop(10, ratio=3)", "T.ColorJitter(-1)",
    "T.ColorJitter((1, 2, 3))", "T.ColorJitter(hue=0.7)", "T.ColorJitter((2, 1))", "T.RandomRotation(-1)", "T.RandomRotation((1, 2, 3))", "T.RandomRotation(3, center=3)",
    "T.RandomRotation(3, fill='a')(torch.zeros(3, 4, 4))", "T.RandomAffine(3, translate=(0.1, 2))", "T.RandomAffine(3, scale=(0, 2))", "T.RandomAffine(3, shear=(1, 2, 3))",
    "T.RandomErasing(p=2)", "T.RandomErasing(scale=(0, 2))", "T.RandomErasing(value='x')", "T.RandomErasing(p=1, value=(1, 2))(torch.zeros(3, 4, 4))", "T.GaussianBlur(4)",
    "T.GaussianBlur(3, -1)", "T.GaussianBlur(3, (2, 1))", "T.GaussianBlur(3, 'x')", "F.affine(torch.zeros(3, 4, 4), 'a', [0, 0], 1, 0)", "F.affine(torch.zeros(3, 4, 4), 1, 3, 1, 0)",
    "F.affine(torch.zeros(3, 4, 4), 1, [3], 1, 0)", "F.affine(torch.zeros(3, 4, 4), 1, [3, 1], 0, 0)", "F.affine(torch.zeros(3, 4, 4), 1, [3, 1], 1, [1, 2, 3])",
    "F.rotate(torch.zeros(3, 4, 4), 1, interpolation='x')", "F.rotate(torch.zeros(3, 4, 4), 1, interpolation=F.InterpolationMode.BICUBIC)",
    "F.rotate(torch.zeros(3, 4, 4), 1, fill=[1, 2])", "F.adjust_hue(torch.zeros(3, 4, 4), 1)", "F.adjust_brightness(torch.zeros(3, 4, 4), -1)",
    "F.adjust_brightness(torch.zeros(2, 4, 4), 1)", "F.adjust_gamma(torch.zeros(3, 4, 4), -1)", "F.posterize(torch.zeros(3, 4, 4), 3)", "F.posterize(torch.zeros(3, 4, 4), 9)",
    "F.equalize(torch.zeros(3, 4, 4))", "F.solarize(torch.zeros(3, 4, 4), 3)", "F.hflip(torch.zeros(3))", "F.hflip('x')", "F.erase('x', 1, 1, 1, 1, 0)", "F.get_dimensions(3)",
    "F.gaussian_blur(torch.zeros(3, 4, 4), 2)", "F.gaussian_blur(torch.zeros(3, 4, 4), 3, -1)", "F.five_crop(torch.zeros(3, 4, 4), 9)", "F.rgb_to_grayscale(torch.zeros(3, 4, 4), 2)",
    "F.convert_image_dtype(torch.zeros(3, 4, 4), torch.int64)", "F.convert_image_dtype(3)", "F.perspective(torch.zeros(3, 4, 4), [[0, 0]], [[0, 0]])", "F.to_grayscale(3)",
    "T.LinearTransformation(torch.zeros(3, 4), torch.zeros(3))", "T.LinearTransformation(torch.zeros(3, 3), torch.zeros(4))",
    "T.LinearTransformation(torch.zeros(3, 3), torch.zeros(3))(torch.zeros(3, 4, 4))", "U.make_grid(3)", "U.make_grid([3])", "U.make_grid(torch.zeros(2, 3, 4, 4), normalize=True, value_range=[0, 1])",
])
def test_an_error_is_torchvisions(wrong: str) -> None:
    said = []
    for lib, T, U in ((ts, ours, our_utils), (torch, theirs, their_utils)):
        with pytest.raises(Exception) as caught:
            eval(wrong, {"T": T, "F": T.functional, "torch": lib, "np": np, "U": U})
        said.append((caught.type, str(caught.value).replace("torch.Tensor", "Tensor").replace("torch.Size", "Size").replace("<class 'numpy.dtype'>", "int64")))
    assert said[0][0] is said[1][0], said
    if "expected mode" not in said[1][1] and "ToPILImage('L')" not in wrong:
        assert said[0][1] == said[1][1]


def test_warnings_are_torchvisions() -> None:
    for made in ("T.RandomResizedCrop(9, scale=(2, 1))", "T.RandomErasing(ratio=(2, 1))", "T.Resize(3, antialias=False)(image)"):
        heard = []
        for T in (ours, theirs):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                eval(made, {"T": T, "image": image("p", ts)})
            heard.append([(w.category, str(w.message)) for w in caught])
        assert heard[0] == heard[1] and len(heard[0]) == 1


@pytest.mark.parametrize("options", [{}, {"nrow": 3, "padding": 1}, {"normalize": True}, {"normalize": True, "scale_each": True, "pad_value": 0.5},
                                     {"normalize": True, "value_range": (-1.0, 1.0)}])
@pytest.mark.parametrize("shape", [(5, 3, 4, 6), (7, 1, 4, 6), (1, 3, 4, 6), (3, 4, 6), (1, 4, 6), (4, 6), (2, 4, 5, 5)])
def test_a_grid_is_torchvisions(shape: Any, options: Any, tmp_path: Any) -> None:
    a = np.random.RandomState(0).randn(*shape).astype(np.float32)
    mine, other = our_utils.make_grid(ts.from_numpy(a.copy()), **options), their_utils.make_grid(torch.from_numpy(a.copy()), **options)
    close(mine.numpy(), other.numpy(), str(shape))
    if shape[0] != 2:
        our_utils.save_image(ts.from_numpy(a.copy()), tmp_path / "a.png", **options)
        their_utils.save_image(torch.from_numpy(a.copy()), tmp_path / "b.png", **options)
        assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), np.asarray(Image.open(tmp_path / "b.png")))


def test_a_list_of_images_is_a_grid_too() -> None:
    assert np.array_equal(our_utils.make_grid([ts.ones(3, 2, 2)] * 3).numpy(), their_utils.make_grid([torch.ones(3, 2, 2)] * 3).numpy())


def test_transforms_of_tensors_carry_gradients() -> None:
    grads = []
    for lib, T in ((ts, ours), (torch, theirs)):
        x = lib.from_numpy(BYTES.transpose(2, 0, 1).astype(np.float32) / 255).requires_grad_()
        F = T.functional
        y = F.rotate(F.adjust_saturation(F.resize(F.normalize(x, [0.1, 0.2, 0.3], [1.0, 2.0, 3.0]), [12, 16]), 0.6), 20, interpolation=T.InterpolationMode.BILINEAR)
        (F.gaussian_blur(y, 3) ** 2).sum().backward()
        grads.append(x.grad.numpy())
    assert np.allclose(grads[0], grads[1], atol=1e-5) and np.abs(grads[0]).max() > 0
