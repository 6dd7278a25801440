"""Recurrent layers and cells."""
# mypy: no-warn-return-any

from __future__ import annotations

import math
import warnings
from typing import Any

from ...core.tensor import Tensor
from ...ops import rnn as layers
from ...ops.api_shape import cat, stack
from ...ops.creation import empty, zeros
from .. import functional as F
from .. import init
from ..parameter import Parameter
from ..utils.rnn import PackedSequence
from .module import Module


class RNNBase(Module):
    """Layers of one recurrence, each in one or two directions.

    Input (L, N, input_size), with `batch_first` (N, L, input_size), or (L, input_size), or a PackedSequence.
    """

    mode = ""
    gates = 1

    def __init__(self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False, dropout: float = 0.0,
                 bidirectional: bool = False, proj_size: int = 0, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        if not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1 or isinstance(dropout, bool):
            raise ValueError("dropout should be a number in range [0, 1] representing the probability of an element being zeroed")
        if dropout > 0 and num_layers == 1:
            warnings.warn("dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers greater than 1, but got "
                          f"dropout={dropout} and num_layers={num_layers}", stacklevel=3)
        if not isinstance(hidden_size, int):
            raise TypeError(f"hidden_size should be of type int, got: {type(hidden_size).__name__}")
        if hidden_size <= 0:
            raise ValueError("hidden_size must be greater than zero")
        if num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if proj_size >= hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        self.mode = mode
        self.input_size, self.hidden_size, self.num_layers, self.bias, self.batch_first = input_size, hidden_size, num_layers, bias, batch_first
        self.dropout, self.bidirectional, self.proj_size = float(dropout), bidirectional, proj_size
        ways = 2 if bidirectional else 1
        out = proj_size or hidden_size
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse")[:ways]:
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (self.gates * hidden_size, input_size if layer == 0 else out * ways), "weight_hh": (self.gates * hidden_size, out)}
                if bias:
                    shapes |= {"bias_ih": (self.gates * hidden_size,), "bias_hh": (self.gates * hidden_size,)}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                names = [f"{kind}_l{layer}{suffix}" for kind in shapes]
                for name, shape in zip(names, shapes.values(), strict=True):
                    setattr(self, name, Parameter(empty(shape, device=device, dtype=dtype)))
                self._all_weights.append(names)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all from U(-1/√hidden, 1/√hidden)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Does nothing: there is no other memory layout to prefer."""

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        if not self.bias or input.dtype is not self._parameters[self._all_weights[0][0]].dtype:      # type: ignore[union-attr]
            weight = self._parameters[self._all_weights[0][0]]
            assert weight is not None
            if input.dtype is not weight.dtype:
                raise ValueError(f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). Convert input: input.to({weight.dtype}), or convert "
                                 f"model: model.to({input.dtype})")
        expected = 2 if batch_sizes is not None else 3
        if input.ndim != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.ndim}")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}")

    def _check_state(self, state: Tensor, width: int, n: int, words: str = "Expected hidden size {}, got {}") -> None:
        expected = (self.num_layers * (2 if self.bidirectional else 1), n, width)
        if tuple(state.shape) != expected:
            raise RuntimeError(words.format(expected, list(state.shape)))

    def _layer(self, x: Tensor, states: tuple[Tensor, ...], weights: dict[str, Any], sizes: tuple[int, ...], reverse: bool) -> tuple[Tensor, ...]:
        """Outputs and last states of one layer in one direction, from rows of all steps."""
        raise NotImplementedError

    def _states(self) -> tuple[int, ...]:
        """How wide each state is."""
        return (self.hidden_size,)

    def _given(self, hx: Any, single: bool, packed: PackedSequence | None) -> tuple[Tensor, ...] | None:
        if hx is None:
            return None
        if single and hx.ndim != 2:
            raise RuntimeError(f"For unbatched 2-D input, hx should also be 2-D but got {hx.ndim}-D tensor")
        if not single and hx.ndim != 3:
            raise RuntimeError(f"For batched 3-D input, hx should also be 3-D but got {hx.ndim}-D tensor")
        return (hx,)

    def _rows(self, input: Any) -> tuple[Any, ...]:
        """(rows of all steps, how many at each step, whether there was no batch dimension, the packed sequence)."""
        if isinstance(input, PackedSequence):
            self.check_input(input.data, input.batch_sizes)
            return input.data, tuple(int(n) for n in input.batch_sizes.tolist()), False, input
        if input.ndim not in (2, 3):
            raise ValueError(f"{self.mode.split('_')[0]}: Expected input to be 2D or 3D, got {input.ndim}D instead")
        single = input.ndim == 2
        x = input.unsqueeze(1) if single else input.transpose(0, 1) if self.batch_first else input
        self.check_input(x, None)
        length, n = x.shape[0], x.shape[1]
        if length == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        return x.reshape(length * n, x.shape[2]), (n,) * length, single, None

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The output of the last layer, and the last states (layers · directions, N, hidden) of all."""
        x, sizes, single, packed = self._rows(input)
        n = sizes[0]
        ways = 2 if self.bidirectional else 1
        given = self._given(hx, single, packed)
        if given is None:
            given = tuple(zeros((self.num_layers * ways, n, width), dtype=x.dtype, device=x.device) for width in self._states())
        else:
            if single:
                given = tuple(s.unsqueeze(1) for s in given)
            elif packed is not None and packed.sorted_indices is not None:
                given = tuple(s.index_select(1, packed.sorted_indices) for s in given)
            self._check_states(given, n)
        last: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            outputs = []
            for way in range(ways):
                k = layer * ways + way
                names = self._all_weights[k]
                weights = {name.split("_l")[0]: self._parameters[name] if name in self._parameters else getattr(self, name) for name in names}
                y, *ended = self._layer(x, tuple(s[k] for s in given), weights, sizes, way == 1)
                outputs.append(y)
                last.append(tuple(ended))
            x = outputs[0] if ways == 1 else cat(outputs, 1)
            if self.dropout and layer + 1 < self.num_layers:
                x = F.dropout(x, self.dropout, self.training)
        states = tuple(stack(kind, 0) for kind in zip(*last, strict=True))
        if packed is not None:
            out: Any = PackedSequence(x, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
            if packed.unsorted_indices is not None:
                states = tuple(s.index_select(1, packed.unsorted_indices) for s in states)
        else:
            out = x.reshape(len(sizes), n, x.shape[1])
            if single:
                out, states = out.squeeze(1), tuple(s.squeeze(1) for s in states)
            elif self.batch_first:
                out = out.transpose(0, 1)
        return out, states if len(states) > 1 else states[0]

    def _check_states(self, given: tuple[Tensor, ...], n: int) -> None:
        self._check_state(given[0], self._states()[0], n)

    def extra_repr(self) -> str:
        s = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size:
            s += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            s += f", num_layers={self.num_layers}"
        for name, usual in (("bias", True), ("batch_first", False), ("dropout", 0), ("bidirectional", False)):
            if getattr(self, name) != usual:
                s += f", {name}={getattr(self, name)}"
        return s


class RNN(RNNBase):
    """h = tanh(W x + b + U h + b'), or max(.., 0). Elman, 1990."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", bias: bool = True, batch_first: bool = False,
                 dropout: float = 0.0, bidirectional: bool = False, device: Any = None, dtype: Any = None) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__("RNN_" + nonlinearity.upper(), input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype)
        self.nonlinearity = nonlinearity

    def _layer(self, x: Tensor, states: tuple[Tensor, ...], weights: dict[str, Any], sizes: tuple[int, ...], reverse: bool) -> tuple[Tensor, ...]:
        return layers.rnn_layer(x, *states, weights["weight_ih"], weights["weight_hh"], weights.get("bias_ih"), weights.get("bias_hh"),
                                self.nonlinearity == "relu", sizes, reverse)


class LSTM(RNNBase):
    """i, f, o = σ(..), g = tanh(..), c = f c + i g, h = o tanh(c), projected where `proj_size` is given. Hochreiter & Schmidhuber, 1997."""

    gates = 4

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False, dropout: float = 0.0,
                 bidirectional: bool = False, proj_size: int = 0, device: Any = None, dtype: Any = None) -> None:
        super().__init__("LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device, dtype)

    def _states(self) -> tuple[int, ...]:
        return self.proj_size or self.hidden_size, self.hidden_size

    def _given(self, hx: Any, single: bool, packed: PackedSequence | None) -> tuple[Tensor, ...] | None:
        if hx is None:
            return None
        h, c = hx
        wanted = 2 if single else 3
        if packed is None and (h.ndim != wanted or c.ndim != wanted):
            words = ("For unbatched 2-D input, hx and cx should also be 2-D but got " if single else "For batched 3-D input, hx and cx should also be 3-D but got ")
            raise RuntimeError(words + f"({h.ndim}-D, {c.ndim}-D) tensors")
        return h, c

    def _check_states(self, given: tuple[Tensor, ...], n: int) -> None:
        h, c = self._states()
        self._check_state(given[0], h, n, "Expected hidden[0] size {}, got {}")
        self._check_state(given[1], c, n, "Expected hidden[1] size {}, got {}")

    def _layer(self, x: Tensor, states: tuple[Tensor, ...], weights: dict[str, Any], sizes: tuple[int, ...], reverse: bool) -> tuple[Tensor, ...]:
        return layers.lstm_layer(x, *states, weights["weight_ih"], weights["weight_hh"], weights.get("bias_ih"), weights.get("bias_hh"),
                                 weights.get("weight_hr"), sizes, reverse)


class GRU(RNNBase):
    """r, z = σ(..), n = tanh(W x + b + r (U h + b')), h = (1 - z) n + z h. Cho et al., 2014."""

    gates = 3

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False, dropout: float = 0.0,
                 bidirectional: bool = False, device: Any = None, dtype: Any = None) -> None:
        super().__init__("GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype)

    def _layer(self, x: Tensor, states: tuple[Tensor, ...], weights: dict[str, Any], sizes: tuple[int, ...], reverse: bool) -> tuple[Tensor, ...]:
        return layers.gru_layer(x, *states, weights["weight_ih"], weights["weight_hh"], weights.get("bias_ih"), weights.get("bias_hh"), sizes, reverse)


# -- cells --------------------------------------------------------------------------------------------------------------------------------------


class RNNCellBase(Module):
    """One step of one layer."""

    gates = 1

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = self.gates * hidden_size
        self.weight_ih = Parameter(empty((rows, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(empty((rows, hidden_size), device=device, dtype=dtype))
        self.register_parameter("bias_ih", Parameter(empty(rows, device=device, dtype=dtype)) if bias else None)
        self.register_parameter("bias_hh", Parameter(empty(rows, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all from U(-1/√hidden, 1/√hidden)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _batched(self, input: Tensor, states: tuple[Tensor | None, ...]) -> tuple[Tensor, list[Tensor], bool]:
        name = type(self).__name__
        if input.ndim not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.ndim}D instead")
        for i, s in enumerate(states):
            if s is not None and s.ndim not in (1, 2):
                raise ValueError(f"{name}: Expected {f'hx[{i}]' if len(states) > 1 else 'hidden'} to be 1D or 2D, got {s.ndim}D instead")
        single = input.ndim == 1
        x = input.unsqueeze(0) if single else input
        if x.shape[1] != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {x.shape[1]} expected {self.input_size}")
        found = []
        for s in states:
            if s is None:
                found.append(zeros((x.shape[0], self.hidden_size), dtype=x.dtype, device=x.device))
                continue
            s = s.unsqueeze(0) if single else s
            if s.shape[0] != x.shape[0]:
                raise RuntimeError(f"Input batch size {x.shape[0]} doesn't match hidden0 batch size {s.shape[0]}")
            if s.shape[1] != self.hidden_size:
                raise RuntimeError(f"hidden0 has inconsistent hidden_size: got {s.shape[1]}, expected {self.hidden_size}")
            found.append(s)
        return x, found, single

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + (f", bias={self.bias}" if self.bias is not True else "")


class RNNCell(RNNCellBase):
    """tanh(W x + b + U h + b'), or max(.., 0)."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device: Any = None, dtype: Any = None) -> None:
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        x, (h,), single = self._batched(input, (hx,))
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        z = F.linear(x, self.weight_ih, self.bias_ih) + F.linear(h, self.weight_hh, self.bias_hh)
        y = F.tanh(z) if self.nonlinearity == "tanh" else F.relu(z)
        return y.squeeze(0) if single else y

    def extra_repr(self) -> str:
        return super().extra_repr() + (f", nonlinearity={self.nonlinearity}" if self.nonlinearity != "tanh" else "")


class LSTMCell(RNNCellBase):
    """One step of an LSTM: (h, c) to (h', c')."""

    gates = 4

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Tensor]:
        x, (h, c), single = self._batched(input, (None, None) if hx is None else tuple(hx))
        i, f, g, o = (F.linear(x, self.weight_ih, self.bias_ih) + F.linear(h, self.weight_hh, self.bias_hh)).chunk(4, 1)
        c = F.sigmoid(f) * c + F.sigmoid(i) * F.tanh(g)
        h = F.sigmoid(o) * F.tanh(c)
        return (h.squeeze(0), c.squeeze(0)) if single else (h, c)


class GRUCell(RNNCellBase):
    """One step of a GRU."""

    gates = 3

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        x, (h,), single = self._batched(input, (hx,))
        ra, za, na = F.linear(x, self.weight_ih, self.bias_ih).chunk(3, 1)
        ru, zu, nu = F.linear(h, self.weight_hh, self.bias_hh).chunk(3, 1)
        n = F.tanh(na + F.sigmoid(ra + ru) * nu)
        y = n + F.sigmoid(za + zu) * (h - n)
        return y.squeeze(0) if single else y
