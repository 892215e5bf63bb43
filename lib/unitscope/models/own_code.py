"""Networks that a reader's own Python file builds, by name: "python:FILE.py:FUNCTION".

The function takes nothing and returns an nn.Module, or (nn.Module, about) with any of `ABOUT` in `about`. The file is
run, as importing it would; name only files that you trust. Weights are given beside it, as a file of tensors.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from unitscope.errors import UnitscopeError, unknown
from unitscope.models.sources import Source, from_module
from unitscope.models.vision import Preprocess

PREFIX = "python:"
ABOUT = ("input_size", "mean", "std", "interpolation", "classes")


def from_python(name: str) -> Source:
    """The network that FUNCTION in FILE.py builds, by "FILE.py:FUNCTION"; see `built_by` for the errors."""
    network, about = built_by(name)
    return described(from_module(network), about)


def built_by(name: str) -> tuple[nn.Module, dict]:
    """What FUNCTION in FILE.py returns, by "FILE.py:FUNCTION": a network, and what is said of it.

    Raises
    ------
    UnitscopeError
        If there is no such file or function, the file cannot be run, or what it builds is no network.
    """
    file, _, function = name.rpartition(":")
    path = Path(file).expanduser()
    if not path.is_file():
        raise UnitscopeError(f"{PREFIX}{name}: no file {path.resolve()}; what is needed is {PREFIX}FILE.py:FUNCTION.")
    module = run_file(path)
    functions = [key for key, value in vars(module).items() if inspect.isroutine(value) or inspect.isclass(value)]
    if function not in functions:
        raise unknown("function", function, functions, f"These are the functions and classes of {path}.")
    built = getattr(module, function)()
    network, about = built if isinstance(built, tuple) and len(built) == 2 else (built, {})
    if not isinstance(network, nn.Module):
        got = type(network).__name__
        raise UnitscopeError(f"{PREFIX}{name} must return an nn.Module, or (nn.Module, about), got {got}.")
    return network, about


def run_file(path: Path) -> ModuleType:
    """A Python file as a module; it may import its neighbours."""
    specification = importlib.util.spec_from_file_location(f"own_{path.stem}", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[module.__name__] = module  # dataclasses look themselves up there
    sys.path.insert(0, str(path.resolve().parent))
    try:
        specification.loader.exec_module(module)
    except Exception as error:  # whatever the reader's own file raises
        raise UnitscopeError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(path.resolve().parent))
    return module


def described(source: Source, about: dict) -> Source:
    """A source whose preprocessing and classes are as `about` says."""
    for key in about:
        if key not in ABOUT:
            raise unknown("key", key, ABOUT, "These can be said of a network of your own.")
    network, own = source.network, source.network.preprocess
    network.input_size = about.get("input_size", network.input_size)
    mean, std = about.get("mean", own.mean.flatten().tolist()), about.get("std", own.std.flatten().tolist())
    network.preprocess = Preprocess(network.input_size, mean, std, about.get("interpolation", own.interpolation))
    network.classes = tuple(about["classes"]) if about.get("classes") else network.classes
    return source


def forget(network: nn.Module) -> None:
    """Draw the weights anew, where the function gave trained ones: every module that knows how is reset.

    Raises
    ------
    UnitscopeError
        If no module knows how, so that "random weights" would be the trained ones.
    """
    known = [module for module in network.modules() if hasattr(module, "reset_parameters")]
    if not known:
        raise UnitscopeError(f"{type(network).__name__} has no module with reset_parameters, so it has no random twin.")
    with torch.no_grad():
        for module in known:
            module.reset_parameters()
