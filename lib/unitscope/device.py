"""Where the numbers are crunched."""

from __future__ import annotations

import torch

from unitscope.errors import UnitscopeError, shortened


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """ "auto" takes CUDA, then Apple's MPS, then the CPU; anything else is taken as torch names it.

    Raises
    ------
    UnitscopeError
        If the device has no such name or is not present. A missing GPU is never replaced silently.
    """
    if not isinstance(device, (str, torch.device)):
        raise UnitscopeError(f"`device` must be a string such as 'auto', 'cpu' or 'cuda:1', got {shortened(device)}.")
    if str(device) == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, NotImplementedError, ValueError) as error:
        reason = shortened(str(error).split("\n")[0])
        raise UnitscopeError(
            f"device {shortened(str(device))} cannot be used here ({reason}); take 'auto' or 'cpu'."
        ) from error
    return chosen
