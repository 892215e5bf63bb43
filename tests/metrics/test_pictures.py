"""PSNR and SSIM against scikit-image on bytes."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from unitscope.errors import UnitscopeError
from unitscope.metrics.pictures import psnr, ssim


def test_both_are_scikit_images(rng):
    a = rng.uniform(0, 1, (3, 3, 19, 23))
    b = np.clip(a + 0.2 * rng.normal(size=a.shape), -0.1, 1.1)
    pixels = [(x.clip(0, 1) * 255).round().astype(np.uint8).transpose(0, 2, 3, 1) for x in (a, b)]
    x, y = (torch.from_numpy(array).float() for array in (a, b))
    for i, (one, other) in enumerate(zip(*pixels, strict=True)):
        assert float(psnr(x, y)[i]) == pytest.approx(peak_signal_noise_ratio(one, other), abs=1e-9)
        expected = structural_similarity(
            one, other, win_size=7, channel_axis=2, data_range=255, use_sample_covariance=False
        )
        assert float(ssim(x, y)[i]) == pytest.approx(expected, abs=1e-9)


def test_equal_pictures():
    a = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert psnr(a, a).tolist() == [100, 100]
    torch.testing.assert_close(ssim(a, a), torch.ones(2, dtype=torch.float64))


def test_shapes_must_agree():
    with pytest.raises(UnitscopeError, match="one shape"):
        psnr(torch.zeros(1, 3, 8, 8), torch.zeros(2, 3, 8, 8))
