"""Where Chromium is; run as a script, brings one when there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

# No GPU (software GL makes Canvas2D many times slower), and nothing that calls home.
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-domain-reliability"]


def runs(path: str | None) -> bool:
    """Whether it starts: on some systems the command is a stub that asks for another package."""
    if not path or not Path(path).exists():
        return False
    return subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0


def find() -> str | None:
    """The path of a Chromium that runs: $TAPESCOPE_CHROMIUM, the system's, or Playwright's own."""
    for candidate in (os.environ.get("TAPESCOPE_CHROMIUM"), *map(shutil.which, NAMES)):
        if runs(candidate):
            return candidate
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if runs(own) else None


def install() -> None:
    """The system's package where we may install it, else Playwright's."""
    if os.geteuid() == 0 and shutil.which("apt-get") and Path("/etc/debian_version").exists():
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], check=False)
        if find():
            return
        subprocess.run([sys.executable, "-m", "playwright", "install", "--with-deps", "chromium"], check=True)
    else:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


if __name__ == "__main__":
    if not find():
        print("no Chromium here: installing one", flush=True)
        install()
    found = find()
    if not found:
        sys.exit("Chromium could not be installed. Install it by hand, or name one in TAPESCOPE_CHROMIUM.")
    print(found)
