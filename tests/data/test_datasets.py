"""Data sets of files: read as torchvision reads them, broken files named, subsets spread, names that do not exist."""

import os
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torchvision.transforms import v2
from unitscope.data import datasets, load_dataset
from unitscope.data.datasets import fitted
from unitscope.data.held import hold
from unitscope.errors import UnitscopeError


@pytest.fixture
def paint(rng):
    """Writes a smooth random image."""

    def write(path: Path, size=(40, 30), mode="RGB", **options) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode).save(path, **options)
        return path

    return write


@pytest.fixture
def tree(tmp_path, paint) -> Path:
    """Three classes of four images each, of all shapes; one lies deeper."""
    for c, name in enumerate(["cat", "ape", "bee"]):
        for i in range(3):
            paint(tmp_path / "tree" / name / f"{i}.jpg", size=(40 + 9 * i, 50 - 3 * c))
        paint(tmp_path / "tree" / name / "deeper" / "x.PNG", size=(37, 61))
    (tmp_path / "tree" / "notes.txt").write_text("not an image")
    (tmp_path / "tree" / "cat" / ".hidden.jpg").write_text("not an image either")
    return tmp_path / "tree"


def test_a_tree_is_read_as_imagefolder_reads_it(tree):
    ours, theirs = load_dataset(f"folder:{tree}", size=32), torchvision.datasets.ImageFolder(tree)
    theirs.samples.remove((str(tree / "cat" / ".hidden.jpg"), 2))
    assert list(ours.classes) == theirs.classes
    assert [(str(path), label) for path, label in zip(ours.paths, ours.labels.tolist(), strict=True)] == theirs.samples


@pytest.mark.parametrize(("size", "short"), [(32, 32), (20, 20), (128, 146), (224, 256)])
def test_pixels_are_those_of_torchvisions_transforms(tree, size, short):
    images = load_dataset(f"folder:{tree}", size=size)
    theirs = v2.Compose([v2.Resize(short), v2.CenterCrop(size), v2.PILToTensor()])
    for sample in (images[i] for i in (0, 5, len(images) - 1)):
        with Image.open(images.paths[sample.index]) as picture:
            assert torch.equal((sample.image * 255).round().byte(), theirs(picture.convert("RGB")))


def test_batches_hold_what_samples_hold(tree):
    images = load_dataset(f"folder:{tree}", size=16)
    batch = images.load([7, 2, 7])
    assert batch.images.dtype == torch.float32 and batch.labels.tolist() == [images[i].label for i in (7, 2, 7)]
    assert torch.equal(batch.images[0], batch.images[2]) and torch.equal(batch.images[1], images[2].image)
    assert images.load([]).images.shape == (0, 3, 16, 16)


def test_large_photographs_are_shrunk_while_decoding(paint, tmp_path):
    path = paint(tmp_path / "large.jpg", size=(1600, 1200), quality=95)
    with Image.open(path) as picture:
        quick = np.asarray(fitted(picture, 73, 64), dtype=float)
        assert picture.size[0] < 1600
    exact = v2.Compose([v2.Resize(73), v2.CenterCrop(64)])(Image.open(path).convert("RGB"))
    assert np.abs(quick - np.asarray(exact, dtype=float)).max() < 3  # grey levels


@pytest.mark.parametrize(
    ("mode", "name"), [("L", "a.png"), ("P", "a.png"), ("RGBA", "a.png"), ("CMYK", "a.jpg"), ("LA", "a.png")]
)
def test_every_kind_of_image_becomes_rgb(paint, tmp_path, mode, name):
    path = paint(tmp_path / "c" / name, mode=mode)
    image = load_dataset(f"folder:{tmp_path}", size=30)[0].image
    theirs = v2.CenterCrop(30)(Image.open(path).convert("RGB"))
    assert torch.equal((image * 255).round().byte(), v2.PILToTensor()(theirs))


