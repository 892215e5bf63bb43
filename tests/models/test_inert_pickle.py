"""Hostile and damaged pickles are refused in words and leave no trace; nothing that a file names is ever run."""

import io
import os
import pickle
import pickletools
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from unitscope.errors import UnitscopeError
from unitscope.models import load_generator
from unitscope.models.generators.inert_pickle import read_pickle
from unitscope.models.generators.inert_tensors import SKIP, TABLE, read_checkpoint, storage

GOOD = Path(__file__).parent / "official" / "sg3r_cond" / "blank.pkl"


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments, state=None):
        self.function, self.arguments, self.state = function, arguments, state

    def __reduce__(self):
        return self.function, self.arguments, self.state


def command(trace: Path) -> str:
    return f"touch {trace}"


def global_(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def hostile(trace: Path) -> dict[str, bytes]:
    """Pickles that touch `trace` when a common reader loads them (or that such a reader would obey in part)."""
    shell = command(trace)
    good = GOOD.read_bytes()
    system, arguments = global_("os", "system"), text(shell) + b"\x85"
    nested = pickle.dumps(Call(os.system, shell), 2)
    state = {"training": False, "_parameters": {"weight": Call(os.system, shell)}, "_buffers": {}, "_modules": {}}
    dill = (
        global_("dill._dill", "_get_attr")
        + global_("dill._dill", "_import_module")
        + text("os")
        + b"\x85R"
        + text("system")
        + b"\x86R"
    )
    numpy = (
        global_("dill._dill", "_get_attr")
        + global_("dill._dill", "_import_module")
        + text("numpy.core._multiarray_umath")
        + b"\x85R"
    )
    return {
        "plain": pickle.dumps(Call(os.system, shell)),
        "protocol 0": pickle.dumps(Call(os.system, shell), 0),
        "in a dict": pickle.dumps({"G_ema": Call(subprocess.check_call, ["touch", str(trace)])}),
        "in the discriminator": pickle.dumps({"D": Call(os.system, shell), "G_ema": {}}),
        "getattr in the discriminator": b"\x80\x02}("
        + text("D")
        + global_("builtins", "getattr")
        + global_("posix", "system")
        + b"\x85Ru.",
        "a stand-in called": b"\x80\x02}("
        + text("D")
        + global_("builtins", "getattr")
        + text("x")
        + text("y")
        + b"\x86R"
        + arguments
        + b"Ru.",
        "in a module": pickle.dumps({"G_ema": state}),
        "eval": pickle.dumps({"G_ema": Call(eval, f"__import__('os').system({shell!r})")}),
        "exec": pickle.dumps({"D": Call(exec, f"import os; os.system({shell!r})")}),
        "getattr": global_("builtins", "getattr")
        + global_("os", "system")
        + text("__call__")
        + b"\x86R"
        + arguments
        + b"R.",
        "posix": global_("posix", "system") + arguments + b"R.",
        "dotted": b"\x80\x04" + text("torch.serialization") + text("os.system") + b"\x93" + arguments + b"R.",
        "behind a list": b"(l" + system + arguments + b"Ra.",
        "INST": b"(" + text(shell) + b"ios\nsystem\n.",
        "OBJ": b"(" + system + text(shell) + b"o.",
        "NEWOBJ": b"\x80\x02" + system + arguments + b"\x81.",
        "NEWOBJ_EX": b"\x80\x04" + system + arguments + b"}\x92.",
        "BUILD on a name": b"\x80\x02"
        + global_("collections", "OrderedDict")
        + b"}"
        + text("__call__")
        + system
        + b"sb.",
        "BUILD by setstate": b"\x80\x02"
        + global_("dnnlib.util", "EasyDict")
        + b")\x81}"
        + text("__setstate__")
        + system
        + b"sb.",
        "copyreg": global_("copyreg", "_reconstructor")
        + b"("
        + global_("os", "system")
        + global_("builtins", "object")
        + b"NtR.",
        "extension": b"\x80\x02\x82\x01.",
        "extension 2": b"\x80\x02\x83\x01\x00.",
        "persistent id": b"Psystem\n.",
        "binary persistent id": text(shell) + b"Q.",
        "dill": b"\x80\x02" + dill + arguments + b"R.",
        "dill through numpy": b"\x80\x02" + numpy + text("os") + b"\x86R" + arguments + b"R.",
        "dill's types": b"\x80\x02"
        + global_("dill._dill", "_load_type")
        + text("FunctionType")
        + b"\x85R"
        + arguments
        + b"R.",
        "torch.load": b"\x80\x02" + global_("torch", "load") + arguments + b"R.",
        "in a storage": pickle.dumps({"G_ema": Call(torch.storage._load_from_bytes, nested)}),
        "as a storage's kind": pickle.dumps(
            {"G_ema": Call(torch.storage._load_from_bytes, storage_bytes(kind=system))}
        ),
        "a call's result called": b"\x80\x02" + global_("collections", "OrderedDict") + b")R" + arguments + b"R.",
        "buffers": b"\x80\x05\x97.",
        "appended": good[:-1] + system + arguments + b"R.",
        "numpy objects": b"\x80\x02" + global_("numpy", "dtype") + text("O8") + b"\x85R.",
    }


def storage_bytes(count: int = 4, claimed: int = 4, kind: bytes = b"ctorch\nFloatStorage\n") -> bytes:
    """A storage in torch's format before zip files."""
    parts = [
        pickle.dumps(value, 2)
        for value in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True})
    ]
    identity = (
        b"\x80\x02(" + text("storage") + kind + text("7") + text("cuda:3") + b"J" + struct.pack("<i", claimed) + b"NtQ."
    )
    return b"".join(
        [*parts, identity, pickle.dumps(["7"], 2), struct.pack("<q", claimed), np.arange(count, dtype="<f4").tobytes()]
    )


