"""Cartoons and sketches show the same critter as the picture they are drawn from, in flat colours."""

import pytest
import torch
from unitscope.data.critters import critter_set
from unitscope.data.critters.styles import INK, STYLES, Styled, outlines
from unitscope.errors import UnitscopeError

SOURCE = critter_set("val", 20)


@pytest.mark.parametrize("style", STYLES)
def test_drawings_are_pictures_and_do_not_depend_on_the_batch(style):
    drawn = Styled(SOURCE, style)
    batch = drawn.load([3, 7])
    assert batch.images.shape == (2, 3, 64, 64) and 0 <= batch.images.min() and batch.images.max() <= 1
    assert torch.equal(batch.labels, SOURCE.labels[[3, 7]]) and torch.equal(drawn.load([7]).images, batch.images[1:])
    assert style in drawn.fingerprint() and len(drawn) == 20


def test_lines_lie_between_parts_and_nowhere_else():
    masks = torch.zeros(1, 6, 6, dtype=torch.uint8)
    masks[:, :, 3:] = 2
    assert outlines(masks)[0, 0].nonzero()[:, 1].unique().tolist() == [2, 3]
    assert not outlines(torch.ones(1, 6, 6, dtype=torch.uint8)).any()


def test_a_cartoon_is_flat_inside_a_part():
    """Away from lines, all pixels of the background have one colour."""
    image, mask = Styled(SOURCE, "cartoon").load([5]).images[0], SOURCE.masks([5])[0]
    far = torch.nn.functional.max_pool2d((mask[None, None] > 0).float(), 5, 1, 2)[0, 0] == 0
    assert image[:, far].std(1).max() < 1e-5 and far.sum() > 500
    assert (image - torch.tensor(INK)[:, None, None]).abs().sum(0).min() < 0.5


def test_an_unknown_style_is_named():
    with pytest.raises(UnitscopeError, match="did you mean 'sketch'"):
        Styled(SOURCE, "sketches")
