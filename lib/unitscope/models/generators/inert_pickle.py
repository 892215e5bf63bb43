"""A reader of pickles that runs nothing: opcodes move plain values, and names stand for themselves.

A pickle is a program for a stack machine. This machine knows the opcodes below and no others; what the file names
(`GLOBAL`) becomes a `Symbol`, and "calling" a symbol is a look-up in a closed table of our own functions
(`inert_tensors.CALLS`) or makes an `Inert` object that holds its arguments. No name is imported, no object of Python is
looked up for the file, and a name that is not listed is refused.

Under the root keys `skip` (the discriminator, the augmentation) names of PACKAGES are taken too, as stand-ins.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from unitscope.errors import UnitscopeError, shortened

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "training",
    "torch_utils",
    "dnnlib",
    "pg_modules",
    "feature_networks",
    "dill",
    "functools",
    "types",
)
BUILTINS = [
    "object",
    "type",
    "getattr",
    "slice",
    "range",
    "list",
    "dict",
    "tuple",
    "frozenset",
    "int",
    "float",
    "complex",
    "bool",
    "str",
    "bytes",
    "bytearray",
]
ROOTS = ("training_set_kwargs", "G", "D", "G_ema", "augment_pipe", "progress")
PLAIN = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "BINUNICODE", "UNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "BINSTRING",
    "SHORT_BINSTRING", "STRING",
}  # fmt: skip
FIXED: dict[str, Callable[[], object]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple, "EMPTY_SET": set,
}  # fmt: skip
GETS, PUTS = ("GET", "BINGET", "LONG_BINGET"), ("PUT", "BINPUT", "LONG_BINPUT")


@dataclass(frozen=True)
class Symbol:
    """A name that the file holds, and nothing behind it."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Inert:
    """What the file calls an object of `kind`: its arguments, its state and its entries, as data."""

    kind: Symbol
    arguments: tuple = ()
    state: object = None
    entries: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """What a machine takes: calls by symbol, classes whose objects are inert, and how a persistent id is read."""

    calls: Mapping[Symbol, Callable[..., object]]
    classes: frozenset[Symbol]
    persistent: Callable[[object], object] | None = None


class Refused(UnitscopeError):
    """A pickle that holds what is not taken, or that is damaged."""


