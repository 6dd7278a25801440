"""Real ipykernels, spoken to as a page speaks to them: comm messages and control requests, no browser."""

from __future__ import annotations

import time
import uuid
from typing import Any

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager


class Page:
    """A page on one kernel: opens the comm `tapescope`, sends, and collects what comes."""

    def __init__(self, kernel: KernelManager, client: str | None = None) -> None:
        self.kc = BlockingKernelClient(connection_file=kernel.connection_file)      # a session of its own, as every page has
        self.kc.load_connection_file()
        self.kc.start_channels()
        self.kc.wait_for_ready(timeout=60)
        self.comm = uuid.uuid4().hex
        self.name = client or f"page-{self.comm[:6]}"
        self.got: list[tuple[dict[str, Any], list[Any]]] = []
        self.outputs: list[Any] = []

    def open(self) -> None:
        self._shell("comm_open", {"comm_id": self.comm, "target_name": "tapescope", "data": {"client": self.name, "protocol": 1}})

    def send(self, **message: Any) -> None:
        self._shell("comm_msg", {"comm_id": self.comm, "data": message})

    def control(self, **message: Any) -> str:
        """By the control channel; returns the id of the request."""
        m = self.kc.session.msg("tapescope_request", {**message, "client": self.name, "comm_id": self.comm})
        self.kc.control_channel.send(m)
        return str(m["header"]["msg_id"])

    def _shell(self, kind: str, content: dict[str, Any]) -> None:
        self.kc.shell_channel.send(self.kc.session.msg(kind, content))

    def run(self, code: str) -> str:
        return str(self.kc.execute(code))

    def done(self, request: str, timeout: float = 60) -> dict[str, Any]:
        """Waits for the reply of an execution; raises its error."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            reply = self.kc.get_shell_msg(timeout=timeout)
            if reply["parent_header"].get("msg_id") == request:
                assert reply["content"]["status"] == "ok", "\n".join(reply["content"].get("traceback", [])) or reply["content"]
                return dict(reply["content"])
        raise TimeoutError(request)

    def wait(self, want: Any, timeout: float = 20, ack: bool = True) -> dict[str, Any]:
        """The first message for which `want(message)` holds; frames are acknowledged on the way."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                m = self.kc.get_iopub_msg(timeout=0.2)
            except Exception:
                continue
            if m["msg_type"] in ("stream", "error"):
                self.outputs.append(m["content"])
            if m["msg_type"] != "comm_msg" or m["content"]["comm_id"] != self.comm:
                continue
            data = m["content"]["data"]
            self.got.append((data, [bytes(b) for b in m.get("buffers") or []]))
            if ack and data.get("type") == "frame":
                self.control(type="ack", seq=data["seq"])
            if want(data):
                return dict(data)
        raise TimeoutError(f"nothing fitting in {timeout} s; got {[d.get('type') for d, _ in self.got][-20:]}, outputs {self.outputs[-3:]}")

    def attach(self) -> dict[str, Any]:
        self.open()
        self.send(type="attach", protocol=1, client=self.name, request="a")
        return self.wait(lambda m: m.get("type") == "attached")

    def close(self) -> None:
        self.kc.stop_channels()
