"""A kernel's life: the announcement on import, a restart, the exit, a fork, and how fast the wire is."""

from __future__ import annotations

import contextlib
import time

import numpy as np
import pytest
from jupyter_client.manager import KernelManager

from .conftest import StartKernel
from .kernels import Message, Page
from .test_wire import is_frame, loop

pytestmark = pytest.mark.link


def test_the_library_announces_itself_and_a_restarted_kernel_does_so_again(start_kernel: StartKernel) -> None:
    manager = start_kernel()
    page = Page(manager)
    page.open()
    page.listen(0.5)
    assert page.closed                             # nobody here yet: the kernel refuses the comm
    page.done(page.run("import tapescope as ts, time"))
    page.listen(0.5)
    assert page.announced == 1
    page.comm += "2"
    kernel = page.attach()["kernel"]
    page.done(page.run(loop(most=2)))
    page.close()

    manager.restart_kernel(now=True)
    page = Page(manager)
    page.done(page.run("import tapescope as ts, time"))
    page.listen(0.5)
    assert page.announced == 1
    again = page.attach()
    assert again["kernel"] != kernel
    assert again["recordings"] == []
    page.close()


def test_a_kernel_with_clients_leaves_at_once(start_kernel: StartKernel) -> None:
    manager = start_kernel()
    page = Page(manager)
    page.done(page.run("import tapescope as ts, time"))
    page.attach()
    page.send(type="subscribe", request="s", recording="latest", kind="scalars")
    page.done(page.run(loop(most=20)))
    page.wait(is_frame("scalars"))
    began = time.monotonic()
    page.kc.shutdown()
    while manager.is_alive() and time.monotonic() - began < 5:
        time.sleep(0.05)
    assert not manager.is_alive()
    assert time.monotonic() - began < 4
    page.close()


def test_a_forked_child_keeps_its_hands_off(newest: KernelManager) -> None:
    page = Page(newest)
    page.attach()
    page.send(type="subscribe", request="s", recording="latest", kind="scalars")
    page.done(page.run("""
import os, warnings
warnings.simplefilter("ignore")
read, write = os.pipe()
pid = os.fork()
if pid == 0:
    with ts.record() as t:
        v = ts.ones(2, requires_grad=True); v.sum().backward(); t.step()
    os.write(write, repr((len(ts.link.service.clients), ts.link.service._thread, t.step_number)).encode()); os._exit(0)
child = os.waitpid(pid, 0)[1]
"""))
    assert page.value("child") == 0
    assert page.value("os.read(read, 99).decode()") == "(0, None, 1)"
    page.done(page.run(loop(most=3)))
    page.wait(is_frame("scalars"))                 # the parent's link goes on
    page.close()


def test_no_thread_before_the_first_client(start_kernel: StartKernel) -> None:
    manager = start_kernel()
    page = Page(manager)
    page.done(page.run("import tapescope as ts, threading, time"))
    page.done(page.run(loop(most=2)))
    names = "[t.name for t in threading.enumerate() if 'tapescope' in t.name]"
    assert page.value(names) == []
    page.attach()
    assert page.value(names) == ["tapescope-link"]
    page.close()


DASHBOARD = ("graph", "clocks", "gradients", "scalars", "stats", "histograms", "status", "findings", "debug")


def stream(manager: KernelManager, seconds: float) -> tuple[list[float], list[int], list[str]]:
    """20 steps/s with everything that a dashboard shows: ages of the newest scalar of each frame (s), bytes and kinds of all frames."""
    page = Page(manager)
    page.attach()
    done = page.run(loop(seconds=seconds + 10, rest=0.045))
    time.sleep(0.3)
    page.control(type="query", request="q", recording="latest", kind="status")
    began = -page.wait(is_frame("status"))["meta"]["elapsed"] + time.monotonic()
    page.got.clear()
    for kind in DASHBOARD:
        page.control(type="subscribe", request=kind, recording="latest", kind=kind)
    ages: list[float] = []

    def look(m: Message) -> bool:
        if is_frame("scalars")(m):
            columns = dict(zip((c[0] for c in m["columns"]), page.got[-1][1], strict=True))
            ages.append(time.monotonic() - began - float(np.frombuffer(columns["time"], "f8")[-1]))
        return False

    with contextlib.suppress(TimeoutError):
        page.wait(look, timeout=seconds)
    sizes, kinds = [sum(map(len, b)) for _, b in page.got], [m["kind"] for m, _ in page.got if m.get("type") == "frame"]
    page.control(type="command", request="stop", recording="latest", verb="record.stop", args={})
    page.done(done)
    page.close()
    return ages, sizes, kinds


def test_what_happened_is_at_the_page_soon(newest: KernelManager) -> None:
    """20 steps/s with every kind of a dashboard: the scalars that arrive are less than 250 ms old, with room for drawing."""
    ages, sizes, kinds = stream(newest, 4)
    counts = {k: kinds.count(k) / 4 for k in sorted(set(kinds))}
    print(f"\nage of scalars: median {np.median(ages) * 1e3:.0f} ms, p95 {np.quantile(ages, 0.95) * 1e3:.0f} ms; frames a second {counts}")
    assert np.median(ages) < 0.2
    assert max(sizes) <= 256 * 1024
    assert len(kinds) <= 62 * 4 + 10


@pytest.mark.slow
def test_a_minute_at_twenty_steps_a_second(newest: KernelManager) -> None:
    ages, sizes, kinds = stream(newest, 60)
    print(f"\nage of scalars: median {np.median(ages) * 1e3:.0f} ms, p95 {np.quantile(ages, 0.95) * 1e3:.0f} ms, "
          f"{len(kinds) / 60:.0f} frames/s, {sum(sizes) / 60e3:.0f} kB/s")
    late = ages[len(ages) // 2:]
    assert np.median(late) < 0.25                  # nothing piles up
    assert max(sizes) <= 256 * 1024
