"""Where a parameter or a value may lie; printed as PyTorch prints it."""

from __future__ import annotations

from typing import Any


class Constraint:
    """A set of values; `check` says elementwise whether they are in it."""

    is_discrete = False
    event_dim = 0

    def __init__(self, **bounds: Any) -> None:
        self.bounds = bounds

    def check(self, value: Any) -> Any:
        """Whether each value, or each of its rows when `event_dim` is 1, is admitted."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return type(self).__name__[1:] + "(" + ", ".join(f"{k}={v}" for k, v in self.bounds.items()) + ")"


class _Dependent(Constraint):
    def check(self, value: Any) -> Any:
        raise ValueError("Cannot determine validity of dependent constraint")


class _Real(Constraint):
    def check(self, value: Any) -> Any:
        return value == value


class _Boolean(Constraint):
    is_discrete = True

    def check(self, value: Any) -> Any:
        return (value == 0).logical_or(value == 1)


class _IntegerInterval(Constraint):
    is_discrete = True

    def check(self, value: Any) -> Any:
        whole = value % 1 == 0
        return whole.logical_and(value >= self.bounds["lower_bound"]).logical_and(value <= self.bounds["upper_bound"])


class _GreaterThan(Constraint):
    def check(self, value: Any) -> Any:
        return value > self.bounds["lower_bound"]


class _GreaterThanEq(Constraint):
    def check(self, value: Any) -> Any:
        return value >= self.bounds["lower_bound"]


class _LessThan(Constraint):
    def check(self, value: Any) -> Any:
        return value < self.bounds["upper_bound"]


class _Interval(Constraint):
    def check(self, value: Any) -> Any:
        return (value >= self.bounds["lower_bound"]).logical_and(value <= self.bounds["upper_bound"])


class _Simplex(Constraint):
    event_dim = 1

    def check(self, value: Any) -> Any:
        return (value >= 0).all(-1).logical_and((value.sum(-1) - 1).abs() < 1e-6)


class _IntegerGreaterThan(Constraint):
    is_discrete = True

    def check(self, value: Any) -> Any:
        return (value % 1 == 0).logical_and(value >= self.bounds["lower_bound"])


class _OneHot(Constraint):
    is_discrete, event_dim = True, 1

    def check(self, value: Any) -> Any:
        return (value == 0).logical_or(value == 1).all(-1).logical_and(value.sum(-1) == 1)


class _Multinomial(Constraint):
    is_discrete, event_dim = True, 1

    def __init__(self, upper_bound: int) -> None:
        super().__init__()
        self.upper_bound = upper_bound

    def check(self, value: Any) -> Any:
        return (value >= 0).all(-1).logical_and(value.sum(-1) <= self.upper_bound)


class _LowerCholesky(Constraint):
    event_dim = 2

    def check(self, value: Any) -> Any:
        lower = (value.tril() == value).reshape((*value.shape[:-2], -1)).all(-1)
        return lower.logical_and((value.diagonal(dim1=-2, dim2=-1) > 0).all(-1))


class _PositiveDefinite(Constraint):
    event_dim = 2

    def check(self, value: Any) -> Any:
        from ..ops.api_linalg_solve import cholesky_ex

        turned = value.transpose(-2, -1)
        same = ((value - turned).abs() <= 1e-6 + 1e-5 * turned.abs()).all(-2).all(-1)
        return same.logical_and(cholesky_ex(value).info == 0) if bool(same.all()) else same


class _IndependentConstraint(Constraint):
    def __init__(self, base: Constraint, dims: int) -> None:
        super().__init__()
        self.base, self.dims = base, dims
        self.event_dim = base.event_dim + dims
        self.is_discrete = base.is_discrete

    def check(self, value: Any) -> Any:
        found = self.base.check(value)
        if self.dims and found.ndim < self.dims:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.ndim}")
        return found.reshape((*found.shape[:found.ndim - self.dims], -1)).all(-1) if self.dims else found

    def __repr__(self) -> str:
        return f"IndependentConstraint({self.base!r}, {self.dims})"


def interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """From `lower_bound` to `upper_bound`, both included."""
    return _Interval(lower_bound=lower_bound, upper_bound=upper_bound)


def integer_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Whole numbers from `lower_bound` to `upper_bound`."""
    return _IntegerInterval(lower_bound=lower_bound, upper_bound=upper_bound)


def greater_than(lower_bound: Any) -> Constraint:
    """More than `lower_bound`."""
    return _GreaterThan(lower_bound=lower_bound)


def greater_than_eq(lower_bound: Any) -> Constraint:
    """At least `lower_bound`."""
    return _GreaterThanEq(lower_bound=lower_bound)


def less_than(upper_bound: Any) -> Constraint:
    """Less than `upper_bound`."""
    return _LessThan(upper_bound=upper_bound)


independent = _IndependentConstraint
dependent, real, boolean, simplex = _Dependent(), _Real(), _Boolean(), _Simplex()
real_vector = independent(real, 1)
positive, nonnegative, unit_interval = greater_than(0.0), greater_than_eq(0.0), interval(0.0, 1.0)
nonnegative_integer, one_hot, lower_cholesky, positive_definite = _IntegerGreaterThan(lower_bound=0), _OneHot(), _LowerCholesky(), _PositiveDefinite()
multinomial = _Multinomial
