"""Checks at the door of public functions: what came must be what the docstring asks for.

Each check returns the value in the form that the function works with, or raises one UnitscopeError that names the
argument, what it takes and what it got. A shape is written as in docstrings: "(n, d)", "(U, n, d) or (n, d)",
"(..., k)"; one letter used twice is one size, a number is that size.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from unitscope.errors import UnitscopeError, shortened, unknown


def tensor(name: str, x: object, shape: str = "", *, empty: bool = False, what: str = "numbers") -> Tensor:
    """`x` as a tensor of real numbers or truth values, of the given shape.

    Parameters
    ----------
    empty : whether a tensor without entries is taken.
    what : how a message calls what is taken.
    """
    if not isinstance(x, Tensor):
        x = _from_python(name, x, shape, what)
    if x.is_complex() or x.is_sparse or x.is_meta or x.is_quantized:
        raise _refused(
            name, shape, f"a tensor of {x.dtype}" if x.is_complex() else "a tensor without plain numbers", what
        )
    if shape and not any(_fits(x.shape, one) for one in shape.split(" or ")):
        raise _refused(name, shape, f"shape {tuple(x.shape)}", what)
    if not empty and not x.numel():
        raise _refused(name, shape, f"nothing: shape {tuple(x.shape)}", what)
    return x


def finite(name: str, x: object, shape: str = "", *, empty: bool = False) -> Tensor:
    """`x` as a tensor of finite floating point numbers; whole numbers become float32, truth values are refused."""
    x = floating(name, x, shape, empty=empty, what="finite numbers")
    if not x.isfinite().all():
        raise UnitscopeError(f"`{name}` must hold finite numbers{_of(shape)}, got NaN or infinity.")
    return x


def floating(name: str, x: object, shape: str = "", *, empty: bool = False, what: str = "numbers") -> Tensor:
    """The same without the demand that they are finite: for functions whose answer is NaN where `x` is."""
    x = tensor(name, x, shape, empty=empty, what=what)
    if x.dtype == torch.bool:
        raise _refused(name, shape, "truth values", what)
    return x if x.is_floating_point() else x.float()


def indices(name: str, x: object, size: int | None = None, shape: str = "", *, empty: bool = False) -> Tensor:
    """`x` as int64 positions in 0..size-1 (from 0 on, if `size` is None); neither truth values nor fractions."""
    x = tensor(name, x, shape, empty=True, what="whole numbers")
    if not x.numel():
        if empty:
            return x.long()
        raise _refused(name, shape, f"nothing: shape {tuple(x.shape)}", "whole numbers")
    if x.dtype == torch.bool:
        raise _refused(name, shape, "truth values; take mask.nonzero().flatten()", "whole numbers")
    if x.is_floating_point():
        raise _refused(name, shape, f"{x.dtype}", "whole numbers")
    low, high = int(x.min()), int(x.max())
    if low < 0 or (size is not None and high >= size):
        limit = "from 0 on" if size is None else f"in 0..{size - 1}"
        raise UnitscopeError(f"`{name}` must lie {limit}, got {low}..{high}.")
    return x.long()


def mask(name: str, x: object, shape: str = "", *, empty: bool = False) -> Tensor:
    """`x` as truth values."""
    x = tensor(name, x, shape, empty=empty, what="truth values")
    if x.dtype != torch.bool:
        raise _refused(name, shape, f"{x.dtype}", "truth values")
    return x


def count(name: str, k: object, at_least: int = 1, at_most: int | None = None) -> int:
    """`k` as a whole number between two bounds, both included."""
    whole = isinstance(k, numbers.Integral) and not isinstance(k, bool)
    if not whole or k < at_least or (at_most is not None and k > at_most):
        limit = f"of at least {at_least}" if at_most is None else f"from {at_least} to {at_most}"
        raise UnitscopeError(f"`{name}` must be a whole number {limit}, got {name}={shortened(k)}.")
    return int(k)


def real(name: str, x: object, low: float = -math.inf, high: float = math.inf, *, ends: str = "[]") -> float:
    """`x` as one finite number between `low` and `high`; `ends` "()" leaves both out, "(]" and "[)" one of them."""
    plain = isinstance(x, numbers.Real) and not isinstance(x, bool)
    if plain and math.isfinite(x):
        above = x >= low if ends[0] == "[" else x > low
        if above and (x <= high if ends[1] == "]" else x < high):
            return float(x)
    bounds = _between(low, high, ends)
    raise UnitscopeError(f"`{name}` must be a finite number{bounds}, got {shortened(x)}.")


def _between(low: float, high: float, ends: str) -> str:
    if high == math.inf:
        return "" if low == -math.inf else f" of {'at least' if ends[0] == '[' else 'more than'} {low:g}"
    return f" in {ends[0]}{low:g}, {high:g}{ends[1]}"


def flag(name: str, x: object) -> bool:
    """`x` as True or False."""
    if not isinstance(x, (bool, np.bool_)):
        raise UnitscopeError(f"`{name}` must be True or False, got {shortened(x)}.")
    return bool(x)


def text(name: str, x: object) -> str:
    """`x` as a string."""
    if not isinstance(x, str):
        raise UnitscopeError(f"`{name}` must be a string, got {shortened(x)}.")
    return x


def choice(kind: str, name: object, valid: Iterable):
    """`name`, which must be one of `valid`; else an error with the nearest."""
    valid = list(valid)
    if not any(name is one or (type(name) is type(one) and name == one) for one in valid):
        raise unknown(kind, name, valid)
    return name


def instance(name: str, x: object, kind: type | tuple[type, ...], hint: str = ""):
    """`x`, which must be an object of a class; `hint` says how one is made."""
    if not isinstance(x, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join(one.__name__ for one in kinds)
        end = f"; {hint}" if hint else ""
        raise UnitscopeError(f"`{name}` must be of type {wanted}, got {shortened(x)}{end}.")
    return x


def sequence(name: str, x: object, kind: type | tuple[type, ...] = object, *, empty: bool = False) -> list:
    """`x` as a list of objects of one class; a string is not taken for a list of letters."""
    if isinstance(x, (str, bytes, Mapping)) or not isinstance(x, Iterable) or (isinstance(x, Tensor) and not x.ndim):
        raise UnitscopeError(f"`{name}` must be a list, got {shortened(x)}.")
    try:
        found = list(x)
    except TypeError:  # an array without axes
        raise UnitscopeError(f"`{name}` must be a list, got {shortened(x)}.") from None
    if not found and not empty:
        raise UnitscopeError(f"`{name}` must hold at least one entry, got none.")
    for one in found:
        instance(f"{name}[...]", one, kind)
    return found


def same_shape(first: str, a: Tensor, second: str, b: Tensor) -> None:
    """Two tensors of one shape."""
    if a.shape != b.shape:
        raise UnitscopeError(
            f"`{first}` and `{second}` must have one shape, got {tuple(a.shape)} and {tuple(b.shape)}."
        )


def _from_python(name: str, x: object, shape: str, what: str) -> Tensor:
    """Numbers, lists and arrays as a tensor; a list of Python floats becomes float64, so that no digit is lost."""
    try:
        found = np.asarray([one.detach().cpu().numpy() for one in x] if _tensors(x) else x)
        if found.dtype.kind not in "biuf":
            raise TypeError
        return torch.from_numpy(found.astype(found.dtype.newbyteorder("="), order="C", copy=True))
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise _refused(name, shape, shortened(x), what) from None


def _tensors(x: object) -> bool:
    return isinstance(x, (list, tuple)) and bool(x) and all(isinstance(one, Tensor) for one in x)


def _fits(shape: Iterable[int], pattern: str) -> bool:
    """Whether a shape is "(n, d)", "(U, n, n)", "(..., 5)"."""
    wanted, shape = [part.strip() for part in pattern.strip("() ").split(",") if part.strip()], list(shape)
    if wanted and wanted[0] == "...":
        wanted = wanted[1:]
        if len(shape) < len(wanted):
            return False
        shape = shape[len(shape) - len(wanted) :]
    sizes: dict[str, int] = {}
    return len(shape) == len(wanted) and all(
        size == (int(part) if part.isdigit() else sizes.setdefault(part, size))
        for size, part in zip(shape, wanted, strict=True)
    )


def _of(shape: str) -> str:
    return f" of shape {shape}" if shape else ""


def _refused(name: str, shape: str, got: str, what: str) -> UnitscopeError:
    return UnitscopeError(f"`{name}` must hold {what}{_of(shape)}, got {got}.")
