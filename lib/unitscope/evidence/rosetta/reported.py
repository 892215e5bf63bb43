"""What the paper reports, in one place (Dravid et al. 2023)."""

from __future__ import annotations

CONCEPTS = "about 50"  # a class or data set
IMAGES, STEPS = 1600, 500
TABLE_1 = {  # StyleGAN-XL 256, 5,000 ImageNet images: PSNR, SSIM, LPIPS
    "perceptual": (13.99, 0.340, 0.48),
    "+ DINO": (15.06, 0.360, 0.45),
    "+ CLIP": (15.20, 0.362, 0.44),
    "+ all": (15.42, 0.365, 0.46),
}
TABLE_2 = {  # our network: the paper's
    "critters/stylegan": "StyleGAN2, StyleGAN-XL, 256",
    "critters/biggan": "BigGAN-deep, 256",
    "critters/resnet": "ResNet50, 224",
    "critters/dino_resnet": "DINO-ResNet50, 224",
    "critters/dino_vit": "DINO-ViT-B, 224",
    "critters/mae_vit": "MAE-B, 224",
    "critters/clip_resnet": "CLIP-RN50, 224",
}


def gain(way: str) -> dict[str, float]:
    """How much a way of Table 1 differs from the perceptual loss alone: {"psnr", "ssim", "lpips"}."""
    pairs = zip(("psnr", "ssim", "lpips"), TABLE_1[way], TABLE_1["perceptual"], strict=True)
    return {name: round(value - base, 3) for name, value, base in pairs}