@pytest.mark.parametrize("name", hostile(Path("nowhere")))
def test_hostile_pickles_are_refused_and_leave_no_trace(name, tmp_path):
    trace, file = tmp_path / "trace", tmp_path / "bad.pkl"
    file.write_bytes(hostile(trace)[name])
    before = set(tmp_path.iterdir())
    with pytest.raises(UnitscopeError, match="is refused.*Nothing of the file was run"):
        load_generator(f"stylegan:{file}", device="cpu")
    assert set(tmp_path.iterdir()) == before


def test_the_attacks_are_real(tmp_path):
    """A common reader obeys the same bytes, so the test above would notice."""
    trace = tmp_path / "trace"
    for name in ("plain", "INST", "behind a list", "NEWOBJ"):
        trace.unlink(missing_ok=True)
        try:
            pickle.loads(hostile(trace)[name])
        except (TypeError, pickle.UnpicklingError):
            continue  # a function is no class: this reader refuses too
        assert trace.exists()


def test_no_name_outside_the_table_is_taken():
    for name in ("os.system", "builtins.eval", "torch.load", "torch.hub.load", "numpy.load", "pickle.loads"):
        module, _, last = name.rpartition(".")
        with pytest.raises(UnitscopeError, match=name):
            read_pickle(global_(module, last) + b".", TABLE)


def test_values_that_hold_themselves_a_billion_times_end_at_once():
    deep = (
        b"\x80\x02)q\x00"
        + b"".join(b"h" + bytes([n]) + b"h" + bytes([n]) + b"\x86q" + bytes([n + 1]) + b"0" for n in range(60))
        + b"h\x3c"
    )
    for end in (b")R.", b")\x81.", b"}b.", b"}h\x3cK\x01s.", b"\x8f(h\x3c\x90."):
        with pytest.raises(UnitscopeError):
            read_pickle(deep + end, TABLE)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_truncated_files_are_one_error(tmp_path, share):
    whole = GOOD.read_bytes()
    (tmp_path / "cut.pkl").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UnitscopeError, match="truncated"):
        load_generator(f"stylegan:{tmp_path / 'cut.pkl'}")


def test_flipped_bytes_never_raise_anything_else(tmp_path):
    whole, places = bytearray(GOOD.read_bytes()), np.random.default_rng(0)
    for place in places.integers(0, len(whole), 40):
        changed = bytearray(whole)
        changed[place] ^= 1 << int(places.integers(8))
        (tmp_path / "flipped.pkl").write_bytes(changed)
        try:
            load_generator(f"stylegan:{tmp_path / 'flipped.pkl'}", device="cpu")
        except UnitscopeError:
            pass


