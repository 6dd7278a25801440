"""PyTorch's signatures for Fourier transforms: sizes are cut or filled with zeros first, `norm` becomes a factor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import dtype as dt
from ..core.device import module_of
from ..core.tensor import Tensor, wrap
from .creation import finish
from .fourier import c2c, c2r, r2c
from .pointwise import given, to_copy
from .shape import pad as pad_op
from .shape import slice_dim
from .strided import squeeze_written

NORMS = (None, "backward", "forward", "ortho")


def _scale(norm: str | None, forward: bool) -> int:
    if norm not in NORMS:
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    if norm == "ortho":
        return 1
    return 2 * int((norm == "forward") == forward)


def _tensor(x: Any, name: str) -> Tensor:
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(x).__name__}")
    return x


def _as(x: Tensor, kind: str) -> Tensor:
    """Integers become floats; floats become complex where that is asked for."""
    a = x._array
    if a.dtype == np.float16:
        raise RuntimeError(f"Unsupported dtype {x.dtype.tensor_name}")
    wanted = a.dtype
    if a.dtype.kind in "biu":
        wanted = dt.get_default_dtype().dtype
    if kind == "complex" and wanted.kind != "c":
        wanted = np.dtype(np.complex128 if wanted == np.float64 else np.complex64)
    return x if wanted == a.dtype else to_copy(x, wanted, a.dtype)


def _real(x: Tensor, name: str) -> Tensor:
    if x._array.dtype.kind == "c":
        raise RuntimeError(f"{name} expects a real input tensor, but got {x.dtype.tensor_name}")
    return _as(x, "float")


def _dim(dim: int, ndim: int) -> int:
    if not ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if not -ndim <= dim < ndim:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})")
    return dim % ndim


def _sized(x: Tensor, dims: Sequence[int], sizes: Sequence[int]) -> Tensor:
    """x cut, or filled with zeros, to these sizes."""
    for d, n in zip(dims, sizes, strict=True):
        have = x._array.shape[d]
        if n < have:
            x = slice_dim(x, d, 0, n, 1)
        elif n > have:
            widths = [(0, 0)] * x._array.ndim
            widths[d] = (0, n - have)
            x = pad_op(x, tuple(widths), 0)
    return x


def _points(n: int) -> int:
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return n


def _one(x: Tensor, dim: int, n: int | None) -> tuple[int, int]:
    d = _dim(dim, x._array.ndim)
    return d, _points(x._array.shape[d] if n is None else n)


def _several(x: Tensor, s: Any, dim: Any) -> tuple[tuple[int, ...], list[int]]:
    """Dimensions and sizes of an n-dimensional transform."""
    shape, ndim = x._array.shape, x._array.ndim
    s = (s,) if isinstance(s, int) else s
    dim = (dim,) if isinstance(dim, int) else dim
    if dim is not None:
        dims = [_dim(d, ndim) for d in dim]
        if len(set(dims)) != len(dims):
            raise RuntimeError("FFT dims must be unique")
    if s is not None:
        if dim is not None and len(dims) != len(s):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
        if len(s) > ndim:
            raise RuntimeError(f"Got shape with {len(s)} values but input tensor only has {ndim} dimensions.")
        if dim is None:
            dims = list(range(ndim - len(s), ndim))
        sizes = [shape[d] if n == -1 else n for d, n in zip(dims, s, strict=True)]
    else:
        dims = dims if dim is not None else list(range(ndim))
        sizes = [shape[d] for d in dims]
    for n in sizes:
        _points(n)
    return tuple(dims), sizes


def _half_many(x: Tensor, s: Any, dim: Any) -> tuple[tuple[int, ...], list[int], list[int], int]:
    """For a transform to real numbers: dims, and the sizes to cut to, and those of the result, of which the last is special."""
    dims, sizes = _several(x, s, dim)
    if not dims:
        raise RuntimeError("irfftn must transform at least one axis")
    last = sizes[-1]
    if s is None or (s if isinstance(s, int) else s[-1]) == -1:
        last = 2 * (x._array.shape[dims[-1]] - 1)
    _points(last)
    return dims, [*sizes[:-1], last // 2 + 1], sizes, last


# -- one dimension -------------------------------------------------------------------------------------------------------------------------


def fft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The discrete Fourier transform, X[k] = sum of x[j] exp(-2 pi i j k / n), of `n` points of one dimension."""
    return given(_any(_tensor(input, "fft_fft"), n, dim, norm, True), out)