def test_equal_squares_keep_their_size_and_others_take_224(paint, tmp_path, tree):
    for i in range(3):
        paint(tmp_path / "squares" / "a" / f"{i}.png", size=(160, 160))
    squares = load_dataset(f"folder:{tmp_path / 'squares'}")
    assert squares.image_size == 160
    with Image.open(squares.paths[1]) as picture:
        assert torch.equal((squares[1].image * 255).round().byte(), v2.PILToTensor()(picture))
    assert load_dataset(f"folder:{tmp_path / 'squares'}", size=160).fingerprint() != squares.fingerprint()  # cropped
    assert load_dataset(f"folder:{tree}").image_size == 224
    assert load_dataset(f"folder:{tmp_path / 'squares'}", size=64)[0].image.shape == (3, 64, 64)


def test_a_flat_folder_has_no_labels(paint, tmp_path):
    for i in range(3):
        paint(tmp_path / "flat" / f"{i}.png")
    images = load_dataset(f"folder:{tmp_path / 'flat'}", size=8)
    assert images.labels.tolist() == [-1, -1, -1] and images.classes == ()


def test_a_limit_is_spread_over_the_classes(tree):
    images = load_dataset(f"folder:{tree}", size=8, limit=6)
    assert images.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert len(load_dataset(f"folder:{tree}", size=8, limit=99)) == 12
    with pytest.raises(UnitscopeError, match="at least 1"):
        load_dataset(f"folder:{tree}", limit=0)


def test_the_fingerprint_is_of_the_content_not_the_place(tree, tmp_path):
    first = load_dataset(f"folder:{tree}", size=8).fingerprint()
    moved = tree.rename(tmp_path / "moved")
    assert load_dataset(f"folder:{moved}", size=8).fingerprint() == first
    seen = {
        first,
        load_dataset(f"folder:{moved}", size=9).fingerprint(),
        load_dataset(f"folder:{moved}", size=8, limit=4).fingerprint(),
    }
    (moved / "ape" / "0.jpg").write_bytes((moved / "ape" / "1.jpg").read_bytes())
    seen.add(load_dataset(f"folder:{moved}", size=8).fingerprint())
    assert len(seen) == 4


def break_file(path: Path, how: str) -> None:
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes({"empty": b"", "truncated": whole[:middle], "garbage": b"no image" * 9,
                      "inside": whole[:middle] + bytes(64) + whole[middle + 64 :]}[how])  # fmt: skip


@pytest.mark.parametrize("file", ["ape/1.jpg", "ape/deeper/x.PNG"])
@pytest.mark.parametrize("how", ["empty", "truncated", "garbage"])
def test_broken_files_are_named_or_left_out(tree, file, how):
    break_file(tree / file, how)
    with pytest.raises(UnitscopeError, match=f"{file} is corrupt.*skip_corrupt"):
        load_dataset(f"folder:{tree}", size=8)
    with pytest.warns(UserWarning, match=f"1 broken files of 12 .*{Path(file).name}"):
        images = load_dataset(f"folder:{tree}", size=8, skip_corrupt=True)
    assert len(images) == 11 and tree / file not in images.paths
    assert images.labels.tolist().count(0) == 3


def test_a_file_that_is_broken_inside_is_named_when_it_is_read(tree):
    path = tree / "ape" / "deeper" / "x.PNG"
    break_file(path, "inside")
    images = load_dataset(f"folder:{tree}", size=8)
    with pytest.raises(UnitscopeError, match="x.PNG is corrupt"):
        list(images.batches(5))
    with pytest.warns(UserWarning, match="x.PNG"):
        assert len(load_dataset(f"folder:{tree}", size=8, skip_corrupt=True)) == 11


def test_how_many_files_are_broken_is_said(tree):
    for name in ("0.jpg", "1.jpg", "2.jpg"):
        break_file(tree / "bee" / name, "truncated")
    with pytest.raises(UnitscopeError, match=r"\(and 2 more\)"):
        load_dataset(f"folder:{tree}")