def test_storages_that_claim_too_much_are_refused():
    assert storage(storage_bytes()).numbers.tolist() == [0, 1, 2, 3]
    for wrong in (
        storage_bytes(claimed=5),
        storage_bytes(claimed=2**30),
        storage_bytes(claimed=-1),
        storage_bytes()[:-9],
    ):
        with pytest.raises(UnitscopeError, match="claims|truncated"):
            storage(wrong)


def test_a_length_beyond_the_file_allocates_nothing():
    for claim in (
        b"\x8e" + struct.pack("<Q", 2**40),
        b"\x8e" + struct.pack("<Q", 2**63),
        b"B" + struct.pack("<I", 2**31 - 1),
        b"\x96" + struct.pack("<Q", 2**50),
    ):
        with pytest.raises(UnitscopeError, match="truncated"):
            read_pickle(b"\x80\x05" + claim + b"abc.", TABLE)
    with pytest.raises(UnitscopeError, match="truncated or damaged"):
        read_pickle(b"\x80\x02r\xff\xff\xff\xff.", TABLE)


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
)
def test_tensors_equal_those_of_torch(dtype):
    base = torch.arange(24).reshape(2, 3, 4).to(dtype)
    for value in (
        base,
        base.transpose(0, 2),
        base[:, 1:],
        base[..., ::2],
        base.reshape(1, 2, 3, 4).to(memory_format=torch.channels_last),
        base[:0],
        base.float().mean(),
    ):
        found = read_pickle(pickle.dumps({"t": value, "p": torch.nn.Parameter(value.float())}), TABLE)
        assert torch.equal(found["t"], value) and found["t"].dtype == value.dtype and found["t"].is_contiguous()
        assert torch.equal(found["p"], value.float())


@pytest.mark.parametrize(
    "size, stride, offset",
    [((3, 3), (3, 1), 0), ((4,), (1,), 1), ((4,), (-1,), 3), ((2**40,), (0,), 0), ((2,), (1,), -1)],
)
def test_tensors_outside_their_storage_are_refused(size, stride, offset):
    body = {
        "t": Call(
            torch._utils._rebuild_tensor_v2,
            Call(torch.storage._load_from_bytes, storage_bytes()),
            offset,
            size,
            stride,
            False,
            {},
        )
    }
    with pytest.raises(UnitscopeError, match="storage"):
        read_pickle(pickle.dumps(body), TABLE)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_numbers_of_numpy(protocol):
    values = {"f": np.float64(2.5), "b": np.bool_(True), "i": np.int64(-3), "s": {1, 2}, "n": None, "t": (1, (2,), ())}
    found = read_pickle(pickle.dumps(values, protocol), TABLE)
    assert (
        found == {"f": 2.5, "b": True, "i": -3, "s": {1, 2}, "n": None, "t": (1, (2,), ())}
        and type(found["f"]) is float
    )


def test_the_opcodes_of_a_good_file_are_all_taken():
    read_checkpoint(GOOD)
    names = {opcode.name for opcode, _, _ in pickletools.genops(io.BytesIO(GOOD.read_bytes()))}
    assert names.isdisjoint({"INST", "OBJ", "EXT1", "PERSID", "BINPERSID"})


def test_a_discriminator_of_other_packages_is_stood_in_for():
    """Names of packages that nobody needs are taken under "D", and under no other key."""
    part = (
        global_("functools", "partial")
        + global_("timm.models.layers", "Swish")
        + b"\x85R"
        + global_("torch.nn.modules.linear", "Bilinear")
        + b")\x81}b\x86"
    )
    skipped = read_pickle(b"\x80\x02}(" + text("D") + part + text("z") + b"K\x01u.", TABLE, SKIP)
    assert skipped["z"] == 1 and str(skipped["D"][0].kind) == "functools.partial"
    with pytest.raises(UnitscopeError, match="functools.partial"):
        read_pickle(b"\x80\x02}(" + text("G_ema") + part + b"u.", TABLE, SKIP)
