"""Where the numbers are crunched."""

from __future__ import annotations

import torch

from unitscope.errors import UnitscopeError


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """"auto" takes CUDA, then Apple's MPS, then the CPU; anything else is taken as torch names it.

    Raises
    ------
    UnitscopeError
        If the device has no such name or is not present. A missing GPU is never replaced silently.
    """
    if str(device) == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise UnitscopeError(
            f"device {str(device)!r} cannot be used here ({str(error).splitlines()[0]}); take 'auto' or 'cpu'."
        ) from error
    return chosen