def ifft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The inverse of `fft`."""
    return given(_any(_tensor(input, "fft_ifft"), n, dim, norm, False), out)


def _any(x: Tensor, n: int | None, dim: int, norm: str | None, forward: bool) -> Tensor:
    x = _as(x, "float")
    d, n = _one(x, dim, n)
    x = _sized(x, [d], [n])
    if x._array.dtype.kind == "c":
        return c2c(x, (d,), _scale(norm, forward), forward)
    y = r2c(x, (d,), _scale(norm, forward), False)
    return y if forward else y.conj()


def rfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The first half of the transform of real numbers; the other half mirrors it."""
    x = _real(_tensor(input, "fft_rfft"), "rfft")
    d, n = _one(x, dim, n)
    return given(r2c(_sized(x, [d], [n]), (d,), _scale(norm, True), True), out)


def ihfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The inverse of `hfft`: half a transform of real numbers, conjugated."""
    x = _real(_tensor(input, "fft_ihfft"), "ihfft")
    d, n = _one(x, dim, n)
    return given(r2c(_sized(x, [d], [n]), (d,), _scale(norm, False), True).conj(), out)


def irfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The inverse of `rfft`, to `n` real numbers (2 (m - 1) where none is given)."""
    return given(_to_real(_as(_tensor(input, "fft_irfft"), "complex"), n, dim, norm, False), out)


def hfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The transform, real itself, of numbers that mirror their conjugates, of which half is given."""
    return given(_to_real(_as(_tensor(input, "fft_hfft"), "complex"), n, dim, norm, True), out)


def _to_real(x: Tensor, n: int | None, dim: int, norm: str | None, forward: bool) -> Tensor:
    d = _dim(dim, x._array.ndim)
    if x._array.ndim == 0:
        raise IndexError("Dimension specified as -1 but tensor has no dimensions")
    n = _points(2 * (x._array.shape[d] - 1) if n is None else n)
    x = _sized(x, [d], [n // 2 + 1])
    return c2r(x.conj() if forward else x, (d,), _scale(norm, forward), n)


# -- several dimensions --------------------------------------------------------------------------------------------------------------------


def fftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The transform over several dimensions."""
    return given(_complex_many(_tensor(input, "fft_fftn"), s, dim, norm, True), out)


def ifftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The inverse of `fftn`."""
    return given(_complex_many(_tensor(input, "fft_ifftn"), s, dim, norm, False), out)


def _complex_many(x: Tensor, s: Any, dim: Any, norm: str | None, forward: bool) -> Tensor:
    dims, sizes = _several(x, s, dim)
    x = _as(x, "complex")
    return c2c(_sized(x, dims, sizes), dims, _scale(norm, forward), forward) if dims else x.clone()


def rfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The transform of real numbers over several dimensions; half of the last one."""
    x = _real(_tensor(input, "fft_rfftn"), "rfftn")
    dims, sizes = _several(x, s, dim)
    if not dims:
        raise RuntimeError("rfftn must transform at least one axis")
    return given(r2c(_sized(x, dims, sizes), dims, _scale(norm, True), True), out)


def irfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The inverse of `rfftn`."""
    x = _tensor(input, "fft_irfftn")
    dims, cut, _, last = _half_many(x, s, dim)
    return given(c2r(_sized(_as(x, "complex"), dims, cut), dims, _scale(norm, False), last), out)


def hfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Tensor:
    """`hfft` over the last dimension, `fft` over the others."""
    x = _tensor(input, "fft_hfftn")
    dims, cut, _, last = _half_many(x, s, dim)
    x, scale = _sized(_as(x, "complex"), dims, cut), _scale(norm, True)
    if len(dims) > 1:
        x = c2c(x, dims[:-1], scale, True)
    return given(c2r(x.conj(), dims[-1:], scale, last), out)


def ihfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The inverse of `hfftn`."""
    x = _real(_tensor(input, "fft_ihfftn"), "ihfftn")
    dims, sizes = _several(x, s, dim)
    if not dims:
        raise RuntimeError("ihfftn must transform at least one axis")
    scale = _scale(norm, False)
    y = r2c(_sized(x, dims, sizes), dims[-1:], scale, True).conj()
    return given(c2c(y, dims[:-1], scale, False) if len(dims) > 1 else y, out)


def _two(f: Any, doc: str) -> Any:
    def call(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None, *, out: Any = None) -> Tensor:
        return f(input, s, dim, norm, out=out)

    call.__name__ = call.__qualname__ = f.__name__[:-1] + "2"
    call.__doc__ = doc
    return call


