"""The debugger in a terminal: a paused pass is moved, looked at and asked by lines that are typed or piped in. The verbs are those of the views."""

from __future__ import annotations

import cmd
import shlex
from collections.abc import Callable
from typing import Any

from .commands import break_command, command
from .held import Aborted
from .points import FIELDS, breakpoints

SHORT = {"n": "step", "next": "step", "s": "into", "o": "out", "p": "back", "m": "next_module", "c": "continue", "cont": "continue", "r": "run_to", "b": "break", "bl": "breakpoints",
         "e": "explain", "l": "list", "w": "where", "v": "value", "q": "quit", "exit": "quit", "h": "help", "?": "help"}
AROUND = 5                         # nodes before and behind the cursor that `list` shows


class Terminal(cmd.Cmd):
    """Serves pauses from standard input. When that ends, passes go on without stopping."""

    prompt = "(tapescope) "
    intro = None
    doc_header = "Commands (help <command> tells more; in short: n s o p m c r b e l w v q)"

    def __init__(self) -> None:
        super().__init__()
        self.machine: Any = None
        self.stops = 0
        self.detached = False

    def serve(self, machine: Any) -> bool:
        """Shows where a pass has paused, and reads lines until it has moved on."""
        if self.detached:
            return True
        self.machine = machine
        self.stops += 1
        self._say(f"-- {machine.reason}")
        self._show()
        while machine.waiting() and not self.detached:
            self.cmdloop()
        return True

    def _say(self, text: Any) -> None:
        self.stdout.write(str(text).rstrip() + "\n")
        self.stdout.flush()

    def _show(self) -> None:
        m = self.machine
        if m.at is None:
            self._say(m.reason)
            return
        self._say(repr(m.at))
        if m.note:
            self._say(f"  note: {m.note}")
            m.note = ""

    # -- cmd ------------------------------------------------------------------------------------------------------------------------

    def onecmd(self, line: str) -> bool:
        word, _, rest = line.strip().partition(" ")
        word = SHORT.get(word, word)
        try:
            return bool(super().onecmd(f"{word} {rest}".strip() if line.strip() else line))
        except (Aborted, KeyboardInterrupt, SystemExit):
            raise
        except Exception as error:                              # a wrong word must not end the pass
            if not self.machine.waiting():
                raise
            self._say(f"{type(error).__name__}: {error}" if not isinstance(error, (RuntimeError, ValueError)) else error)
            return False

    def default(self, line: str) -> None:
        self._say(f"there is no command {line.split()[0]!r}; help lists them")

    def completenames(self, text: str, *ignored: Any) -> list[str]:
        return [n for n in super().completenames(text, *ignored) if n != "EOF"]

    def _move(self, verb: str, shown: bool = True, **args: Any) -> bool:
        m = self.machine
        before = m.reason
        command(m.tape, "debug." + verb, args)
        if not m.waiting():
            if m.state == "done":
                self._say(m.reason)
            return True
        if not shown:
            return False
        if m.reason != before:
            self._say(f"-- {m.reason}")
        self._show()
        return False

    def _many(self, verb: str, arg: str) -> bool:
        n = int(arg or 1)
        return any(self._move(verb, i == n - 1) for i in range(n))

    # -- moving ----------------------------------------------------------------------------------------------------------------------

    def do_step(self, arg: str) -> bool:
        """step [n]: run the node at the cursor (n of them) and stop before the next (n)"""
        return self._many("step", arg)

    def do_into(self, arg: str) -> bool:
        """into: into what the module does (s)"""
        return self._move("into")

    def do_out(self, arg: str) -> bool:
        """out: until the pass leaves the module (o)"""
        return self._move("out")

    def do_back(self, arg: str) -> bool:
        """back [n]: stop before the node that ran last (p)"""
        return self._many("back", arg)

    def do_next_module(self, arg: str) -> bool:
        """next_module: to another module (m)"""
        return self._move("next_module")

    def do_continue(self, arg: str) -> bool:
        """continue: to the next breakpoint, or to the end (c)"""
        return self._move("continue")

    def do_run_to(self, arg: str) -> bool:
        """run_to op NAME | module PATH | parameter NAME | node ROW | index NUMBER (r)"""
        what, _, value = arg.partition(" ")
        if what not in ("op", "module", "parameter", "node", "index") or not value.strip():
            raise ValueError(f"usage: {self.do_run_to.__doc__}")
        place: dict[str, Any] = {what: int(value) if what in ("node", "index") else value.strip()}
        return self._move("run_to", **place)

    def do_go(self, arg: str) -> bool:
        """go N: stand before node N (from 1), behind or ahead"""
        return self._move("go", index=int(arg) - 1)

    def do_replay(self, arg: str) -> bool:
        """replay: run the pass again from its start to here"""
        return self._move("replay")

    def do_reset(self, arg: str) -> bool:
        """reset: forget all edits and stand before the first node"""
        return self._move("reset")

    def do_abort(self, arg: str) -> bool:
        """abort: give the pass up; backward() raises Aborted, no .grad is written"""
        return self._move("abort")

    def do_quit(self, arg: str) -> bool:
        """quit: end the script (q)"""
        raise SystemExit(0)

    def do_EOF(self, arg: str) -> bool:
        """end of input: the script goes on without stops"""
        self.detached = True
        self._say("end of input: the script goes on without stops")
        return True

    # -- looking ---------------------------------------------------------------------------------------------------------------------

    def do_explain(self, arg: str) -> None:
        """explain: formulas and real numbers of the node at the cursor (e)"""
        self._say(repr(self._at().explain()))

    def do_list(self, arg: str) -> None:
        """list: the nodes around the cursor (l)"""
        m = self.machine
        nodes = m._pass.sequence
        for i in range(max(0, m.index - AROUND), min(len(nodes), m.index + AROUND + 1)):
            n = nodes[i]
            path = m.name_of(n.variable) if hasattr(n, "variable") else m.where.module(n)
            self._say(f"{'->' if i == m.index else '  '} {i + 1:4}  {n.name().rpartition('::')[2]}{'  ' + path if path else ''}")

    def do_where(self, arg: str) -> None:
        """where: modules from the outermost in, parameters that are reached from here, what has arrived (w)"""
        at, m = self._at(), self.machine
        self._say(m.place())
        for i, path in enumerate(getattr(at, "stack", [])):
            self._say("  " * (i + 1) + path)
        reaches = getattr(at, "reaches", [])
        if reaches:
            self._say(f"reaches: {', '.join(reaches[:12])}{f' and {len(reaches) - 12} more' if len(reaches) > 12 else ''}")
        for leaf in m.describe()[0]["arrived"]:
            self._say(f"arrived: {leaf['parameter']}  norm {leaf['norm']:.4g}")

    def do_value(self, arg: str) -> None:
        """value [grad_in | grad_out | NAME of a saved value]: the numbers themselves (v)"""
        at = self._at()
        name = arg.strip() or "grad_in"
        found = getattr(at, name) if name in ("grad_in", "grad_out") else (at.saved[name],) if name in at.saved else None
        if found is None:
            raise ValueError(f"{at.name} has grad_in, grad_out{''.join(', ' + n for n in at.saved)}")
        for t in found:
            self._say(t)

    def do_shares(self, arg: str) -> None:
        """shares: what each consumer sent to this node, where several meet"""
        for s in self._at().shares() or [None]:
            self._say("only one gradient comes here" if s is None else f"{s['from']}{' in ' + s['module'] if s['module'] else ''}: norm {s['norm']:.4g}, {s['share']:.0%}, cosine {s['cosine']:.2f} to the sum")

    def do_memory(self, arg: str) -> None:
        """memory: what the graph holds, its peak, and what checkpoints of modules would save"""
        self._say(self._ask("memory"))

    def do_origin(self, arg: str) -> None:
        """origin [forward | backward]: where a NaN, an infinity or a blow-up began"""
        self._say(self._ask("origin", direction=arg.strip() or None))

    def do_check(self, arg: str) -> None:
        """check [MODULE]: this node's derivative (or those of a module's nodes) beside central differences"""
        self._say(self._ask("check", module=arg.strip() or None))

    # -- editing ---------------------------------------------------------------------------------------------------------------------

    def do_edit(self, arg: str) -> bool:
        """edit zero | scale FACTOR: replace the gradient that comes in, in this pass"""
        how, _, by = arg.partition(" ")
        if how not in ("zero", "scale"):
            raise ValueError(f"usage: {self.do_edit.__doc__}")
        return self._move("edit", **({"zero": True} if how == "zero" else {"scale": float(by)}))

    def do_what_if(self, arg: str) -> None:
        """what_if zero | scale X | clip NORM | noise DEVIATION [saved NAME]: the same on a branch, compared with the pass as it is"""
        words = shlex.split(arg)
        saved = words[words.index("saved") + 1] if "saved" in words[:-1] else None
        words = words[:words.index("saved")] if saved else words
        if not words:
            raise ValueError(f"usage: {self.do_what_if.__doc__}")
        self._say(self._ask("what_if", change=words[0], by=float(words[1]) if len(words) > 1 else None, saved=saved))

    def do_compare(self, arg: str) -> None:
        """compare: the branch (or the pass with its edits) beside the pass without"""
        self._say(self._ask("compare"))

    def do_drop(self, arg: str) -> None:
        """drop [N]: forget the branch, or its change N (from 0)"""
        self._say(self._ask("drop", change=int(arg) if arg else None) or "there is no branch any more")

    def do_keep(self, arg: str) -> bool:
        """keep: complete the pass with the changes of the branch"""
        return self._move("keep")

    # -- breakpoints -----------------------------------------------------------------------------------------------------------------

    def do_break(self, arg: str) -> None:
        """break op=log when=nonfinite | module=head norm_above=1e3 | parameter=fc.weight | line=train.py:12 | forward=1 op=relu | exception=1 ... (b)"""
        if not arg.strip():
            self.do_breakpoints("")
            return
        self._say(repr(breakpoints[break_command(self.machine.tape, "break.add", fields_of(arg))["id"]]))

    def do_breakpoints(self, arg: str) -> None:
        """breakpoints: all of them (bl)"""
        self._say(repr(breakpoints))

    def do_change(self, arg: str) -> None:
        """change ID FIELD=VALUE ...: edit a breakpoint; enabled=0 disables it, ignore=3 lets it pass three times"""
        which, _, fields = arg.partition(" ")
        self._say(repr(breakpoints[break_command(None, "break.edit", {"id": int(which), **fields_of(fields)})["id"]]))

    def do_delete(self, arg: str) -> None:
        """delete ID | all"""
        if arg.strip() == "all":
            break_command(None, "break.clear", {})
        else:
            break_command(None, "break.remove", {"id": int(arg)})
        self.do_breakpoints("")

    def _at(self) -> Any:
        at = self.machine.at
        if at is None:
            raise RuntimeError("the pass is over")
        return at

    def _ask(self, verb: str, **args: Any) -> str:
        return str(command(self.machine.tape, "debug." + verb, args).get("words", ""))


