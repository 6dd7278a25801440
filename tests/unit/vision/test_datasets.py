"""Data sets from small files in their own formats: what is in them, where they are looked for, and what is said of damaged and missing ones."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import os
import pathlib
import pickle
import socket
import tarfile
import threading
import zipfile

import numpy as np
import pytest
from small_files import digits, idx, old_pickle

import tapescope as ts
from tapescope.vision import datasets, transforms
from tapescope.vision.datasets import files

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: there are no pictures")


@pytest.fixture
def mnist(tmp_path):
    """root/MNIST/raw as it is fetched: compressed, 12 digits to train and 5 to test."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, n in (("train", 12), ("t10k", 5)):
        images, labels = digits(n, n)
        (raw / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (raw / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return tmp_path


# ---- MNIST ---------------------------------------------------------------------------------------------------------


def test_mnist_is_read_compressed_and_not(mnist):
    train, test = datasets.MNIST(mnist, transform=transforms.ToTensor()), datasets.MNIST(str(mnist), train=False, target_transform=lambda t: -t)
    images, labels = digits(12, 12)
    assert len(train) == 12 and len(test) == 5
    assert np.array_equal(train.data.numpy(), images) and train.data.dtype is ts.uint8
    assert np.array_equal(train.targets.numpy(), labels) and train.targets.dtype is ts.int64
    x, y = train[3]
    assert x.shape == (1, 28, 28) and np.array_equal(x.numpy()[0], images[3].astype(np.float32) / np.float32(255)) and y == labels[3] and type(y) is int
    picture, minus = test[0]
    assert picture.mode == "L" and picture.size == (28, 28) and minus == -int(digits(5, 5)[1][0])
    raw = mnist / "MNIST" / "raw"
    for name in os.listdir(raw):
        (raw / name[:-3]).write_bytes(gzip.decompress((raw / name).read_bytes()))
        (raw / name).unlink()
    assert np.array_equal(datasets.MNIST(mnist).data.numpy(), images)
    assert train.class_to_idx["3 - three"] == 3


def test_mnist_says_what_it_is(mnist):
    made = datasets.MNIST(str(mnist), transform=transforms.Compose([transforms.ToTensor()]))
    assert repr(made) == f"""Dataset MNIST
    Number of datapoints: 12
    Root location: {mnist}
    Split: Train
    StandardTransform
Transform: Compose(
               ToTensor()
           )"""


def test_a_loader_takes_mnist_from_workers(mnist):
    made = datasets.MNIST(mnist, transform=transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))]))
    for workers in (0, 1):
        batches = list(ts.utils.data.DataLoader(made, batch_size=5, num_workers=workers))
        assert [tuple(x.shape) for x, _ in batches] == [(5, 1, 28, 28), (5, 1, 28, 28), (2, 1, 28, 28)]
        assert np.array_equal(np.concatenate([y.numpy() for _, y in batches]), digits(12, 12)[1])


def test_a_missing_file_is_named_with_its_place(tmp_path):
    with pytest.raises(RuntimeError) as caught:
        datasets.FashionMNIST(tmp_path, train=False)
    said = str(caught.value)
    assert said.startswith("Dataset not found. You can use download=True to download it (or put t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz")
    assert str(tmp_path / "FashionMNIST" / "raw") in said


@pytest.mark.parametrize(("change", "words"), [
    (lambda raw: raw[:-10], "are 9408 bytes, it has 9398"), (lambda raw: raw + b"x", "it has 9409"), (lambda raw: b"", "begins with nothing"),
    (lambda raw: b"\x01" + raw[1:], "begins with 01 00 08 03"), (lambda raw: raw[:2] + b"\x07" + raw[3:], "type 0x07"), (lambda raw: raw[:3] + b"\x09" + raw[4:], "9 dimensions"),
    (lambda raw: raw[:9], "3 dimensions, and has 9 bytes"), (lambda raw: raw[:4] + b"\xff\xff\xff\xff" + raw[8:], "4294967295 x 28 x 28"), (lambda raw: b"<html>no such page", "3c 68 74 6d"),
    (lambda raw: gzip.compress(raw), "its name should end in .gz"),
])
def test_a_damaged_idx_file_is_named_with_what_is_wrong(mnist, change, words):
    raw = mnist / "MNIST" / "raw"
    plain = gzip.decompress((raw / "train-images-idx3-ubyte.gz").read_bytes())
    (raw / "train-images-idx3-ubyte").write_bytes(change(plain))
    with pytest.raises(RuntimeError) as caught:
        datasets.MNIST(mnist)
    assert words in str(caught.value) and str(raw / "train-images-idx3-ubyte") in str(caught.value)


