"""One pass over the images, in which many reducers see each batch once.

Memory does not grow with the number of images unless a reducer stores them. With `resume`, the pass is cut into
shards; each finished shard is a file, and a pass that was killed goes on behind the last of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from unitscope import checking
from unitscope.data import ImageSet
from unitscope.device import pick_device
from unitscope.errors import UnitscopeError
from unitscope.extract.reducer import Reducer
from unitscope.extract.taps import Taps, device_of, image_set, layer_of
from unitscope.files import atomic
from unitscope.models import VisionModel
from unitscope.progress import progress as progress_bar


def stream(
    model: VisionModel,
    images: ImageSet,
    layers: Sequence[str],
    reducers: Sequence[Reducer],
    *,
    batch_size: int = 64,
    device: str | torch.device | None = None,
    resume: str | Path | None = None,
    shard: int = 4096,
    dtype: torch.dtype | None = None,
    progress: bool = True,
) -> list:
    """Run `images` through `model` once and let every reducer see every batch.

    >>> import unitscope as us
    >>> from unitscope.extract import Pooled
    >>> network = us.load_model("critters/resnet_s", device="cpu")
    >>> images = us.load_dataset("critters/test", limit=24)
    >>> top, means = us.stream(network, images, ["layer3"], [us.TopK("layer3", 5), Pooled("layer3")])
    >>> top.values.shape, means.shape                       # (channels, k); (images, channels)
    (torch.Size([128, 5]), torch.Size([24, 128]))

    Parameters
    ----------
    model : VisionModel, from `load_model`.
    images : a data set, from `load_dataset`.
    layers : names of the layers to read; must hold all that the reducers ask for.
    reducers : filled in place; what they hold already stays in.
    device : where to run; the model moves there. None: where the model is.
    resume : folder for finished shards. Files are keyed by weights, images, layers, reducers, dtype and shard size, so
        a folder serves any number of passes. A damaged file is computed again. None: nothing is written.
    shard : images of one shard.
    dtype : torch.bfloat16 runs the network in mixed precision; None (the default) as it is.
    progress : show a bar on a terminal.

    Returns
    -------
    The result of each reducer, in order.

    Raises
    ------
    UnitscopeError
        Before the pass starts: no images, no reducers, an unknown layer, a layer that a reducer needs and `layers`
        lacks, or fewer images than a reducer needs.

    See also
    --------
    TopK : the strongest images of every unit. unitscope.extract : the other reducers.
    """
    batch_size, shard = checking.count("batch_size", batch_size), checking.count("shard", shard)
    _check(model, images, layers, reducers)
    checking.flag("progress", progress)
    if dtype is not None:
        checking.choice("dtype", dtype, (torch.bfloat16, torch.float16))
    if resume is not None:
        checking.instance("resume", resume, (str, Path), "a folder for finished shards")
    if device is not None:
        model.to(pick_device(device))
    size = len(images) if resume is None else shard
    spans = [range(start, min(start + size, len(images))) for start in range(0, len(images), size)]
    folder = None if resume is None else Path(resume) / _key(model, images, layers, reducers, dtype, shard)
    peaks = any(reducer.peaks for reducer in reducers)
    with Taps(model, layers, peaks=peaks) as taps, progress_bar(total=len(images), label="images") as bar:
        bar.disable |= not progress
        for span in spans:
            parts = [reducer.fresh() for reducer in reducers]
            path = folder and folder / f"{span.start:09d}.safetensors"
            if not (path and path.exists() and _load(path, parts)):
                _pass(taps, images, span, parts, batch_size, dtype, bar)
                if path:
                    _save(path, parts)
            for reducer, part in zip(reducers, parts, strict=True):
                reducer.merge(part)
    return [reducer.result() for reducer in reducers]


def _pass(taps, images, span, reducers, batch_size, dtype, bar) -> None:
    """Let `reducers` see the images at `span`."""
    device = device_of(taps.model)
    for batch in images.batches(batch_size, indices=span):
        # inference mode for the network alone: what reducers keep stays usable under autograd
        with torch.inference_mode(), torch.autocast(device.type, dtype=dtype, enabled=dtype is not None):
            maps = taps(batch.images)
        with torch.no_grad():
            for reducer in reducers:
                reducer.update(maps, batch)
        bar.update(len(batch.indices))


def _check(model: VisionModel, images, layers, reducers) -> None:
    image_set(images)
    reducers = checking.sequence("reducers", reducers, Reducer, empty=True)
    layers = checking.sequence("layers", layers, str, empty=True)
    for layer in layers:
        layer_of(model, layer, "layers")
    if not len(images) or not reducers:
        raise UnitscopeError(f"stream needs images and reducers, got {len(images)} images, {len(reducers)} reducers.")
    for reducer in reducers:
        missing = set(reducer.layers) - set(layers)
        if missing:
            names = ", ".join(sorted(missing))
            raise UnitscopeError(f"{reducer!r} reads {names}, which `layers` lacks: {list(layers)}.")
        reducer.check(len(images))


def _key(model: VisionModel, images, layers, reducers, dtype, shard) -> str:
    """A folder name that changes with anything that changes a shard's content."""
    limits = {layer: limit for layer in layers if (limit := model.layer(layer).limit) is not None}
    said = [model.fingerprint(), images.fingerprint(), len(images), list(layers), [repr(r) for r in reducers], limits]
    return hashlib.sha256(json.dumps([*said, str(dtype), shard]).encode()).hexdigest()[:16]


def _save(path: Path, reducers: Sequence[Reducer]) -> None:
    tensors = {
        f"{number}.{name}": value.cpu().contiguous()
        for number, reducer in enumerate(reducers)
        for name, value in reducer.state().items()
    }
    with atomic(path) as part:
        save_file(tensors, part, metadata={"sha256": _digest(tensors)})


def _load(path: Path, reducers: Sequence[Reducer]) -> bool:
    """Fill `reducers` from a shard; False if the file is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
            whole = file.metadata()["sha256"] == _digest(tensors)
    except (SafetensorError, KeyError, TypeError):
        return False
    for number, reducer in enumerate(reducers):
        prefix = f"{number}."
        state = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        reducer.load_state(state if whole else {})
    return whole


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
