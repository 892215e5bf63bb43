"""Where the authors of StyleGAN2, StyleGAN3, StyleGAN-XL and Projected GAN publish their checkpoints, by name.

The files are large (tens to hundreds of MB each) and pickles: they are downloaded, read and never executed.
"""

from __future__ import annotations

from pathlib import Path

from unitscope.data.folders import CIFAR10_CLASSES
from unitscope.errors import MissingWeights
from unitscope.files import cache_folder
from unitscope.models.downloads import Remote, fetch

XL = "https://s3.eu-central-1.amazonaws.com/avg-projects/stylegan_xl/models/"
PROJECTED = "https://s3.eu-central-1.amazonaws.com/avg-projects/projected_gan/models/"
ADA = "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/"
NGC = "https://api.ngc.nvidia.com/v2/models/nvidia/research/"
PUBLISHED = {  # family: (folder of the files, what stands before a name there, names)
    "stylegan-xl": (
        XL,
        "",
        "imagenet16 imagenet32 imagenet64 imagenet128 imagenet256 imagenet512 cifar10 ffhq256 pokemon256",
    ),
    "projected-gan": (PROJECTED, "", "art_painting bedroom church cityscapes clevr ffhq flowers landscape pokemon"),
    "stylegan2-ada": (ADA, "", "ffhq metfaces afhqcat afhqdog afhqwild cifar10 brecahad"),
    "stylegan2": (
        f"{NGC}stylegan2/versions/1/files/",
        "stylegan2-",
        (
            "ffhq-1024x1024 ffhq-512x512 ffhq-256x256 ffhqu-1024x1024 ffhqu-256x256 metfaces-1024x1024 "
            "metfacesu-1024x1024 afhqv2-512x512 afhqcat-512x512 afhqdog-512x512 afhqwild-512x512 "
            "brecahad-512x512 cifar10-32x32 celebahq-256x256 lsundog-256x256"
        ),
    ),
    "stylegan3": (
        f"{NGC}stylegan3/versions/1/files/",
        "stylegan3-",
        (
            "t-ffhq-1024x1024 t-ffhqu-1024x1024 t-ffhqu-256x256 r-ffhq-1024x1024 r-ffhqu-1024x1024 "
            "r-ffhqu-256x256 t-metfaces-1024x1024 t-metfacesu-1024x1024 r-metfaces-1024x1024 "
            "r-metfacesu-1024x1024 t-afhqv2-512x512 r-afhqv2-512x512"
        ),
    ),
}
CATALOGUE = {
    f"{family}/{name}": Remote(url=f"{folder}{before}{name}.pkl", folder=family)
    for family, (folder, before, names) in PUBLISHED.items()
    for name in names.split()
}


def published_checkpoint(name: str) -> Path:
    """The local file of a name of the catalogue, downloaded where it is not there yet.

    Raises
    ------
    MissingWeights
        If it is neither there nor within reach; the message names the file, its address and where it is looked for.
    """
    remote = CATALOGUE[name]
    try:
        return fetch(remote, name)
    except MissingWeights as error:
        file = remote.url.rpartition("/")[2]
        raise MissingWeights(
            f"the weights of {name} are missing: {file} is not in {cache_folder() / 'weights' / remote.folder} and"
            f" cannot be downloaded from {remote.url} ({error.__cause__ or error}). Fetch it elsewhere and put it"
            " there, or pass weights='FILE'."
        ) from error


def catalogue_classes(name: str) -> tuple[str, ...] | None:
    """The class names of a published checkpoint, where they are not told by the network."""
    return CIFAR10_CLASSES if name.partition("/")[2].startswith("cifar10") else None