def test_a_folder_without_one_readable_image(paint, tmp_path):
    break_file(paint(tmp_path / "c" / "a.jpg"), "empty")
    with pytest.warns(UserWarning), pytest.raises(UnitscopeError, match="no readable image"):
        load_dataset(f"folder:{tmp_path}", skip_corrupt=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cifar10/tset", "did you mean 'cifar10/test'"),
        ("critters/tests", "did you mean 'critters/test'"),
        ("cifar10", "datasets: critters/train"),
        ("folder:nowhere", "nowhere does not exist"),
    ],
)
def test_unknown_names(name, message):
    with pytest.raises(UnitscopeError, match=message):
        load_dataset(name)


def test_splits_are_no_classes_and_no_images_is_an_error(tree, tmp_path):
    (tmp_path / "whole").mkdir()
    with pytest.raises(UnitscopeError, match="no images"):
        load_dataset(f"folder:{tmp_path / 'whole'}")
    tree.rename(tmp_path / "whole" / "val")
    with pytest.raises(UnitscopeError, match="splits.*folder:.*whole/val"):
        load_dataset(f"folder:{tmp_path / 'whole'}")


def test_names_of_classes_come_from_a_list(tree):
    (tree.parent / "classes.txt").write_text("ape\tgreat ape\nbee honey bee\n")
    assert load_dataset(f"folder:{tree}", size=8).classes == ("great ape", "honey bee", "cat")


def test_a_thousand_wordnet_folders_are_imagenet(tmp_path):
    white = Image.new("RGB", (2, 2))
    for i in range(1000):
        (tmp_path / "val" / f"n{i:08d}").mkdir(parents=True)
        white.save(tmp_path / "val" / f"n{i:08d}" / "x.JPEG")
    images = load_dataset("imagenet/val", root=tmp_path, limit=10)
    assert (images.name, images.classes[0], images.classes[999]) == ("imagenet/val", "tench", "toilet tissue")
    assert images.labels.tolist() == list(range(0, 1000, 100))


def test_imagenet_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("UNITSCOPE_DATA", str(tmp_path))
    with pytest.raises(UnitscopeError, match="imagenet/val.*root=.*critters/test"):
        load_dataset("imagenet/val")


@pytest.mark.parametrize("place", ["cifar10/test", "test"])
def test_cifar10_as_a_tree(paint, tmp_path, monkeypatch, place):
    monkeypatch.setenv("UNITSCOPE_DATA", str(tmp_path))
    for name in ("airplane", "cat"):
        paint(tmp_path / place / name / "0000.jpg", size=(32, 32))
    images = load_dataset("cifar10/test")
    assert (images.name, images.classes, images.image_size) == ("cifar10/test", ("airplane", "cat"), 32)
    assert load_dataset("cifar10/test", root=tmp_path).fingerprint() == images.fingerprint()


def test_cifar10_as_torchvision_gives_it(tmp_path, monkeypatch, rng):
    source = SimpleNamespace(
        data=rng.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8), targets=[9 - i % 10 for i in range(20)]
    )
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", lambda root, train, download: source)
    images = load_dataset("cifar10/train", root=tmp_path, limit=10)
    assert images.labels.tolist() == list(range(10)) and images.classes[3] == "cat"
    assert torch.equal((images[3].image * 255).round().byte(), torch.from_numpy(source.data[6]).permute(2, 0, 1))
    larger = load_dataset("cifar10/train", root=tmp_path, size=48)
    assert larger[0].image.shape == (3, 48, 48) and larger.fingerprint() != images.fingerprint()


@pytest.mark.parametrize("place", ["val", "imagenette/val", "imagenette2-160/val"])
def test_imagenette_as_a_tree_has_names(paint, tmp_path, place):
    for name in ("n02979186", "n03888257"):
        paint(tmp_path / place / name / "0000.JPEG", size=(60, 50))
    images = load_dataset("imagenette/val", root=tmp_path, size=32)
    assert (images.name, images.classes) == ("imagenette/val", ("cassette player", "parachute"))