@pytest.mark.parametrize("change", [lambda raw: raw[:len(raw) // 2], lambda raw: b"no gzip at all", lambda raw: raw[:100] + bytes(50) + raw[150:]])
def test_a_damaged_compressed_file_is_named(mnist, change):
    path = mnist / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(RuntimeError, match="is damaged") as caught:
        datasets.MNIST(mnist)
    assert str(path) in str(caught.value)


def test_files_that_do_not_belong_together_are_refused(mnist):
    raw = mnist / "MNIST" / "raw"
    (raw / "train-labels-idx1-ubyte.gz").write_bytes((raw / "t10k-labels-idx1-ubyte.gz").read_bytes())
    with pytest.raises(RuntimeError, match="holds 12 pictures and train-labels-idx1-ubyte 5 labels"):
        datasets.MNIST(mnist)
    (raw / "train-labels-idx1-ubyte.gz").write_bytes((raw / "t10k-images-idx3-ubyte.gz").read_bytes())
    with pytest.raises(ValueError, match="x should have 1 dimension instead of 3"):
        datasets.MNIST(mnist)


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
def test_every_type_of_an_idx_file_is_read(tmp_path, dtype):
    a = (np.arange(24) - (0 if dtype == "u1" else 9)).astype(dtype).reshape(2, 3, 4)
    (tmp_path / "a").write_bytes(idx(a))
    read = datasets.mnist.read_sn3_pascalvincent_tensor(str(tmp_path / "a"))
    assert np.array_equal(read.numpy(), a) and read.numpy().dtype == a.dtype


def test_emnist_is_read_from_its_archive_and_from_its_files(tmp_path):
    raw = tmp_path / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    images, labels = digits(7)
    with zipfile.ZipFile(raw / "gzip.zip", "w") as z:
        z.writestr("gzip/emnist-letters-train-images-idx3-ubyte.gz", gzip.compress(idx(images)))
        z.writestr("gzip/emnist-letters-train-labels-idx1-ubyte.gz", gzip.compress(idx(labels)))
    made = datasets.EMNIST(tmp_path, "letters")
    assert np.array_equal(made.data.numpy(), images) and made.classes[:3] == ["N/A", "a", "b"] and len(made.classes) == 27
    with pytest.raises(RuntimeError, match="emnist-letters-test-images-idx3-ubyte"):
        datasets.EMNIST(tmp_path, "letters", train=False)
    with pytest.raises(ValueError, match=r"Unknown value 'x' for argument split. Valid values are {'byclass', "):
        datasets.EMNIST(tmp_path, "x")
    assert [len(datasets.EMNIST.classes_split_dict[s]) for s in datasets.EMNIST.splits] == [62, 47, 47, 27, 10, 10]
    (raw / "gzip.zip").write_bytes((raw / "gzip.zip").read_bytes()[:-40])
    with pytest.raises(RuntimeError, match=r"damaged|not found"):
        datasets.EMNIST(tmp_path, "letters")


# ---- CIFAR ---------------------------------------------------------------------------------------------------------


def md5(raw: bytes) -> str:
    return hashlib.md5(raw).hexdigest()


def cifar(folder, old: bool = True, hundred: bool = False):
    """A class for small files in CIFAR's format, and the files: two batches of 4 pictures, a test batch of 3."""
    rng = np.random.RandomState(1)
    made = {}
    for name, n in (("data_batch_1", 4), ("data_batch_2", 4), ("test_batch", 3)):
        entry = {"data": rng.randint(0, 256, (n, 3072)).astype(np.uint8), "fine_labels" if hundred else "labels": rng.randint(0, 3, n).tolist(),
                 "batch_label": "batch", "filenames": [f"{i}.png" for i in range(n)]}
        made[name] = entry, old_pickle(entry) if old else pickle.dumps(entry, 2)
    meta = {"label_names": ["cat", "dog", "ship"]}
    made["batches.meta"] = meta, old_pickle(meta) if old else pickle.dumps(meta, 2)
    folder.mkdir(parents=True, exist_ok=True)
    for name, (_, raw) in made.items():
        (folder / name).write_bytes(raw)

    class Small(datasets.CIFAR10):
        base_folder = folder.name
        train_list = [[n, md5(made[n][1])] for n in ("data_batch_1", "data_batch_2")]
        test_list = [["test_batch", md5(made["test_batch"][1])]]
        meta = {"filename": "batches.meta", "key": "label_names", "md5": md5(made["batches.meta"][1])}

    return Small, made


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("hundred", [True, False])
def test_cifar_is_read(tmp_path, old, hundred):
    Small, made = cifar(tmp_path / "cifar-10-batches-py", old, hundred)
    train, test = Small(tmp_path), Small(tmp_path, train=False, transform=transforms.ToTensor())
    data = np.concatenate([made[n][0]["data"] for n in ("data_batch_1", "data_batch_2")]).reshape(-1, 3, 32, 32)
    assert train.data.shape == (8, 32, 32, 3) and np.array_equal(train.data.transpose(0, 3, 1, 2), data)
    assert train.classes == ["cat", "dog", "ship"] and train.class_to_idx["ship"] == 2
    picture, label = train[5]
    assert picture.mode == "RGB" and np.array_equal(np.asarray(picture), train.data[5]) and label == train.targets[5]
    assert test[1][0].shape == (3, 32, 32) and len(test) == 3 and "Split: Test" in repr(test)
    if old:                                                # the files are what Python 2 would have written, so that Python's own unpickler reads them alike
        assert pickle.loads((tmp_path / "cifar-10-batches-py" / "test_batch").read_bytes(), encoding="latin1")["data"].shape == (3, 3072)


def test_cifar_is_read_from_its_archive(tmp_path):
    Small, _ = cifar(tmp_path / "made" / "cifar-10-batches-py")
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "made" / "cifar-10-batches-py", "cifar-10-batches-py")
    assert len(Small(tmp_path)) == 8 and not (tmp_path / "cifar-10-batches-py").exists()
    whole = (tmp_path / "cifar-10-python.tar.gz").read_bytes()
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(whole[:len(whole) // 3])
    with pytest.raises(RuntimeError, match=r"cifar-10-python.tar.gz is damaged"):
        Small(tmp_path)


def test_cifar_of_another_checksum_is_refused(tmp_path):
    Small, made = cifar(tmp_path / "cifar-10-batches-py")
    path = tmp_path / "cifar-10-batches-py" / "data_batch_2"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(RuntimeError, match=r"Dataset not found or corrupted. You can use download=True to download it .*data_batch_2: its MD5 sum is"):
        Small(tmp_path)
    path.unlink()
    with pytest.raises(RuntimeError, match=r"data_batch_2 is not there; put cifar-10-python.tar.gz"):
        Small(tmp_path)


class _Bomb:
    def __reduce__(self):
        return os.system, ("touch exploded",)


@pytest.mark.parametrize(("entry", "words"), [
    ({"data": _Bomb(), "labels": []}, "posix|nt"), ([1, 2], "holds a list"), ({"labels": [1]}, "3072 bytes of data"), ({"data": np.zeros((2, 3072), np.uint8), "labels": [1]}, "3072 bytes of data"),
    ({"data": np.zeros((2, 3071), np.uint8), "labels": [1, 2]}, "3072 bytes of data"), ({"data": np.zeros((1, 3072)), "labels": [1]}, "3072 bytes of data"),
])
def test_a_hostile_or_damaged_pickle_is_refused(tmp_path, monkeypatch, entry, words):
    monkeypatch.chdir(tmp_path)
    Small, _ = cifar(tmp_path / "cifar-10-batches-py")
    raw = pickle.dumps(entry, 2)
    (tmp_path / "cifar-10-batches-py" / "test_batch").write_bytes(raw)
    monkeypatch.setattr(Small, "test_list", [["test_batch", md5(raw)]])        # somebody who can change the files can change the sums
    with pytest.raises(RuntimeError, match=words) as caught:
        Small(tmp_path, train=False)
    assert "test_batch" in str(caught.value) and not (tmp_path / "exploded").exists()


# ---- folders -------------------------------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path):
    for name in ("cat/1.png", "cat/deep/2.JPG", "dog/3.bmp", "dog/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("no picture")
        else:
            Image.new("L", (4, 3), 128).save(path)
    return tmp_path


def test_a_folder_of_pictures_is_a_data_set(pictures):
    made = datasets.ImageFolder(pictures)
    assert made.classes == ["cat", "dog"] and made.class_to_idx == {"cat": 0, "dog": 1} and made.targets == [0, 0, 1]
    assert [(os.path.relpath(path, pictures), target) for path, target in made.imgs] == [("cat/1.png", 0), ("cat/deep/2.JPG", 0), ("dog/3.bmp", 1)]
    picture, target = made[2]
    assert picture.mode == "RGB" and picture.size == (4, 3) and target == 1
    assert datasets.ImageFolder(str(pictures), is_valid_file=lambda path: path.endswith("txt"), allow_empty=True).targets == [1]
    text = datasets.DatasetFolder(pictures, lambda path: pathlib.Path(path).read_text(), extensions=(".txt",), allow_empty=True)
    assert text[0] == ("no picture", 1)


def test_a_folder_without_pictures_says_so(pictures):
    (pictures / "bird").mkdir()
    with pytest.raises(FileNotFoundError, match=r"Found no valid file for the classes bird. Supported extensions are: .jpg, .jpeg"):
        datasets.ImageFolder(pictures)
    assert datasets.ImageFolder(pictures, allow_empty=True).classes == ["bird", "cat", "dog"]
    with pytest.raises(FileNotFoundError, match="Couldn't find any class folder in"):
        datasets.ImageFolder(pictures / "bird")
    with pytest.raises(FileNotFoundError):
        datasets.ImageFolder(pictures / "fish")


def test_a_damaged_picture_is_named(pictures):
    big = pictures / "cat" / "1.png"
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (64, 64, 3)).astype(np.uint8)).save(big)
    big.write_bytes(big.read_bytes()[:3000])
    made = datasets.ImageFolder(pictures)
    with pytest.raises(OSError, match=r"1.png is no picture that can be read: "):
        made[0]
    big.write_bytes(b"nothing")
    with pytest.raises(OSError, match=r"1.png is no picture that can be read: cannot identify"):
        made[0]


def test_fake_data_is_the_same_each_time_and_leaves_the_generator_alone():
    made = datasets.FakeData(size=4, image_size=(3, 5, 6), num_classes=7, transform=transforms.ToTensor(), random_offset=3)
    ts.manual_seed(1)
    expected = ts.rand(2).tolist()
    ts.manual_seed(1)
    x, y = made[2]
    assert ts.rand(2).tolist() == expected
    assert x.shape == (3, 5, 6) and type(y) is int and 0 <= y < 7 and ts.equal(x, made[2][0]) and not ts.equal(x, made[1][0]) and len(made) == 4
    with pytest.raises(IndexError, match="FakeData index out of range"):
        made[4]


def test_either_one_transform_for_both_or_one_for_each():
    with pytest.raises(ValueError, match="Only transforms or transform/target_transform can be passed as argument"):
        datasets.VisionDataset("x", transforms=lambda a, b: (a, b), transform=lambda a: a)


# ---- fetching ------------------------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path):
    """A web server of this machine; `server.files` is what it has."""
    contents: dict[str, bytes] = {}
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = contents.get(self.path.rsplit("/", 1)[-1])
            if body is None:
                return self.send_error(404)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return None

        def log_message(self, *args):
            pass

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.files, made.asked = contents, asked
    made.url = f"http://127.0.0.1:{made.server_port}/"
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def test_mnist_is_fetched_with_a_progress_bar_and_only_once(server, mnist, tmp_path, capsys):
    raw = mnist / "MNIST" / "raw"
    for path in raw.iterdir():
        server.files[path.name] = path.read_bytes()

    class Here(datasets.MNIST):
        mirrors = [server.url + "nowhere/x/", server.url]
        resources = [(name, md5(body)) for name, body in sorted(server.files.items())]

    made = Here(tmp_path / "new", download=True)
    assert np.array_equal(made.data.numpy(), digits(12, 12)[0]) and sorted(os.listdir(made.raw_folder)) == sorted(server.files)
    assert "train-images-idx3-ubyte.gz" in capsys.readouterr().err
    asked = len(server.asked)
    Here(tmp_path / "new", train=False, download=True)
    assert len(server.asked) == asked


def test_what_is_fetched_is_checked_and_no_half_is_left(server, tmp_path):
    server.files["a.gz"] = b"an error page"
    with pytest.raises(RuntimeError) as caught:
        files.fetch("a.gz", [server.url], str(tmp_path), "0" * 32)
    assert "Error downloading a.gz" in str(caught.value) and "File not found or corrupted. (its MD5 sum is" in str(caught.value)
    assert f"put it here: {tmp_path / 'a.gz'} (MD5 {'0' * 32})" in str(caught.value) and os.listdir(tmp_path) == []
    with pytest.raises(RuntimeError, match=r"b.gz: HTTP Error 404|Not Found"):
        files.fetch("b.gz", [server.url], str(tmp_path))


def test_without_a_network_the_error_says_where_to_put_the_file(tmp_path, monkeypatch):
    with socket.socket() as s:                             # a port on which nobody listens
        s.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{s.getsockname()[1]}/"
    monkeypatch.setattr(datasets.KMNIST, "mirrors", [closed])
    with pytest.raises(RuntimeError) as caught:
        datasets.KMNIST(tmp_path, download=True)
    said = str(caught.value)
    assert said.startswith(f"Error downloading train-images-idx3-ubyte.gz:\nTried {closed}, got:\n")
    assert f"put it here: {tmp_path / 'KMNIST' / 'raw' / 'train-images-idx3-ubyte.gz'} (MD5 bdb82020997e1d708af4cf47b453dcf7)" in said


def test_cifar_is_fetched_and_taken_out_of_its_archive(server, tmp_path):
    Small, _ = cifar(tmp_path / "made" / "cifar-10-batches-py")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(tmp_path / "made" / "cifar-10-batches-py", "cifar-10-batches-py")
    server.files["cifar-10-python.tar.gz"] = packed.getvalue()
    Small.url, Small.tgz_md5 = server.url + "cifar-10-python.tar.gz", md5(packed.getvalue())
    root = tmp_path / "root"
    assert len(Small(root, download=True)) == 8
    assert sorted(os.listdir(root / "cifar-10-batches-py")) == ["batches.meta", "data_batch_1", "data_batch_2", "test_batch"]
    asked = len(server.asked)
    assert len(Small(root, download=True, train=False)) == 3 and len(server.asked) == asked


def test_the_bar_of_our_own_counts(capsys):
    bar = files._Bar("x", 200)
    for _ in range(4):
        bar.update(50)
    assert capsys.readouterr().err.replace("\r", "\n").split() == "x: 25 % x: 50 % x: 75 % x: 100 %".split()


def test_pillow_is_imported_when_the_first_picture_is_met():
    import subprocess
    import sys

    code = ("import sys; from tapescope.vision import transforms, datasets, utils; import tapescope as ts; transforms.RandomCrop(2)(ts.ones(3, 4, 4));"
            "print('PIL' in sys.modules)")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout.strip() == "False"
