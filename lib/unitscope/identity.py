"""What a thing is, as a short hash: a network, a preprocessing, a function, whatever else decides numbers.

Types, settings, weights, and code that no installed package brings count. Devices, memory layout, the place of files
and the order of sets do not, nor do settings without effect in evaluation. The same in every process of one Python
version. Two things are not seen: hooks, and the code of installed packages, for which the names of its types stand.
"""

from __future__ import annotations

import functools
import hashlib
import sys
import sysconfig
import types
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

LENGTH = 16
PLAIN = (bool, int, float, complex, str, bytes, range, slice, torch.dtype, np.dtype, types.NoneType)
INTERNAL = {*vars(nn.Module())} - {"training"}  # what every module keeps for itself; tensors and parts are read apart
WITHOUT_EFFECT = {"inplace", "pretrained_cfg", "default_cfg", "feature_info"}
IN_EVALUATION = {  # settings without effect where a module is in evaluation mode
    nn.modules.batchnorm._NormBase: {"momentum"},
    nn.modules.dropout._DropoutNd: {"p"},
}
INSTALLED = tuple({Path(sysconfig.get_paths()[key]).resolve() for key in ("stdlib", "purelib", "platlib")})


def fingerprint(*things: object) -> str:
    """16 hexadecimal digits that change if one of these things changes in what decides its outputs."""
    digest = hashlib.sha256()
    for piece in _Reading().pieces(things):
        digest.update(len(piece).to_bytes(8, "little"))
        digest.update(piece)
    return digest.hexdigest()[:LENGTH]


class _Reading:
    """One walk over things: `path` is where it stands, so that it comes to an end; code is read once (`told`)."""

    def __init__(self):
        self.path: list[int] = []
        self.told: set[int] = set()

    def pieces(self, thing: object) -> Iterator[bytes]:
        """The bytes that stand for anything."""
        if isinstance(thing, PLAIN):
            yield f"{type(thing).__name__} {thing!r}".encode()
            return
        yield f"{type(thing).__module__}.{type(thing).__qualname__}".encode()
        if id(thing) in self.path:
            return
        self.path.append(id(thing))
        yield from self.inside(thing)
        self.path.pop()

    def inside(self, thing: object) -> Iterator[bytes]:
        if isinstance(thing, Tensor):
            yield from _numbers(thing)
        elif isinstance(thing, (np.ndarray, np.generic)):
            yield f"{thing.dtype} {thing.shape}".encode()
            yield np.ascontiguousarray(thing).tobytes()
        elif isinstance(thing, Mapping):
            for key in sorted(thing, key=repr):
                yield from self.pieces((key, thing[key]))
        elif isinstance(thing, (set, frozenset)):
            yield from sorted(b" ".join(self.pieces(item)) for item in thing)
        elif isinstance(thing, (list, tuple)):
            for item in thing:
                yield from self.pieces(item)
        elif isinstance(thing, nn.Module):
            yield from self.module(thing)
        elif isinstance(thing, functools.partial):
            yield from self.pieces((thing.func, thing.args, thing.keywords))
        elif isinstance(thing, types.MethodType):
            yield from self.pieces((thing.__func__, thing.__self__))
        elif isinstance(thing, property):
            yield from self.pieces(thing.fget)
        elif isinstance(thing, (staticmethod, classmethod)):
            yield from self.pieces(thing.__func__)
        elif isinstance(thing, types.FunctionType):
            yield from self.function(thing)
        elif isinstance(thing, type):
            yield f"{thing.__module__}.{thing.__qualname__}".encode()
            yield from self.kind(thing)
        elif isinstance(thing, (types.ModuleType, types.BuiltinFunctionType)):
            yield thing.__name__.encode()
        elif isinstance(thing, Enum):
            yield thing.name.encode()
        else:
            yield from self.other(thing)

    def module(self, module: nn.Module) -> Iterator[bytes]:
        """Type, settings, tensors (those that no weight file holds, too) and parts in their order."""
        yield from self.kind(type(module))
        ignored = INTERNAL | WITHOUT_EFFECT
        for kind, names in IN_EVALUATION.items():
            ignored = ignored | names if isinstance(module, kind) and not module.training else ignored
        yield from self.pieces({key: value for key, value in vars(module).items() if key not in ignored})
        for name, tensor in [*module._parameters.items(), *module._buffers.items()]:
            yield name.encode()
            yield from _numbers(tensor) if tensor is not None else ()
        for name, part in module._modules.items():
            yield name.encode()
            yield from self.pieces(part)

    def function(self, function: types.FunctionType) -> Iterator[bytes]:
        """Code and defaults, what it closes over, and what it uses of its own file."""
        yield f"{function.__module__}.{function.__qualname__}".encode()
        if _installed(function.__module__ or "", function.__code__.co_filename) or id(function) in self.told:
            return
        self.told.add(id(function))
        yield from self.code(function.__code__, function.__doc__)
        yield from self.pieces((function.__defaults__, function.__kwdefaults__))
        yield from self.pieces([_content(cell) for cell in function.__closure__ or ()])
        names = [name for name in _names(function.__code__) if name in function.__globals__]
        yield from self.pieces({name: function.__globals__[name] for name in names})

    def code(self, code: types.CodeType, text: str | None = None) -> Iterator[bytes]:
        """Instructions, names and constants, without the docstring and without lines of the file."""
        yield code.co_code
        yield repr(code.co_names).encode()
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                yield from self.code(constant)
            elif constant is not text or text is None:
                yield from self.pieces(constant)

    def kind(self, kind: type) -> Iterator[bytes]:
        """The functions and settings of a class that no installed package brings, and of those that it inherits."""
        for part in kind.__mro__:
            file = getattr(sys.modules.get(part.__module__), "__file__", None) or ""
            if _installed(part.__module__, file) or id(part) in self.told:
                continue
            self.told.add(id(part))
            own = {name: value for name, value in vars(part).items() if not name.startswith("__") or callable(value)}
            yield from self.pieces({name: value for name, value in own.items() if not isinstance(value, type)})

    def other(self, thing: object) -> Iterator[bytes]:
        """Any other object by its settings; of a data class, the fields that count in a comparison."""
        yield from self.kind(type(thing))
        if is_dataclass(thing):
            yield from self.pieces({field.name: getattr(thing, field.name) for field in fields(thing) if field.compare})
        else:
            yield from self.pieces(dict(getattr(thing, "__dict__", {})))


def _numbers(tensor: Tensor) -> Iterator[bytes]:
    """Shape, kind and bytes, wherever they lie and however they are laid out."""
    yield f"{tuple(tensor.shape)} {tensor.dtype}".encode()
    if tensor.numel() and not tensor.is_meta:
        yield tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()


def _names(code: types.CodeType) -> list[str]:
    """Every name that a function's code or the functions inside it use."""
    inner = [name for constant in code.co_consts if isinstance(constant, types.CodeType) for name in _names(constant)]
    return [*code.co_names, *inner]


def _content(cell: types.CellType) -> object:
    """What a function closes over; None where that was never set."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


@functools.lru_cache(maxsize=4096)
def _installed(module: str, file: str) -> bool:
    """Whether a module comes with Python, an installed package or this one."""
    if module.split(".")[0] in ("unitscope", "builtins"):
        return True
    return bool(file) and any(Path(file).resolve().is_relative_to(folder) for folder in INSTALLED)
