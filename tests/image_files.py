"""Small image files in the formats of the real data sets, written byte by byte and not by the code that reads them."""

import gzip
import io
import struct
import tarfile

import numpy as np
from PIL import Image

IDENTIFIERS = ("n01443537", "n01629819", "n01641577")


def idx(array):
    """Return the bytes of an idx file of unsigned bytes."""
    array = np.asarray(array, dtype=np.uint8)
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_mnist(folder, count=20, *, packed=False, mark="-", seed=0):
    """Write the four files and return the training and test images and labels."""
    rng = np.random.default_rng(seed)
    arrays = {}
    folder.mkdir(exist_ok=True)
    for stem, size in (("train", count), ("t10k", count // 2)):
        labels = np.arange(size) % 10
        images = rng.integers(0, 256, (size, 28, 28)) // (1 + labels[:, None, None])
        arrays[stem] = images, labels
        for kind, array in (("images", images), ("labels", labels)):
            name = f"{stem}-{kind}{mark}idx{array.ndim}-ubyte"
            content = idx(array)
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
    return arrays


class Python2Pickle:
    """What Python 2's cPickle.dumps(value, 2) writes for the values in CIFAR-100's files."""

    def __call__(self, value):
        return b"\x80\x02" + self.item(value) + b"."

    def item(self, value):
        if isinstance(value, dict):
            return b"}(" + b"".join(self.item(k) + self.item(v) for k, v in value.items()) + b"u"
        if isinstance(value, list):
            return b"](" + b"".join(map(self.item, value)) + b"e"
        if isinstance(value, bytes):
            return (
                b"U" + bytes([len(value)]) + value if len(value) < 256 else b"T" + struct.pack("<i", len(value)) + value
            )
        if isinstance(value, np.ndarray):
            return self.array(value)
        return b"J" + struct.pack("<i", value)

    def array(self, value):
        # numpy 1.6's reduction: _reconstruct(ndarray, (0,), 'b'), then the state (1, shape, dtype, fortran, bytes)
        kind = value.dtype.str[1:].encode()
        dtype = b"cnumpy\ndtype\n" + self.item(kind) + self.item(0) + self.item(1) + b"\x87R"
        dtype += b"(" + self.item(3) + b"U\x01|NNN" + self.item(-1) * 2 + self.item(0) + b"tb"
        start = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + self.item(0) + b"\x85" + b"U\x01b\x87R"
        shape = b"(" + b"".join(map(self.item, value.shape)) + b"t"
        fortran = value.flags.f_contiguous and not value.flags.c_contiguous
        content = value.tobytes(order="F" if fortran else "C")
        state = b"(" + self.item(1) + shape + dtype + (b"\x88" if fortran else b"\x89") + self.item(content) + b"tb"
        return start + state


python2_pickle = Python2Pickle()


def cifar_values(count=12, classes=3, seed=0):
    """Return the values of ``meta``, ``train`` and ``test``."""
    rng = np.random.default_rng(seed)
    values = {
        "meta": {
            b"fine_label_names": [b"class%02d" % k for k in range(100)],
            b"coarse_label_names": [b"coarse%02d" % k for k in range(20)],
        }
    }
    for split, size in (("train", count), ("test", count // 2)):
        labels = [k % classes for k in range(size)]
        values[split] = {
            b"filenames": [b"image_s_%06d.png" % k for k in range(size)],
            b"batch_label": b"training batch 1 of 1",
            b"fine_labels": labels,
            b"coarse_labels": [label // 5 for label in labels],
            b"data": rng.integers(0, 256, (size, 3072)).astype(np.uint8),
        }
    return values


def write_cifar(folder, values=None):
    """Write the extracted folder and return its values."""
    values = values or cifar_values()
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in values.items():
        (folder / name).write_bytes(python2_pickle(value))
    return values


def write_cifar_archive(file, values=None):
    values = values or cifar_values()
    with tarfile.open(file, "w:gz") as archive:
        for name, value in values.items():
            content = python2_pickle(value)
            member = tarfile.TarInfo(f"cifar-100-python/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return values


def write_tiny_imagenet(folder, per_class=12, size=64):
    """Write a folder of three classes of one colour each; return the colours."""
    colours = {name: (60 * k + 20, 200 - 60 * k, 100) for k, name in enumerate(IDENTIFIERS)}
    (folder / "val" / "images").mkdir(parents=True)
    (folder / "wnids.txt").write_text("\n".join(IDENTIFIERS) + "\n")
    (folder / "words.txt").write_text(
        "n01443537\tgoldfish, Carassius auratus\nn01641577\tbullfrog\nn99999999\tnothing\n"
    )
    annotations = []
    for k, (name, colour) in enumerate(colours.items()):
        images = folder / "train" / name / "images"
        images.mkdir(parents=True)
        for number in range(per_class):
            # brighter by its number, so that the order can be seen
            shade = tuple(channel + number for channel in colour)
            Image.new("RGB", (size, size), shade).save(images / f"{name}_{number}.JPEG", quality=100)
        Image.new("L", (size, size), 50 * k).save(folder / "val" / "images" / f"val_{k}.JPEG", format="JPEG")
        annotations.append(f"val_{k}.JPEG\t{name}\t0\t0\t62\t62\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(annotations))
    return colours