fft2, ifft2 = _two(fftn, "The transform over the last two dimensions."), _two(ifftn, "The inverse of `fft2`.")
rfft2, irfft2 = _two(rfftn, "The transform of real numbers over the last two dimensions; half of the last one."), _two(irfftn, "The inverse of `rfft2`.")
hfft2, ihfft2 = _two(hfftn, "`hfft` over the last dimension, `fft` over the one before."), _two(ihfftn, "The inverse of `hfft2`.")


# -- frequencies, order --------------------------------------------------------------------------------------------------------------------


def _frequencies(values: Any, n: int, d: float, out: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    kind = dt.get_default_dtype() if dtype is None else dt.as_dtype(dtype)
    return given(finish((values(n) * (1.0 / (n * d))).astype(kind.dtype), None, device, requires_grad), out)


def fftfreq(n: int, d: float = 1.0, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The frequencies of the n results of `fft`, for samples `d` apart."""
    return _frequencies(lambda n: np.concatenate([np.arange((n + 1) // 2), np.arange(-(n // 2), 0)]), n, d, out, dtype, device, requires_grad)


def rfftfreq(n: int, d: float = 1.0, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The frequencies of the n // 2 + 1 results of `rfft`, for samples `d` apart."""
    return _frequencies(lambda n: np.arange(n // 2 + 1), n, d, out, dtype, device, requires_grad)


def _shifted(x: Tensor, dim: Any, by: Any) -> Tensor:
    from .api_shape import roll

    dims = [dim] if isinstance(dim, int) else list(range(x._array.ndim)) if dim is None else list(dim)
    return roll(x, [by(x._array.shape[d]) for d in dims], dims)


def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The zero frequency in the middle."""
    return _shifted(input, dim, lambda n: n // 2)


def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The inverse of `fftshift`."""
    return _shifted(input, dim, lambda n: (n + 1) // 2)


# -- short pieces of a signal --------------------------------------------------------------------------------------------------------------


def stft(input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Tensor | None = None, center: bool = True,
         pad_mode: str = "reflect", normalized: bool = False, onesided: bool | None = None, return_complex: bool | None = None, align_to_window: bool | None = None) -> Tensor:
    """The transforms of pieces of `n_fft` samples, `hop_length` apart: [..., frequencies, pieces]."""
    from .api_image import pad
    from .complex import view_as_real

    x = _tensor(input, "stft")
    hop, width = n_fft // 4 if hop_length is None else hop_length, n_fft if win_length is None else win_length
    if return_complex is None:
        if x._array.dtype.kind != "c" and (window is None or window._array.dtype.kind != "c"):
            raise RuntimeError("stft requires the return_complex parameter be given for real inputs, and will further require that return_complex=True in a future "
                               "PyTorch release.")
        return_complex = True
    if x._array.ndim not in (1, 2):
        raise RuntimeError(f"stft({list(x._array.shape)}): expected a 1D or 2D tensor")
    single = x._array.ndim == 1
    if single:
        x = x.unsqueeze(0)
    if center:
        shape = x._array.shape
        if pad_mode == "reflect" and n_fft // 2 >= shape[-1]:
            raise RuntimeError(f"Argument #4: Padding size should be less than the corresponding input dimension, but got: padding ({n_fft // 2}, {n_fft // 2}) at "
                               f"dimension 2 of input {[1, *shape]}")
        x = pad(x.view(1, *shape), [n_fft // 2, n_fft // 2], pad_mode).view(*shape[:-1], -1)
    length = x._array.shape[1]
    if not 0 < n_fft <= length:
        raise RuntimeError(f"stft({list(input._array.shape)}): expected 0 < n_fft < {length}, but got n_fft={n_fft}")
    if hop <= 0:
        raise RuntimeError(f"stft({list(input._array.shape)}): expected hop_length > 0, but got hop_length={hop}")
    if not 0 < width <= n_fft:
        raise RuntimeError(f"stft({list(input._array.shape)}): expected 0 < win_length <= n_fft, but got win_length={width}")
    if window is not None and window._array.shape != (width,):
        raise RuntimeError(f"stft({list(input._array.shape)}): expected a 1D window tensor of size equal to win_length={width}, but got window with size "
                           f"{list(window._array.shape)}")
    weight = _window(window, width, n_fft, x)
    frames = x.unfold(1, n_fft, hop)
    if weight is not None:
        frames = frames * weight
    complex_in = frames._array.dtype.kind == "c"
    half = not complex_in if onesided is None else onesided
    if half and complex_in:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    scale = 1 if normalized else 0
    y = c2c(frames, (2,), scale, True) if complex_in else r2c(frames, (2,), scale, half)
    y = y.transpose(1, 2)
    if single:
        y = squeeze_written(y, (0,))
    return y if return_complex else view_as_real(y)


def _window(window: Tensor | None, width: int, n_fft: int, like: Tensor) -> Tensor | None:
    """The window, in the middle of n_fft samples."""
    if window is None and width == n_fft:
        return None
    kind = np.float64 if like._array.dtype in (np.float64, np.complex128) else np.float32
    weight = wrap(module_of(like._array).ones(width, kind)) if window is None else window
    if width < n_fft:
        left = (n_fft - width) // 2
        weight = pad_op(weight, ((left, n_fft - width - left),), 0)
    return weight


def istft(input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Tensor | None = None, center: bool = True,
          normalized: bool = False, onesided: bool | None = None, length: int | None = None, return_complex: bool = False) -> Tensor:
    """The signal whose `stft` this is, as near as there is one: overlapping pieces are averaged by the squares of the window."""
    x = _tensor(input, "istft")
    hop, width = n_fft // 4 if hop_length is None else hop_length, n_fft if win_length is None else win_length
    if x._array.dtype.kind != "c":
        raise RuntimeError("istft requires a complex-valued input tensor matching the output from stft with return_complex=True.")
    if x._array.size == 0:
        raise RuntimeError(f"istft({list(x._array.shape)}): input tensor cannot be empty.")
    if x._array.ndim not in (2, 3):
        raise RuntimeError(f"istft({list(x._array.shape)}): expected a tensor with 2 or 3 dimensions, but got {x._array.ndim}")
    single = x._array.ndim == 2
    if single:
        x = x.unsqueeze(0)
    half = x._array.shape[1] != n_fft if onesided is None else onesided
    if x._array.shape[1] != (n_fft // 2 + 1 if half else n_fft):
        raise RuntimeError(f"istft({list(input._array.shape)}): expected the frequency dimension (3rd to the last) of the input tensor to match "
                           f"{'n_fft / 2 + 1' if half else 'n_fft'} when onesided={half}, but got {x._array.shape[1]}")
    if not 0 < hop <= width:
        raise RuntimeError(f"istft({list(input._array.shape)}): expected 0 < hop_length <= win_length")
    if not 0 < width <= n_fft:
        raise RuntimeError(f"istft({list(input._array.shape)}): expected 0 < win_length <= n_fft")
    if window is not None and window._array.shape != (width,):
        raise RuntimeError(f"istft({list(input._array.shape)}): Invalid window shape. window has to be 1D and length of `win_length`")
    ones = wrap(module_of(x._array).ones(width, np.float64 if x._array.dtype == np.complex128 else np.float32))
    weight = _window(window if window is not None else ones, width, n_fft, x)
    assert weight is not None
    y = x.transpose(1, 2)
    pieces = y._array.shape[1]
    scale = 1 if normalized else 2
    if return_complex:
        frames = c2c(y, (2,), scale, False)
    else:
        y = y if half else slice_dim(y, 2, 0, n_fft // 2 + 1, 1)
        frames = c2r(y, (2,), scale, n_fft)
    frames = frames * weight.view(1, 1, n_fft)
    whole = n_fft + hop * (pieces - 1)
    signal = _overlap(frames, whole, hop)
    share = _overlap((weight * weight).expand(1, pieces, n_fft), whole, hop)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else whole - n_fft // 2 if center else whole
    signal, share = (slice_dim(t, 1, start, min(end, whole), 1) for t in (signal, share))
    if share._array.size and np.abs(share._array).min() < 1e-11:
        raise RuntimeError(f"istft({list(input._array.shape)}) window overlap add min: 1")
    out = signal / share
    if end > whole:
        import warnings

        warnings.warn("The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. Please check your center and "
                      "hop_length settings.", stacklevel=2)
        out = pad_op(out, ((0, 0), (0, end - whole)), 0)
    return out.squeeze(0) if single else out


def _overlap(frames: Tensor, whole: int, hop: int) -> Tensor:
    """Pieces [N, pieces, n] added up where they lie."""
    n = frames._array.shape[2]
    at = (np.arange(frames._array.shape[1])[:, None] * hop + np.arange(n)).reshape(-1)
    zeros = wrap(module_of(frames._array).zeros((frames._array.shape[0], whole), frames._array.dtype))
    return zeros.index_add(1, wrap(at), frames.reshape(frames._array.shape[0], -1))
