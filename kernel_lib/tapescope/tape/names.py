"""What parameters, buffers and modules are called: paths from the root module that was called first."""

from __future__ import annotations

import weakref
from typing import Any

from ..core.tensor import tensor_id
from .strings import Strings


class Param:
    """A leaf that is trained: its name, and what was last measured of its gradient."""

    __slots__ = ("energy", "grad_step", "index", "key_grad", "key_norm", "key_ratio", "key_update", "key_weight", "name", "ndim", "numel", "owned",
                 "packed", "ref", "seen_step", "strings", "trained", "version", "watch")

    def __init__(self, index: int, name: str, tensor: Any, strings: Strings, owned: bool) -> None:
        self.index = index
        self.name = name
        self.ref = weakref.ref(tensor)
        self.owned = owned                     # known from a module or an optimizer, not only from an op
        array = tensor._array
        self.numel, self.ndim = int(array.size), int(array.ndim)
        self.trained = bool(tensor._req)       # when it was met; what is so now only the tensor knows, while it lives
        self.version = -1                      # of its memory when the recording ended
        self.energy = 0.0                      # squared norm of its gradient after the newest backward
        self.seen_step = -1
        self.grad_step = -1
        self.packed = False                    # measured together with the others of its optimizer
        self.watch = True                      # passes the recording's module filter
        self.strings = strings

    def __getattr__(self, key: str) -> int:
        """Numbers of what its series are called, when they are first asked for."""
        series = _SERIES.get(key)
        if series is None:
            raise AttributeError(key)
        number = self.strings.add(series + self.name)
        setattr(self, key, number)
        return number


_SERIES = {"key_norm": "grad_norm/", "key_ratio": "update_ratio/", "key_weight": "weight/", "key_grad": "grad/", "key_update": "update/"}


class Call:
    """What is known of a module: its path and class."""

    __slots__ = ("cls", "path", "quiet", "ref", "sig")

    def __init__(self, module: Any, path: str) -> None:
        self.ref = weakref.ref(module)
        self.path = path
        self.cls = type(module).__name__
        self.sig = (path, self.cls)
        self.quiet = (path, self.cls, "no_grad")               # the same call outside gradients, in evaluation: a structure of its own


class Names:
    """Finds names; modules and tensors are held weakly."""

    def __init__(self, strings: Strings) -> None:
        self.strings = strings
        self.params: list[Param] = []
        self.by_id: dict[int, Param] = {}                     # tensor id -> parameter
        self.known: dict[int, int] = {}                       # tensor id -> -(number + 1), stable over the recording
        self.labels: dict[int, tuple[int, str]] = {}          # number -> (0 parameter | 1 buffer, name)
        self.roots: list[weakref.ref[Any]] = []
        self._calls: dict[int, Call] = {}
        self._taken: set[str] = set()
        self._prefixes: set[str] = set()
        self._unnamed = 0

    def call(self, module: Any, root: bool) -> Call:
        """Path and class of a module; a root that is new brings the names of everything below it."""
        known = self._calls.get(id(module))
        if known is not None and known.ref() is module:
            return known
        if root:
            return self.add_root(module)
        known = self._calls[id(module)] = Call(module, "")     # made inside a forward, by nobody's attribute
        return known

    def add_root(self, module: Any) -> Call:
        cls = type(module).__name__
        prefix = ""
        if self.roots:
            prefix, n = cls, 1
            while prefix in self._prefixes:
                n += 1
                prefix = f"{cls}{n}"
        self._prefixes.add(prefix)
        self.roots.append(weakref.ref(module))
        for path, child in module.named_modules():
            known = self._calls.get(id(child))
            if known is None or known.ref() is not child or child is module:
                self._calls[id(child)] = Call(child, _join(prefix, path))
        self._scan(module, prefix)
        return self._calls[id(module)]

    def _scan(self, module: Any, prefix: str) -> None:
        for path, t in module.named_parameters():
            if t is not None:
                t = self.mirrored(t)
                known = self.by_id.get(t._id)
                if known is None or not known.owned:            # an op may have met it before its module did
                    self.param(t, _join(prefix, path), True)
        for path, t in module.named_buffers():
            if t is not None and tensor_id(t := self.mirrored(t)) not in self.known:
                number = len(self.labels)
                self.known[t._id] = -(number + 1)
                self.labels[number] = (1, _join(prefix, path))

    def paths(self) -> set[str]:
        """Paths of all modules that are known, called or not."""
        return {call.path for call in self._calls.values()}

    def mirrored(self, t: Any) -> Any:
        """What stands for a module's tensor on the tape; an adapter's tensors are not ours."""
        return t

    def rescan(self) -> None:
        """Looks again at the roots: parameters may have been added since."""
        for i, ref in enumerate(self.roots):
            module = ref()
            if module is not None:
                prefix = self._calls[id(module)].path if i else ""
                self._scan(module, prefix)
                for path, child in module.named_modules():
                    known = self._calls.get(id(child))
                    if known is None or known.ref() is not child:
                        self._calls[id(child)] = Call(child, _join(prefix, path))

    def param(self, t: Any, name: str, owned: bool, stable: bool = True) -> Param:
        """Enters a parameter; a name that is taken gets a number. A `stable` one has a number of its own in every structure."""
        base, n = name, 1
        while name in self._taken:
            n += 1
            name = f"{base}#{n}"
        self._taken.add(name)
        number = len(self.labels)
        p = Param(number, name, t, self.strings, owned)
        self.params.append(p)
        i = tensor_id(t)
        met = self.by_id.get(i)
        if met is not None:
            self.params.remove(met)
        self.by_id[i] = p
        self.labels[number] = (0, name)
        if stable:
            self.known[i] = -(number + 1)
        return p

    def leaf(self, t: Any, owned: bool = False) -> Param | None:
        """The parameter that a leaf is, entered as "param<n>" when no module knows it; None after too many unnamed ones."""
        known = self.by_id.get(t._id) if t._id else None
        if known is None:
            if self.roots:
                self.rescan()
                known = self.by_id.get(t._id) if t._id else None
            if known is None:
                if self._unnamed >= 512 and not owned:
                    return None
                known = self.param(t, f"param{self._unnamed}", owned, stable=False)
                self._unnamed += 1
        elif owned:
            known.owned = True
        return known


def _join(prefix: str, path: str) -> str:
    return f"{prefix}.{path}" if prefix and path else prefix or path
