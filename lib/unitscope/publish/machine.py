"""What a kernel knows about itself at the end of a chapter: memory, device, versions, fingerprints.

The runner adds one hidden last cell that calls `report(globals())`; its record travels as a MIME bundle.
"""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Mapping

from IPython.display import display

MIME = "application/vnd.unitscope.machine+json"
CELL = "from unitscope.publish.machine import report\n\nreport(globals())"
PACKAGES = ("unitscope", "torch", "torchvision", "timm", "open_clip_torch", "numpy", "scikit-learn", "umap-learn")


def report(names: Mapping[str, object]) -> None:
    """Leave the record of this kernel in the notebook's output.

    Parameters
    ----------
    names : the chapter's variables; those with a `fingerprint()` (models, data sets) are identified by it.
    """
    things = [
        (name, value) for name, value in names.items() if not name.startswith("_") and not isinstance(value, type)
    ]
    record = {
        "peak_memory_mb": peak_memory(),
        "device": device(str(names.get("device", "auto"))),
        "seed": names.get("seed"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
        "fingerprints": {name: value.fingerprint() for name, value in things if hasattr(value, "fingerprint")},
    }
    display({MIME: record, "text/plain": ""}, raw=True)


def peak_memory() -> int | None:
    """The most memory this process held, in MB; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10))


def device(asked: str) -> str:
    """The device that `asked` means here, with the name of the GPU; "cpu" where torch was never loaded."""
    if "torch" not in sys.modules:
        return "cpu"
    import torch

    from unitscope.device import pick_device

    chosen = pick_device(asked)
    return f"{chosen} ({torch.cuda.get_device_name(chosen)})" if chosen.type == "cuda" else str(chosen)


def versions() -> dict[str, str]:
    """Versions of the packages that decide numbers, as far as they are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