def test_imagenette_is_asked_of_torchvision_where_it_is_absent(paint, tmp_path, monkeypatch):
    def downloaded(root, split, size, download):
        assert size == "160px" and download
        paint(root / "imagenette2-160" / split / "n03000684" / "0.JPEG", size=(40, 40))

    monkeypatch.setattr(torchvision.datasets, "Imagenette", downloaded)
    assert load_dataset("imagenette/train", root=tmp_path).classes == ("chain saw",)

    def unreachable(*args, **options):
        raise URLError("no network")

    monkeypatch.setattr(torchvision.datasets, "Imagenette", unreachable)
    with pytest.raises(UnitscopeError, match="Imagenette is not in .*cannot be downloaded.*root="):
        load_dataset("imagenette/val", root=tmp_path / "elsewhere")


def test_cifar10_without_a_network(tmp_path, monkeypatch):
    def unreachable(*args, **options):
        raise URLError("no network")

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", unreachable)
    with pytest.raises(UnitscopeError, match="cannot be downloaded.*root=.*critters/test"):
        load_dataset("cifar10/test", root=tmp_path)


def test_critters_by_name():
    images = load_dataset("critters/test", limit=5)
    assert len(images) == 5 and images.name == "critters/test" and images[0].image.shape == (3, 64, 64)
    assert load_dataset("critters/test", limit=5, size=48)[0].image.shape == (3, 48, 48)


def test_real_images_if_they_are_there():
    folder = os.environ.get("UNITSCOPE_DATA")
    if not folder or not (Path(folder) / "cifar10" / "test").is_dir():
        pytest.skip("UNITSCOPE_DATA names no folder with cifar10/{train,test}/<class>")
    images = load_dataset("cifar10/test", limit=1000)
    assert images.image_size == 32 and torch.bincount(images.labels).tolist() == [100] * 10
    assert images.load(range(0, 1000, 50)).images.std() > 0.1