class Machine:
    """The stack machine; `run` reads one pickle from `file` and leaves the file after its end."""

    def __init__(self, file: BinaryIO, table: Table, skip: tuple[str, ...] = ()):
        self.file, self.table, self.skip = file, table, skip
        self.stack: list = []
        self.marks: list[list] = []
        self.memo: dict[int, object] = {}

    def run(self) -> object:
        """The value that the pickle describes.

        Raises
        ------
        Refused
            For an opcode or a name that is not listed, and for a pickle that is damaged or ends early.
        """
        try:
            for opcode, argument, _ in pickletools.genops(self.file):
                if opcode.name == "STOP":
                    return self.stack.pop()
                self.step(opcode.name, argument)
        except UnitscopeError:
            raise
        except (
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            ArithmeticError,
            RecursionError,
            MemoryError,
        ) as error:
            raise Refused(
                f"the pickle is truncated or damaged ({type(error).__name__}: {shortened(str(error))})"
            ) from None
        raise Refused("the pickle is truncated")

    def step(self, name: str, argument) -> None:
        """One opcode."""
        if name in PLAIN:
            self.stack.append(argument)
        elif name in FIXED:
            self.stack.append(FIXED[name]())
        elif name in GETS:
            self.stack.append(self.memo[int(argument)])
        elif name in PUTS:
            self.memo[int(argument)] = self.stack[-1]
        elif handler := getattr(self, f"op_{name}", None):
            handler(argument)
        else:
            raise Refused(f"the pickle has the opcode {name}, which no checkpoint of these kinds needs")

    # the stack

    def op_PROTO(self, number: int) -> None:
        if number > 5:
            raise Refused(f"the pickle has protocol {number}; 0 to 5 are known")

    def op_FRAME(self, size: int) -> None:
        """A frame is a hint on how to read ahead."""

    def op_MARK(self, _) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def op_POP(self, _) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.above_mark()

    def op_POP_MARK(self, _) -> None:
        self.above_mark()

    def op_MEMOIZE(self, _) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def above_mark(self) -> list:
        """What lies above the last mark; it is taken off."""
        above, self.stack = self.stack, self.marks.pop()
        return above

    def take(self, count: int) -> tuple:
        """The `count` uppermost values; they are taken off."""
        if len(self.stack) < count:
            raise IndexError("the stack is empty")
        values = tuple(self.stack[-count:])
        del self.stack[-count:]
        return values

    # containers

    def op_TUPLE(self, _) -> None:
        above = self.above_mark()
        self.stack.append(tuple(above))

    def op_TUPLE1(self, _) -> None:
        self.stack.append(self.take(1))

    def op_TUPLE2(self, _) -> None:
        self.stack.append(self.take(2))

    def op_TUPLE3(self, _) -> None:
        self.stack.append(self.take(3))

    def op_LIST(self, _) -> None:
        above = self.above_mark()
        self.stack.append(above)

    def op_DICT(self, _) -> None:
        above = self.above_mark()
        self.stack.append(dict(pairs(above)))

    def op_FROZENSET(self, _) -> None:
        above = self.above_mark()
        self.stack.append(frozenset(keys(above)))

    def op_APPEND(self, _) -> None:
        self.extend(self.take(1))

    def op_APPENDS(self, _) -> None:
        self.extend(self.above_mark())

    def extend(self, values) -> None:
        if isinstance(self.stack[-1], Inert):
            self.stack[-1].entries.update(enumerate(values, len(self.stack[-1].entries)))
        elif type(self.stack[-1]) is list:
            self.stack[-1].extend(values)
        else:
            raise TypeError("values are appended to what is no list")

    def op_ADDITEMS(self, _) -> None:
        above = self.above_mark()
        if type(self.stack[-1]) is not set:
            raise TypeError("items are added to what is no set")
        self.stack[-1].update(keys(above))

    def op_SETITEM(self, _) -> None:
        self.set_items(self.take(2))

    def op_SETITEMS(self, _) -> None:
        self.set_items(self.above_mark())

    def set_items(self, values) -> None:
        target = self.stack[-1].entries if isinstance(self.stack[-1], Inert) else self.stack[-1]
        if type(target) is not dict:
            raise TypeError("entries are set in what is no dict")
        target.update(pairs(values))

    # names and objects

    def op_GLOBAL(self, argument: str) -> None:
        self.stack.append(self.named(*argument.split(" ", 1)))

    def op_STACK_GLOBAL(self, _) -> None:
        self.stack.append(self.named(*self.take(2)))

    def named(self, module: object, name: object) -> Symbol:
        """The symbol of a name that is listed."""
        if type(module) is not str or type(name) is not str:
            raise Refused("the pickle names something by values that are no text")
        symbol = Symbol(module, name)
        if symbol in self.table.calls or symbol in self.table.classes or self.skipping(symbol):
            return symbol
        raise Refused(f"the pickle names {shortened(str(symbol))}, which is not among the names that are taken")

    def skipping(self, symbol: Symbol) -> bool:
        """Whether the file is at a root entry that nobody needs, and `symbol` is of a package that may stand there."""
        builtin = symbol.module == "builtins" and symbol.name in BUILTINS
        if not self.marks or not (builtin or symbol.module.split(".")[0] in PACKAGES):
            return False
        entries = self.marks[1] if len(self.marks) > 1 else self.stack
        at = next((value for value in reversed(entries) if type(value) is str and value in ROOTS), None)
        return at in self.skip

    def op_REDUCE(self, _) -> None:
        symbol, arguments = self.take(2)
        self.stack.append(self.call(symbol, arguments))

    def call(self, symbol: object, arguments: object) -> object:
        """What our own function makes of the arguments."""
        if not isinstance(symbol, Symbol) or type(arguments) is not tuple:
            raise Refused(f"the pickle calls {shown(symbol)}, which is no name")
        if symbol in self.table.calls:
            return self.table.calls[symbol](*arguments)
        if symbol in self.table.classes or self.skipping(symbol):
            return Inert(symbol, arguments)
        raise Refused(f"the pickle calls {symbol}, which is not among the names that are called")

    def op_NEWOBJ(self, _) -> None:
        self.new(*self.take(2))

    def op_NEWOBJ_EX(self, _) -> None:
        symbol, arguments, names = self.take(3)
        self.new(symbol, (arguments, names))

    def new(self, symbol: object, arguments: object) -> None:
        if not isinstance(symbol, Symbol) or type(arguments) is not tuple:
            raise Refused(f"the pickle makes an object of {shown(symbol)}, which is no class")
        if symbol not in self.table.classes and not self.skipping(symbol):
            raise Refused(f"the pickle makes an object of {symbol}, which is not among the classes that are taken")
        self.stack.append(Inert(symbol, arguments))

    def op_BUILD(self, _) -> None:
        (state,) = self.take(1)
        if not isinstance(self.stack[-1], Inert):
            raise Refused(f"the pickle gives a state to {shown(self.stack[-1])}, which has none")
        self.stack[-1].state = state

    def op_BINPERSID(self, _) -> None:
        if self.table.persistent is None:
            raise Refused("the pickle has a persistent id, which no checkpoint of these kinds needs")
        self.stack.append(self.table.persistent(self.take(1)[0]))


def pairs(values) -> list[tuple]:
    """[key, value, key, value, ...] as pairs."""
    if len(values) % 2:
        raise ValueError("a key has no value")
    return list(zip(keys(values[::2]), values[1::2], strict=True))


def keys(values) -> list:
    """Values that may be keys: no tuple within a tuple, whose hash can take for ever."""
    for value in values:
        if isinstance(value, tuple | frozenset) and any(isinstance(part, tuple | frozenset) for part in value):
            raise Refused("the pickle has a nested key, which no checkpoint of these kinds needs")
    return list(values)


def shown(value: object) -> str:
    """A value in an error: text, numbers and symbols as they are, of anything else its type (a repr can take for
    ever).
    """
    return shortened(
        value
        if isinstance(value, str | bytes | int | float)
        else str(value)
        if isinstance(value, Symbol)
        else type(value).__name__
    )


def read_pickle(data: bytes | BinaryIO, table: Table, skip: tuple[str, ...] = ()) -> object:
    """The value of one pickle, in bytes or from a file; see `Machine.run` for the errors."""
    return Machine(io.BytesIO(data) if isinstance(data, bytes) else data, table, skip).run()
