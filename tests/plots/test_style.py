"""Pictures come out as they went in, squares stay squares, and colours differ to every eye."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from unitscope.errors import UnitscopeError
from unitscope.plots import style


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_pixels_are_the_images_values():
    image = torch.tensor([[[0.0, 1.0]], [[0.5, 2.0]], [[-1.0, 0.25]]])  # (3, 1, 2)
    np.testing.assert_array_equal(style.to_pixels(image), [[[0, 128, 0], [255, 255, 64]]])


def test_an_oblong_picture_is_fitted_and_padded_with_white():
    square = style.to_pixels(np.zeros((3, 10, 20)), 40)
    assert square.shape == (40, 40, 3)
    assert (square[:10] == 255).all() and (square[30:] == 255).all() and (square[10:30] == 0).all()


@pytest.mark.parametrize("shape", [(10, 10), (1, 10, 10), (10, 10, 3)])
def test_what_is_no_picture_is_refused(shape):
    with pytest.raises(UnitscopeError, match=r"\(3, h, w\)"):
        style.to_pixels(np.zeros(shape))


def test_a_mosaic_keeps_order_and_gaps():
    greys = [np.full((3, 4, 4), value) for value in (0.0, 0.2, 0.4)]
    tiles = style.mosaic(greys, per_row=2, size=8, gap=2)
    assert tiles.shape == (18, 18, 3)
    assert [tiles[4, 4, 0], tiles[4, 14, 0], tiles[14, 4, 0], tiles[14, 14, 0]] == [0, 51, 102, 255]
    assert (tiles[8:10] == 255).all()


def test_an_empty_strip_is_refused():
    with pytest.raises(UnitscopeError, match="at least one"):
        style.mosaic([])


def test_captions_and_images_go_together():
    images = [np.zeros((3, 4, 4))] * 3
    with pytest.raises(UnitscopeError, match="3 images needs as many captions, got 2"):
        style.strip(images, ["a", "b"])
    titles = [axes.get_title() for axes in style.strip(images, ["a", "b", "c"], per_row=2).axes]
    assert titles == ["a", "b", "c", ""]


def test_strips_grow_with_their_rows():
    images = [np.zeros((3, 4, 4))] * 9
    assert style.strip(images, per_row=8, cell=1).get_size_inches().tolist() == [8, 2]


def test_the_style_is_a_white_card_with_legible_letters():
    with plt.rc_context():
        style.use_style()
        assert plt.rcParams["figure.facecolor"] == "#ffffff" and plt.rcParams["font.size"] >= 11


def luminance(colour: str) -> float:
    """Relative luminance of a colour (WCAG 2.1, definition of relative luminance)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", [*style.METHOD_COLOURS.values(), *style.CLUSTER_COLOURS])
def test_every_colour_stands_out_on_the_card(colour):
    assert 1.05 / (luminance(colour) + 0.05) >= 3  # WCAG 2.1, 1.4.11: graphics need 3 to 1


def test_methods_have_colours_of_their_own():
    assert len(set(style.METHOD_COLOURS.values())) == len(style.METHOD_COLOURS)