def grey(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_become_eight(tmp_path, suffix):
    values = np.linspace(0, 65535, 64).round().astype(np.uint16).reshape(8, 8)
    grey(tmp_path / "a" / f"x{suffix}", values)
    found = load_dataset(f"folder:{tmp_path}", size=8)[0].image
    np.testing.assert_allclose(found.numpy(), np.broadcast_to(values / 65535, (3, 8, 8)), atol=0.5 / 255 + 1e-6)


def test_floats_are_refused_in_words(tmp_path):
    grey(tmp_path / "a" / "x.tif", np.random.default_rng(0).random((8, 8), dtype=np.float32))
    with pytest.raises(UnitscopeError, match="x.tif.*mode F.*8 or 16 bits"):
        load_dataset(f"folder:{tmp_path}", size=8)[0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_their_exif_says(paint, tmp_path, orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    path = paint(tmp_path / "a" / "x.png", size=(12, 8), exif=exif)
    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    theirs = v2.Compose([v2.Resize(6), v2.CenterCrop(6), v2.PILToTensor()])(upright)
    assert torch.equal((load_dataset(f"folder:{tmp_path}", size=6)[0].image * 255).round().byte(), theirs)


def test_a_line_of_pixels_is_refused_before_it_takes_memory(paint, tmp_path, monkeypatch):
    Image.new("L", (60000, 1)).save(paint(tmp_path / "a" / "x.png"))
    images = load_dataset(f"folder:{tmp_path}", size=224)
    with pytest.raises(UnitscopeError, match="x.png.*60000 x 1.*at most 20 times"):
        images[0]
    paint(tmp_path / "a" / "y.png")
    with pytest.warns(UserWarning, match="1 broken files of 2 .*60000 x 1"):
        assert len(load_dataset(f"folder:{tmp_path}", size=224, skip_corrupt=True)) == 1


@pytest.mark.parametrize("error", [MemoryError(), Image.DecompressionBombError("too many pixels")])
def test_too_little_memory_is_one_message(tree, monkeypatch, error):
    images = load_dataset(f"folder:{tree}", size=8)

    def full(*args):
        raise error

    monkeypatch.setattr(Image.Image, "convert", full)
    with pytest.raises(UnitscopeError, match="0.jpg is corrupt: (there is not enough memory|too many pixels)"):
        images[0]


def test_pipes_and_links_to_themselves_are_named(tree):
    os.mkfifo(tree / "ape" / "pipe.jpg")
    (tree / "bee" / "loop.jpg").symlink_to("loop.jpg")
    (tree / "loop").symlink_to("loop")
    with pytest.raises(UnitscopeError, match="pipe.jpg.*and 1 more.*no regular file"):
        load_dataset(f"folder:{tree}", size=8)
    with pytest.warns(UserWarning, match="2 broken files of 14"):
        assert len(load_dataset(f"folder:{tree}", size=8, skip_corrupt=True)) == 12


def test_images_beside_the_class_folders_are_counted(paint, tree):
    paint(tree / "lone.jpg")
    with pytest.warns(UserWarning, match="1 images that lie beside the class folders are left out .lone.jpg"):
        assert len(load_dataset(f"folder:{tree}", size=8)) == 12


@pytest.mark.parametrize("small", [True, False])
def test_a_repainted_picture_of_the_same_size_is_another_set(tree, monkeypatch, small):
    """Even with its date put back, where the bytes are read."""
    monkeypatch.setattr(datasets, "CONTENT_BYTES", 1 << 28 if small else 0)
    path = tree / "ape" / "0.jpg"
    before, date = load_dataset(f"folder:{tree}", size=8).fingerprint(), path.stat().st_mtime_ns
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(date, date if small else date + 1))
    assert load_dataset(f"folder:{tree}", size=8).fingerprint() != before
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(date, date))
    assert load_dataset(f"folder:{tree}", size=8).fingerprint() == before


def test_a_folder_can_be_read_without_its_broken_files_by_name(tmp_path):
    Image.new("RGB", (20, 20), "red").save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes((tmp_path / "good.png").read_bytes()[:40])
    with pytest.raises(UnitscopeError, match="bad.png"):
        load_dataset(f"folder:{tmp_path}")
    with pytest.warns(UserWarning, match="1 broken files of 2 are left out .bad.png"):
        assert len(load_dataset(f"readable:{tmp_path}")) == 1


def test_files_of_other_kinds_are_counted(tmp_path):
    Image.new("RGB", (20, 20), "red").save(tmp_path / "good.png")
    for name in ("a.heic", "b.HEIC", "c.nef", "notes.txt", ".hidden", "sub/d.mov"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with pytest.warns(UserWarning, match=r"4 files are of no kind that is read .* \(.heic 2, .nef 1, .mov 1"):
        assert len(load_dataset(f"folder:{tmp_path}")) == 1


def test_what_is_left_out_of_a_folder_is_said_by_the_set(tmp_path):
    for name in ("a/1.png", "a/2.png", "b/3.png", "4.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    (tmp_path / "a" / "5.heic").write_bytes(b"x")
    with pytest.warns(UserWarning):
        images = load_dataset(f"folder:{tmp_path}")
    assert "Left out: 1 images that lie beside the class folders." in images.left_out
    assert "Left out: 1 files of no kind that is read (.heic 1)." in images.left_out
    assert images.left_out == images.subset([0, 1]).left_out == hold(images).left_out
    (tmp_path / "a" / "2.png").write_bytes(b"broken")
    with pytest.warns(UserWarning, match="1 broken files"):
        left_out = load_dataset(f"folder:{tmp_path}", skip_corrupt=True).left_out
    assert "Left out: 1 broken files of 3 (2.png)" in left_out
