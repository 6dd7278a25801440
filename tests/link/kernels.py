"""Real ipykernels, spoken to as a page speaks to them: comm messages and control requests, no browser."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable
from typing import Any

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

Message = dict[str, Any]
WAYS = ("comm", "control", "subshell")


class Page:
    """A page on one kernel: opens the comm `tapescope`, sends, and collects what comes."""

    def __init__(self, kernel: KernelManager, client: str | None = None) -> None:
        self.kc = BlockingKernelClient(connection_file=kernel.connection_file)      # a session of its own, as every page has
        self.kc.load_connection_file()
        self.kc.start_channels()
        self._await_ready(kernel, time.monotonic() + 60)
        self.comm = uuid.uuid4().hex
        self.name = client or f"page-{self.comm[:6]}"
        self.got: list[tuple[Message, list[bytes]]] = []
        self.outputs: list[Any] = []
        self.replies: dict[str, Message] = {}      # of executions, by request
        self.closed = False                        # the kernel has closed our comm
        self.announced = 0
        self.subshell: str | None = None
        self.supports = "kernel subshells" in self._info().get("supported_features", [])

    def _await_ready(self, kernel: KernelManager, deadline: float) -> None:
        """A heart that misses a beat on a busy machine is, to a client of its own, a kernel that died: the process knows better."""
        while True:
            try:
                return self.kc.wait_for_ready(timeout=60)
            except RuntimeError:
                if time.monotonic() > deadline or not kernel.is_alive():
                    raise

    def _info(self) -> Message:
        request = self.kc.kernel_info()
        while (reply := self.kc.get_shell_msg(timeout=20))["parent_header"].get("msg_id") != request:
            pass
        return dict(reply["content"])

    # -- out ----------------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        self._shell("comm_open", {"comm_id": self.comm, "target_name": "tapescope", "data": {"client": self.name, "protocol": 1}})

    def send(self, way: str = "comm", **message: Any) -> None:
        """By the comm (through the main shell, or a subshell as JupyterLab does) or by a control request."""
        if way == "control":
            self.control(**message)
        else:
            self._shell("comm_msg", {"comm_id": self.comm, "data": message}, self.subshell if way == "subshell" else None)

    def control(self, **message: Any) -> str:
        """By the control channel; returns the id of the request."""
        return self.on_control("tapescope_request", {**message, "client": self.name, "comm_id": self.comm})

    def on_control(self, kind: str, content: Message) -> str:
        m = self.kc.session.msg(kind, content)
        self.kc.control_channel.send(m)
        return str(m["header"]["msg_id"])

    def control_reply(self, request: str, timeout: float = 10) -> Message:
        while (reply := self.kc.get_control_msg(timeout=timeout))["parent_header"].get("msg_id") != request:
            pass
        return dict(reply["content"])

    def make_subshell(self) -> None:
        self.subshell = str(self.control_reply(self.on_control("create_subshell_request", {}))["subshell_id"])

    def _shell(self, kind: str, content: Message, subshell: str | None = None) -> None:
        m = self.kc.session.msg(kind, content)
        if subshell:
            m["header"]["subshell_id"] = subshell
        self.kc.shell_channel.send(m)

    def run(self, code: str) -> str:
        return str(self.kc.execute(code))

    # -- in -----------------------------------------------------------------------------------------------------------------

    def done(self, request: str, timeout: float = 60) -> Message:
        """Waits for the reply of an execution; raises its error."""
        while request not in self.replies:
            reply = self.kc.get_shell_msg(timeout=timeout)
            self.replies[reply["parent_header"].get("msg_id", "")] = dict(reply["content"])
        content = self.replies.pop(request)
        assert content["status"] == "ok", "\n".join(content.get("traceback", [])) or content
        return content

    def value(self, expression: str) -> Any:
        """What a Python expression is in the kernel."""
        request = str(self.kc.execute("", user_expressions={"v": expression}))
        found = self.done(request)["user_expressions"]["v"]
        assert found["status"] == "ok", found
        return eval(found["data"]["text/plain"], {"inf": float("inf"), "nan": float("nan")})

    def wait(self, want: Callable[[Message], bool], timeout: float = 20, ack: bool | str = True) -> Message:
        """The first message for which `want(message)` holds; frames are acknowledged on the way (`ack` may name how)."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            try:
                m = self.kc.get_iopub_msg(timeout=min(left, 0.2))
            except Exception:                      # queue.Empty
                continue
            if m["msg_type"] in ("stream", "error"):
                self.outputs.append(m["content"])
            if m["msg_type"] == "comm_open" and m["content"]["target_name"] == "tapescope.announce":
                self.announced += 1
            if m["msg_type"] == "comm_close" and m["content"]["comm_id"] == self.comm:
                self.closed = True
            if m["msg_type"] != "comm_msg" or m["content"]["comm_id"] != self.comm:
                continue
            data = m["content"]["data"]
            self.got.append((data, [bytes(b) for b in m.get("buffers") or []]))
            if ack and data.get("type") == "frame":
                self.send(ack if isinstance(ack, str) else "control", type="ack", seq=data["seq"])
            if want(data):
                return dict(data)
        raise TimeoutError(f"nothing fitting in {timeout} s; got {[d.get('type') for d, _ in self.got][-20:]}, outputs {self.outputs[-3:]}")

    def opened(self, target: str, holding: str, timeout: float = 10) -> str:
        """The id of the next comm that the kernel opens for a target, with some text in its data."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            m = self.kc.get_iopub_msg(timeout=left)
            if m["msg_type"] == "comm_open" and m["content"]["target_name"] == target and holding in str(m["content"]["data"]["state"].get("_anywidget_id", "")).lower():
                return str(m["content"]["comm_id"])
        raise TimeoutError(target)

    def listen(self, seconds: float, **options: Any) -> None:
        """Takes in what comes for a while."""
        with contextlib.suppress(TimeoutError):
            self.wait(lambda m: False, timeout=seconds, **options)

    def reply(self, request: str, timeout: float = 10, **options: Any) -> Message:
        return self.wait(lambda m: m.get("type") == "reply" and m.get("request") == request, timeout, **options)

    def attach(self) -> Message:
        self.open()
        self.send(type="attach", protocol=1, client=self.name, request="a")
        return self.wait(lambda m: m.get("type") == "attached")

    def frames(self, kind: str) -> list[Message]:
        return [m for m, _ in self.got if m.get("type") == "frame" and m["kind"] == kind]

    def close(self) -> None:
        self.kc.stop_channels()
