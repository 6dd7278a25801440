"""The one way in: a queue that handlers fill on any thread, and that the main thread drains where live tensors may be touched."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from ..core.say import say, told_of
from ..core.state import rest
from ..tape import Tape, record, registry
from . import door
from .wire import plain

Verb = Callable[[Tape | None, dict[str, Any]], Any]
Reply = Callable[[dict[str, Any]], None]

_verbs: dict[str, Verb] = {}
_anywhere: set[str] = set()        # verbs that touch no tensor and no thread's own state
_queue: queue.Queue[tuple[dict[str, Any], Reply]] = queue.Queue()
wake = threading.Event()           # set when something has been put; a paused cell waits on it


def register(verb: str, fn: Verb, *, anywhere: bool = False) -> None:
    """Adds a verb: `fn(tape, args)` returns what is sent back. `anywhere` lets it run on the thread that brought it."""
    _verbs[verb] = fn
    if anywhere:
        _anywhere.add(verb)


def put(message: dict[str, Any], reply: Reply) -> None:
    """Takes in a command; it is answered when it has been carried out."""
    verb = message.get("verb")
    if verb not in _verbs:
        reply({"ok": False, "error": f"unknown verb {verb!r}; known are {', '.join(sorted(_verbs))}"})
        return
    if verb in _anywhere:
        _run(message, reply)
        return
    _queue.put((message, reply))
    wake.set()
    rest.call = drain                                       # no recording may be there whose steps we are told of
    if door.schedule is not None:
        door.schedule(drain)


def drain() -> None:
    """Carries out what waits, in order. On the main thread: at a step, in a pause, or between cells; elsewhere it does nothing."""
    if threading.current_thread() is not threading.main_thread():
        return
    rest.call = None
    if not wake.is_set():
        return
    wake.clear()                                            # before the look: what comes now sets it again
    while True:
        try:
            message, reply = _queue.get_nowait()
        except queue.Empty:
            return
        _run(message, reply)


def _run(message: dict[str, Any], reply: Reply) -> None:
    try:
        args = message.get("args") or {}
        if not isinstance(args, dict):
            raise TypeError(f"args must be an object, not {type(args).__name__}")
        tape = registry.get(str(message.get("recording") or "latest"))
        result = plain(_verbs[str(message["verb"])](tape, args))
    except KeyboardInterrupt:                               # meant for the cell, which ends; the page is not left waiting
        wake.set()
        reply({"ok": False, "error": f"{message.get('verb')} was interrupted"})
        raise
    except Exception as error:
        said = told_of(error)
        reply({"ok": False, "error": str(error) or type(error).__name__} if said is None else {"ok": False, "error": str(error.args[0]), "said": said})
        return
    reply({"ok": True, "result": result})


# -- the verbs ------------------------------------------------------------------------------------------------------------


def _need(tape: Tape | None) -> Tape:
    if tape is None:
        raise RuntimeError(say("nothing has been recorded yet; type `with ts.record() as tape:`"))
    return tape


def _key(args: dict[str, Any]) -> str:
    key = args.get("key")
    if not isinstance(key, str) or not key:
        raise ValueError(say("a probe needs a key, such as activation/fc1 or output/3"))
    return key


def _start(tape: Tape | None, args: dict[str, Any]) -> Any:
    made = record(values=str(args.get("values", "stats")), name=args.get("name"))
    return {"id": made.id}


def _stop(tape: Tape | None, args: dict[str, Any]) -> Any:
    running = [t for t in registry.list() if t.state == "recording" and t.here]
    if not running:
        raise RuntimeError(say("no recording is running"))
    running[-1].stop()
    return {"id": running[-1].id}


def _probe(tape: Tape | None, args: dict[str, Any]) -> Any:
    found = _need(tape)
    key = _key(args)
    found.probe(key)
    return {"key": key}


def _unprobe(tape: Tape | None, args: dict[str, Any]) -> Any:
    _need(tape).unprobe(_key(args))
    return None


def _embed(on: bool) -> Verb:
    def run(tape: Tape | None, args: dict[str, Any]) -> Any:
        from ..project import job

        found = job(_need(tape), _key(args))
        found.start() if on else found.stop()
        return None
    return run


def _near(tape: Tape | None, args: dict[str, Any]) -> Any:
    from ..project import near

    return near(_need(tape), _key(args), int(args["step"]), int(args["row"]), int(args.get("k", 10)), str(args.get("metric", "cosine")))


def _select(tape: Tape | None, args: dict[str, Any]) -> Any:
    _need(tape).memory["selection"] = dict(args)
    return None


def _mute(tape: Tape | None, args: dict[str, Any]) -> Any:
    from .. import diagnose

    diagnose.mute(_need(tape), str(args.get("id")))
    return None


def _on_disk(verb: str) -> Verb:
    def run(tape: Tape | None, args: dict[str, Any]) -> Any:
        from . import runs

        return {"list": runs.listed, "compare": runs.compared, "open": runs.opened}[verb](tape, args)
    return run


def _debug(verb: str) -> Verb:
    def run(tape: Tape | None, args: dict[str, Any]) -> Any:
        from ..debugger.commands import command

        return command(_need(tape), verb, args)
    return run


def _break(verb: str) -> Verb:
    def run(tape: Tape | None, args: dict[str, Any]) -> Any:
        from ..debugger.commands import break_command

        return break_command(tape, verb, args)
    return run


def _break_on(tape: Tape | None, args: dict[str, Any]) -> Any:
    from .. import diagnose
    from ..debugger.commands import break_on_finding

    found = next((f for f in diagnose.findings(_need(tape)) if f.id == args.get("finding")), None)
    if found is None:
        raise ValueError(say("there is no finding {0} in this recording", repr(args.get("finding"))))
    return break_on_finding(found, tape)


register("ping", lambda tape, args: None, anywhere=True)      # whether what a page sends arrives while a cell runs
register("debug.break_on", _break_on)
register("record.start", _start)
register("record.stop", _stop)
register("probe.set", _probe, anywhere=True)
register("probe.clear", _unprobe, anywhere=True)
register("projection.start", _embed(True), anywhere=True)
register("projection.stop", _embed(False), anywhere=True)
register("selection.set", _select, anywhere=True)
register("projection.near", _near, anywhere=True)
register("findings.mute", _mute, anywhere=True)
for _name in ("list", "compare", "open"):
    register(f"runs.{_name}", _on_disk(_name), anywhere=True)
for _name in ("step", "over", "back", "into", "out", "next_module", "continue", "abort", "reset", "replay", "run_to", "go", "edit",
              "what_if", "compare", "drop", "keep", "check", "origin", "memory", "explain"):
    register(f"debug.{_name}", _debug(f"debug.{_name}"))
for _name in ("add", "edit", "remove", "clear", "list", "restore"):
    register(f"break.{_name}", _break(f"break.{_name}"))
