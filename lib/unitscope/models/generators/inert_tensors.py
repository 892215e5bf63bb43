"""What the official checkpoints' pickles may name: tensors, NumPy's numbers and arrays, modules as plain data.

A tensor is made here from its bytes: a storage is five small pickles (read by the same machine), a count and raw
little-endian numbers. The place where a storage was kept ("cuda:0") has no meaning here: bytes are bytes.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unitscope.errors import UnitscopeError
from unitscope.models.generators.inert_pickle import (
    PACKAGES,
    Inert,
    Machine,
    Refused,
    Symbol,
    Table,
    read_pickle,
    shown,
)

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001  # of torch's format before zip files
STORAGES = {
    "FloatStorage": torch.float32, "DoubleStorage": torch.float64, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
}  # fmt: skip
NUMBERS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")  # dtypes of NumPy that are taken
SKIP = ("D", "augment_pipe")
ORDERED = Symbol("collections", "OrderedDict")
NDARRAY, MAKE_ARRAY = Symbol("numpy", "ndarray"), "_reconstruct"
CORES = ("numpy.core", "numpy._core", "numpy")  # where NumPy's versions keep it
TORCH_MODULES = {
    "activation": "Sigmoid LeakyReLU ReLU SiLU Tanh", "batchnorm": "BatchNorm2d", "conv": "Conv2d ConvTranspose2d",
    "container": "Sequential ModuleList ModuleDict", "linear": "Linear Identity", "module": "_WrappedHook",
    "pooling": "AdaptiveAvgPool2d", "sparse": "Embedding", "upsampling": "Upsample UpsamplingNearest2d",
}  # fmt: skip
OTHER_CLASSES = {
    "dnnlib.util": "EasyDict",
    "torch.nn.utils.spectral_norm": "SpectralNorm SpectralNormStateDictHook SpectralNormLoadStateDictPreHook",
    "pg_modules.blocks": (
        "CCBN GLU InitLayer NoiseInjection SEBlock Swish UpBlockBig UpBlockSmall UpBlockBigCond UpBlockSmallCond"
    ),
    "pg_modules.networks_fastgan": "DummyMapping FastganSynthesis FastganSynthesisCond Generator",
}


@dataclass(frozen=True)
class Storage:
    """A row of numbers (n,), all of one kind."""

    numbers: Tensor


# torch


def storage(data: object) -> Storage:
    """A storage in torch's format before zip files."""
    if not isinstance(data, bytes | bytearray):
        raise Refused("a storage is no bytes")
    file = io.BytesIO(data)
    if _part(file) != MAGIC or _part(file) != VERSION:
        raise Refused("a storage is not in torch's format of single storages")
    system = _part(file)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Refused("a storage is not little-endian")
    dtype, key, count = _part(file)
    if _part(file) != [key]:
        raise Refused("a storage holds another one than it says")
    (stated,) = struct.unpack("<q", _exactly(file, 8))
    size = torch.empty((), dtype=dtype).element_size()
    left = len(data) - file.tell()
    if stated != count or count < 0 or count * size > left:
        raise Refused(f"a storage claims {stated} and {count} numbers of {size} bytes, and the file holds {left} bytes")
    numbers = (
        torch.frombuffer(bytearray(_exactly(file, count * size)), dtype=dtype) if count else torch.empty(0, dtype=dtype)
    )
    return Storage(numbers)


