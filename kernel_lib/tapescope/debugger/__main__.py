"""`python -m tapescope.debugger script.py`: runs a script, and steps its backward passes in the terminal."""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from . import pause, watch
from .points import breakpoints
from .terminal import Terminal, fields_of


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the script under the terminal stepper. Returns the exit status; what the script raises passes through."""
    parser = argparse.ArgumentParser(prog="python -m tapescope.debugger", description="Runs a script, and pauses its passes where breakpoints are; without any, "
                                     "before the first node of the first backward pass. `help` at the prompt lists what can be typed.")
    parser.add_argument("-b", "--break", dest="points", action="append", default=[], metavar="FIELDS", help='a breakpoint, as in -b "op=log when=nonfinite" or -b "module=head norm_above=1e3"')
    parser.add_argument("-e", "--exception", action="store_true", help="pause where something raises")
    parser.add_argument("-m", dest="module", action="store_true", help="the script is the name of a module")
    parser.add_argument("script", help="the script to run")
    parser.add_argument("args", nargs=argparse.REMAINDER, help="its arguments")
    given = parser.parse_args(argv)
    try:
        for text in given.points:
            breakpoints.add(**fields_of(text))
    except (TypeError, ValueError) as error:
        parser.error(str(error))
    if given.exception:
        breakpoints.add(exception=True)
    if not len(breakpoints):
        breakpoints.add(norm_above=-1.0, once=True, text="the first node of the first backward pass")
    watch.always = True
    watch.sync()
    terminal = Terminal()
    pause.hosts.insert(0, terminal.serve)
    sys.argv = [given.script, *given.args]
    try:
        if given.module:
            sys.path.insert(0, "")
            runpy.run_module(given.script, run_name="__main__", alter_sys=True)
        else:
            if not Path(given.script).is_file():
                parser.error(f"there is no file {given.script!r}")
            sys.path.insert(0, str(Path(given.script).resolve().parent))
            runpy.run_path(given.script, run_name="__main__")
    finally:
        pause.hosts.remove(terminal.serve)
        watch.always = False
        watch.sync()
    if not terminal.stops:
        print("tapescope: no breakpoint was met" + ("" if len(breakpoints) == 0 else ":\n" + repr(breakpoints)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
