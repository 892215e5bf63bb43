"""Attribution vectors of 64 units at 100 references each, layer4 to layer3.

Floor: one bare forward pass of every distinct image. Peer: what zennit-crp does: for every unit a full forward and a
full backward pass, down to the input, of its references, in the authors' batches of 40.

Numbers are compared in double precision. In single precision a ReLU within 1e-7 of zero may open in one batch and stay
shut in another, in either way alike, and eq. (3) jumps when it does.
"""

from __future__ import annotations

from contextlib import contextmanager

import torch
from common import DEVICE, Held, Row, network
from unitscope.extract import TopK, conditional_attributions, stream
from unitscope.extract.taps import to_device

LAYER, LOWER = "layer4", "layer3"
BATCH, PEER_BATCH, CHECKED = 64, 40, 8


def prepare(quick: bool) -> Row:
    model, weights = network("critters/resnet")
    images = Held("critters/test", 300 if quick else 1000)
    count, n_ref = (8, 50) if quick else (64, 100)
    (top,) = stream(model, images, [LAYER], [TopK(LAYER, n_ref)], progress=False)
    units = (top.values[:, -1] > 0).nonzero().flatten()[:count]
    references = top.indices[units]
    distinct = references.unique()

    def ours():
        return conditional_attributions(model, images, LAYER, LOWER, units, references, batch_size=BATCH)

    def floor():
        with torch.inference_mode():
            for batch in images.batches(BATCH, distinct):
                model(to_device(batch.images, torch.device(DEVICE)))

    def peer(units=units):
        rows = [
            literal(model, images.load(part).images, unit)
            for unit, own in zip(units.tolist(), references, strict=False)
            for part in own.split(PEER_BATCH)
        ]
        return torch.cat(rows).view(len(units), n_ref, -1)

    def error() -> float:
        few, rows = units[:CHECKED], references[:CHECKED]
        with doubled(model, images):
            mine = conditional_attributions(model, images, LAYER, LOWER, few, rows, batch_size=BATCH)
            theirs = peer(few)
        return float((mine - theirs).abs().max() / theirs.abs().max())

    note = f"{model.name} ({weights}), {len(units)} units x {n_ref}, {len(distinct)} distinct of {len(images)} images"
    return Row(ours, floor, peer, error, note, repeats=5, peer_repeats=2)


@contextmanager
def doubled(model, images: Held):
    """Everything in double precision inside the block."""
    parts = (model.module, model.preprocess)
    for part in parts:
        part.double()
    images.images = images.images.double()
    yield
    images.images = images.images.float()
    for part in parts:
        part.float()


def literal(model, images: torch.Tensor, unit: int) -> torch.Tensor:
    """Eq. (3') for one unit by a forward pass and a backward pass through the whole network."""
    kept = {}
    handles = []
    for name in (LAYER, LOWER):

        def keep(module, inputs, output, name=name):
            return kept.update({name: output})

        handles.append(model.module.get_submodule(name).register_forward_hook(keep))
    pixels = model.preprocess(images.to(DEVICE)).requires_grad_()
    model.module(pixels)
    for handle in handles:
        handle.remove()
    kept[LOWER].retain_grad()
    start = torch.zeros_like(kept[LAYER])
    start[:, unit] = kept[LAYER].detach()[:, unit].clamp(min=0)
    torch.autograd.backward(kept[LAYER], start)
    vectors = (kept[LOWER].detach() * kept[LOWER].grad).sum(dim=(2, 3))
    return (vectors / (vectors.abs().sum(dim=1, keepdim=True) + 1e-10)).cpu()
