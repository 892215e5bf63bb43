"""What a caller may hand over by mistake, by the kind of the valid argument.

A bad input is one of three things:

    refuse   cannot mean anything here: must end in UnitscopeError
    poison   a tensor with one entry that is no finite number: an error, or an answer that is not finite either
    allow    odd but possible: an error in words, or an answer without one
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

REFUSE, POISON, ALLOW = "refuse", "poison", "allow"
NEGATIVE_NAN = torch.tensor(-0x400000, dtype=torch.int32).view(torch.float32)
HUGE = 10**12


@dataclass(frozen=True)
class Bad:
    """One bad input: its name, what must happen, and the value."""

    name: str
    rule: str
    value: object


def bad_inputs(valid: object, none: bool = False) -> Iterator[Bad]:
    """Bad inputs in place of a valid argument; `none` tells that None is one of its values."""
    yield from (Bad(name, REFUSE, value) for name, value in nonsense(valid).items() if value is not None or not none)
    if isinstance(valid, Tensor):
        yield from tensors(valid)
    elif isinstance(valid, bool):
        pass
    elif isinstance(valid, int):
        yield from (
            Bad(f"{value!r}", REFUSE, value)
            for value in (-1, -HUGE, 2.5, 1.0, float("nan"), float("inf"), "1", True, [1], 1j)
        )
        yield from (Bad(f"{value!r}", ALLOW, value) for value in (0, np.int64(valid), valid + 1))
    elif isinstance(valid, float):
        yield from (
            Bad(f"{value!r}", REFUSE, value)
            for value in (float("nan"), float("inf"), -float("inf"), "0.5", [0.5], 1j, torch.tensor([0.1, 0.2]))
        )
        yield from (Bad(f"{value!r}", ALLOW, value) for value in (-1.0, 0, 1, 1e30, -1e30, np.float32(valid)))
    elif isinstance(valid, str):
        yield from (
            Bad(f"{value!r}"[:30], REFUSE, value)
            for value in (
                "",
                " ",
                "nonsense",
                valid.upper() + "_",
                "x" * 100_000,
                "a/b",
                "\x00",
                valid.encode(),
                3,
                2.5,
            )
        )
    elif isinstance(valid, (list, tuple)):
        yield from lists(valid)


def nonsense(valid: object) -> dict[str, object]:
    """Values of a wrong kind, whatever is asked for."""
    values = {
        "object": object(),
        "text": "nonsense\n",
        "dict": {"a": 1},
        "class": dict,
        "function": len,
        "bytes": b"\x00",
        "complex": 1j,
        "module": nn.ReLU(),
        "set of text": {"a"},
        "object array": np.array([None, "a"], dtype=object),
        "array of text": np.array(["a"]),
        "list of None": [None],
        "ragged": [[1.0], [1.0, 2.0]],
        "dates": np.array(["2020-01-01"], dtype="datetime64[D]"),
    }
    if valid is not None:
        values["None"] = None
    if isinstance(valid, nn.Module):
        del values["module"]
    if callable(valid):
        del values["function"], values["class"]
    if isinstance(valid, Mapping):
        values["dict"] = [1]
    return values


def tensors(x: Tensor) -> Iterator[Bad]:
    """Tensors that are not quite `x`."""
    x = x.detach().clone()
    yield Bad("complex tensor", REFUSE, x.to(torch.complex64))
    yield Bad("sparse tensor", REFUSE, x.float().to_sparse() if x.ndim else torch.ones(2).to_sparse())
    yield Bad("number", REFUSE if x.ndim else ALLOW, 3.5)
    if x.ndim:
        yield Bad("an axis too many", ALLOW, x[None])
        yield Bad("two axes too many", ALLOW, x[None, None])
        yield Bad("flat", ALLOW, x.flatten())
        yield Bad("first entry", ALLOW, x[0])
        yield Bad("no rows", ALLOW, x[:0])
        yield Bad("no columns", ALLOW, x[..., :0])
        yield Bad("a row short", ALLOW, x[:-1])
        yield Bad("a column short", ALLOW, x[..., :-1])
        yield Bad("turned", ALLOW, x.transpose(0, -1))
        yield Bad("array", ALLOW, x.numpy())
        yield Bad("list", ALLOW, x.tolist())
        yield Bad("scalar tensor", ALLOW, x.flatten()[0])
        yield Bad("requires gradient", ALLOW, x.clone().float().requires_grad_())
    if x.is_floating_point():
        for name, value in (
            ("NaN", torch.nan),
            ("negative NaN", NEGATIVE_NAN),
            ("infinity", torch.inf),
            ("minus infinity", -torch.inf),
        ):
            for place in (0, -1):
                spoilt = x.clone()
                spoilt.flatten()[place] = value
                yield Bad(f"{name} at {place}", POISON, spoilt)
        yield Bad("all NaN", POISON, torch.full_like(x, torch.nan))
        yield Bad("mask", REFUSE, x > 0)
        yield Bad("whole numbers", ALLOW, x.long())
        yield Bad("halves", ALLOW, x.half())
        yield Bad("zeros", ALLOW, torch.zeros_like(x))
        yield Bad("enormous", ALLOW, torch.full_like(x, 1e30))
    elif x.dtype == torch.bool:
        yield Bad("floats", REFUSE, x.float())
        yield Bad("places", ALLOW, x.nonzero())
    else:
        yield Bad("fractions", REFUSE, x + 0.5)
        yield Bad("floats", REFUSE, x.double())
        yield Bad("NaN", REFUSE, torch.full(x.shape, torch.nan))
        yield Bad("mask", REFUSE, x > 0)
        yield Bad("negative", ALLOW, x - 1000)
        yield Bad("too large", ALLOW, x + 100_000)
        yield Bad("bytes", ALLOW, x.clamp(0, 255).to(torch.uint8))
        yield Bad("short", ALLOW, x.to(torch.int32))


def lists(valid: list | tuple) -> Iterator[Bad]:
    """Lists of the wrong things."""
    yield Bad("number", REFUSE, 3)
    yield Bad("empty", ALLOW, [])
    yield Bad("doubled", ALLOW, [*valid, *valid])
    yield Bad("None inside", REFUSE, [*valid, None])
    yield Bad("object inside", REFUSE, [object(), *valid])
    yield Bad("nested", REFUSE, [[[*valid]], "a"])
    if valid and isinstance(valid[0], (int, float)):
        yield Bad("NaN inside", REFUSE, [*valid[:-1], float("nan")])
        yield Bad("infinity inside", REFUSE, [*valid[:-1], float("inf")])
        yield Bad("text inside", REFUSE, [*valid[:-1], "1"])
        yield Bad("negative", ALLOW, [-1000 for _ in valid])


def finite(answer: object, depth: int = 0) -> bool:
    """Whether every number of an answer is finite (numbers without fractions always are)."""
    if isinstance(answer, Tensor):
        return bool(torch.as_tensor(answer.detach()).isfinite().all())
    if isinstance(answer, np.ndarray):
        return bool(np.isfinite(answer).all()) if answer.dtype.kind in "fc" else True
    if isinstance(answer, float):
        return bool(np.isfinite(answer))
    if isinstance(answer, Mapping):
        return all(finite(one, depth + 1) for one in answer.values())
    if isinstance(answer, (list, tuple)):
        return all(finite(one, depth + 1) for one in answer)
    if depth < 4 and hasattr(answer, "__dict__") and not isinstance(answer, (type, Callable)):
        return all(finite(one, depth + 1) for one in vars(answer).values())
    return True