def fields_of(text: str) -> dict[str, Any]:
    """'op=log norm_above=1e3' as the fields of a breakpoint; ValueError says what is not understood."""
    found: dict[str, Any] = {}
    for word in shlex.split(text):
        name, equals, value = word.partition("=")
        if not equals or name not in FIELDS:
            raise ValueError(f"{word!r} is no field of a breakpoint; they are written name=value: {', '.join(FIELDS)}")
        try:
            found[name] = _READ.get(name, str)(value)
        except ValueError:
            raise ValueError(f"{name} cannot be {value!r}") from None
    return found


def _span(value: str) -> Any:
    first, dash, last = value.partition("-")
    return (int(first), int(last)) if dash else int(first)


def _line(value: str) -> tuple[str, int]:
    file, _, line = value.rpartition(":")
    return file, int(line)


def _truth(value: str) -> bool:
    if value.lower() not in ("1", "0", "true", "false", "yes", "no"):
        raise ValueError(value)
    return value.lower() in ("1", "true", "yes")


_READ: dict[str, Callable[[str], Any]] = {
    "norm_above": float, "norm_below": float, "factor": float, "nth": int, "ignore": int, "step": _span, "line": _line,
    "shape": lambda v: tuple(None if s in ("*", "") else int(s) for s in v.split(",")), **dict.fromkeys(("forward", "exception", "once", "enabled"), _truth)}