def _exactly(file: io.BytesIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise Refused("a storage is truncated")
    return data


def _part(file: io.BytesIO) -> object:
    return Machine(file, STORAGE_TABLE).run()


def _storage_id(identity: object) -> tuple[torch.dtype, str, int]:
    """('storage', kind, key, place, count, view) as (dtype, key, count)."""
    if (
        type(identity) is not tuple
        or len(identity) not in (5, 6)
        or identity[0] != "storage"
        or identity[5:] not in ((), (None,))
    ):
        raise Refused(f"the persistent id {shown(identity)} is none of a whole storage")
    kind, key, _, count = identity[1:5]
    if not isinstance(kind, Symbol) or kind.name not in STORAGES or type(key) is not str or type(count) is not int:
        raise Refused(f"the persistent id {shown(identity)} is none of a whole storage")
    return STORAGES[kind.name], key, count


def tensor(kept: object, offset: object, size: object, stride: object, *_) -> Tensor:
    """A tensor (size) whose neighbours lie `stride` apart in a storage, from `offset` on; contiguous."""
    numbers = (offset, *size, *stride) if type(size) is tuple and type(stride) is tuple else (None,)
    if not isinstance(kept, Storage) or len(size) != len(stride) or any(type(n) is not int or n < 0 for n in numbers):
        raise Refused("a tensor has no storage, size and stride")
    count, last = math.prod(size), offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if count > len(kept.numbers) or (count and last >= len(kept.numbers)):
        raise Refused(f"a tensor {size} does not lie within its storage of {len(kept.numbers)} numbers")
    return (
        kept.numbers.as_strided(size, stride, offset).clone(memory_format=torch.contiguous_format)
        if count
        else kept.numbers.new_empty(size)
    )


def parameter(data: object, *_) -> Tensor:
    """A parameter is its tensor."""
    if not isinstance(data, Tensor):
        raise Refused("a parameter is no tensor")
    return data


# NumPy


def dtype(name: object, *_) -> Inert:
    """A kind of number; its state states the byte order."""
    if type(name) is not str or name not in NUMBERS:
        raise Refused(f"NumPy's dtype {shown(name)} is none of {', '.join(NUMBERS)}")
    return Inert(Symbol("numpy", "dtype"), (name,))


def _numpy(kind: object) -> np.dtype:
    """The dtype of NumPy that `dtype` stands for."""
    if not isinstance(kind, Inert) or kind.kind != Symbol("numpy", "dtype"):
        raise Refused("a number of NumPy has no dtype")
    order = kind.state[1] if type(kind.state) is tuple and len(kind.state) > 1 else "|"
    return np.dtype((">" if order == ">" else "<") + kind.arguments[0])


def scalar(kind: object, data: object) -> float | int | bool:
    """One number of NumPy as Python's."""
    found = _numpy(kind)
    if not isinstance(data, bytes) or len(data) != found.itemsize:
        raise Refused("a number of NumPy has another length than its dtype")
    return np.frombuffer(data, found)[0].item()


def empty_array(*_) -> Inert:
    """An array that its state will fill."""
    return Inert(NDARRAY)


def full_array(_maker: object, _arguments: object, state: object, *_) -> Inert:
    """An array as dill writes it."""
    return Inert(NDARRAY, state=state)


def array(found: Inert) -> np.ndarray:
    """The numbers of an inert array."""
    _, shape, kind, fortran, data = found.state
    whole = _numpy(kind)
    if not isinstance(data, bytes) or math.prod(shape) * whole.itemsize != len(data):
        raise Refused("an array of NumPy has another length than its shape")
    return np.frombuffer(data, whole).reshape(shape, order="F" if fortran else "C")


# containers and dill


def ordered(entries: object = ()) -> dict:
    """An OrderedDict as a dict."""
    return dict(entries)


def text_bytes(text: object, encoding: object = "latin1") -> bytes:
    """Bytes that an old protocol wrote as text."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise Refused("bytes are written in an unknown way")
    return text.encode("latin1")


def persistent_object(about: object, *_) -> Inert:
    """An object that was saved with its source: its class by name and its state; the source is left unread."""
    if not isinstance(about, dict) or about.get("type") != "class" or type(about.get("class_name")) is not str:
        raise Refused("a persistent object has no class")
    if about.get("version") != 6:
        raise Refused(f"a persistent object has version {shown(about.get('version'))}; 6 is known")
    return Inert(Symbol("persistent", about["class_name"]), state=about.get("state"))


def module_by_name(name: object) -> Symbol:
    """dill's way to name NumPy's compiled part, or a module of a package whose names may stand in what is skipped."""
    if type(name) is str and name.split(".")[0] in PACKAGES:
        return Symbol("module", name)
    if name not in ("numpy.core._multiarray_umath", "numpy._core._multiarray_umath"):
        raise Refused(f"the pickle imports {shown(name)}, which is not among the modules that are taken")
    return Symbol("numpy", "_multiarray_umath")


def member_by_name(module: object, name: object) -> Symbol:
    """dill's way to name a function of a module."""
    if isinstance(module, Symbol) and module.module == "module":
        return Symbol(module.name, name if type(name) is str else shown(name))
    if module != Symbol("numpy", "_multiarray_umath") or name not in ("scalar", MAKE_ARRAY):
        raise Refused(f"the pickle asks {shown(module)} for {shown(name)}, which is not among the names that are taken")
    return Symbol("numpy.core.multiarray", name)


def type_by_name(name: object) -> Symbol:
    """dill's way to name a type of Python."""
    return Symbol("builtins", "set") if name == "set" else Symbol("types", name if type(name) is str else shown(name))


CALLS: dict[Symbol, Callable[..., object]] = {
    ORDERED: ordered,
    Symbol("builtins", "set"): lambda values=(): set(values),
    Symbol("__builtin__", "set"): lambda values=(): set(values),
    Symbol("_codecs", "encode"): text_bytes,
    Symbol("torch._utils", "_rebuild_tensor_v2"): tensor,
    Symbol("torch._utils", "_rebuild_parameter"): parameter,
    Symbol("torch.storage", "_load_from_bytes"): storage,
    Symbol("torch_utils.persistence", "_reconstruct_persistent_obj"): persistent_object,
    Symbol("numpy", "dtype"): dtype,
    **{Symbol(f"{core}.multiarray", "scalar"): scalar for core in CORES},
    **{Symbol(f"{core}.multiarray", MAKE_ARRAY): empty_array for core in CORES},
    Symbol("dill._dill", "_import_module"): module_by_name,
    Symbol("dill._dill", "_get_attr"): member_by_name,
    Symbol("dill._dill", "_load_type"): type_by_name,
    Symbol("dill._dill", "_create_array"): full_array,
}
CLASSES = frozenset(
    [NDARRAY]
    + [Symbol(f"torch.nn.modules.{module}", name) for module, names in TORCH_MODULES.items() for name in names.split()]
    + [Symbol(module, name) for module, names in OTHER_CLASSES.items() for name in names.split()]
)
TABLE = Table(CALLS, CLASSES)
STORAGE_TABLE = Table({ORDERED: ordered}, frozenset(Symbol("torch", name) for name in STORAGES), _storage_id)


def read_checkpoint(path: str | Path) -> dict:
    """The root of an official checkpoint: {"G_ema": Inert, ...}.

    Raises
    ------
    UnitscopeError
        If the file is absent, damaged, or holds anything that is not taken; what it names is never run.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise UnitscopeError(f"checkpoint {path} {'is no regular file' if path.exists() else 'does not exist'}.")
    try:
        with open(path, "rb") as file:
            root = read_pickle(file, TABLE, SKIP)
    except Refused as error:
        raise Refused(f"checkpoint {path} is refused: {error}. Nothing of the file was run.") from None
    if not isinstance(root, dict) or not isinstance(root.get("G_ema"), Inert):
        raise Refused(
            f"checkpoint {path} is refused: it is no dict with the network 'G_ema'. Nothing of the file was run."
        )
    return root
