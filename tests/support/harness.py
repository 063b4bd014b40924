"""Stages of a test run, what they counted, and commands that may take long."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
JOBS = (os.cpu_count() or 2) + 1


def say(text=""):
    print(text, flush=True)


@dataclass
class Tally:
    """What a run has counted so far."""

    passed: int = 0
    failures: list = field(default_factory=list)
    skips: list = field(default_factory=list)  # (name, reason)

    def add(self, other):
        self.passed += other.passed
        self.failures += other.failures
        self.skips += other.skips

    def closing_line(self):
        line = f"{self.passed} passed, {len(self.failures)} failed"
        return f"{line}, {len(self.skips)} skipped" if self.skips else line


class StageFailed(Exception):
    """A stage could not do its work; the text says why."""


class Run:
    """All stages of one call. Each is announced, timed, and counts as failed when it could not run."""

    def __init__(self):
        self.tally = Tally()
        self.times = []

    def stage(self, name, work):
        """Runs `work() -> Tally`; returns whether the stage did its work (its tests may have failed)."""
        say(f"\n== {name}")
        began = time.monotonic()
        counted, did_work = Tally(), True
        try:
            counted = work() or Tally()
        except StageFailed as failure:
            say(f"   {failure}")
            counted.failures.append(f"stage '{name}'")
            did_work = False
        seconds = time.monotonic() - began
        self.tally.add(counted)
        self.times.append((name, seconds, counted))
        say(f"-- {name}: {counted.closing_line()}, {seconds:.0f} s")
        return did_work

    def close(self):
        """Prints the summary and the closing line; returns the exit code."""
        if self.tally.skips:
            say("\nSkipped:")
            for name, reason in self.tally.skips:
                say(f"  {name}: {reason}")
        if self.tally.failures:
            say("\nFailed:")
            for name in self.tally.failures:
                say(f"  {name}")
        say("\nTime:")
        for name, seconds, counted in self.times:
            say(f"  {seconds:6.0f} s  {name} ({counted.closing_line()})")
        say(f"  {sum(seconds for _, seconds, _ in self.times):6.0f} s  in all\n")
        if not self.tally.passed and not self.tally.failures:
            self.tally.failures.append("nothing ran")
        say(self.tally.closing_line())
        return 1 if self.tally.failures else 0


def tail(path, lines=40):
    """The end of a log, without the progress lines of ninja."""
    text = Path(path).read_text(errors="replace").splitlines()
    kept = [line for line in text if not re.match(r"\[\d+/\d+\]", line)]
    return "\n".join(kept[-lines:])


def errors_of(path, lines=60):
    """What a compiler complained about first; the tail of the log when it did not."""
    text = Path(path).read_text(errors="replace").splitlines()
    for number, line in enumerate(text):
        if line.startswith("FAILED:"):
            return "\n".join(text[number:number + lines])
    return tail(path, lines)


def command(arguments, log, *, seconds, env=None, cwd=ROOT, progress=None):
    """Runs a command with its output in `log`; says once a minute that it still runs. Returns its exit code.

    A command that exceeds `seconds` is ended with everything it started, and the stage fails.
    """
    log = Path(log)
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with open(log, "wb") as out:
        process = subprocess.Popen([str(a) for a in arguments], cwd=cwd, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT, env={**os.environ, **(env or {})},
                                   start_new_session=True)
        try:
            while True:
                left = began + seconds - time.monotonic()
                if left <= 0:
                    raise StageFailed(f"{Path(arguments[0]).name} did not end within {seconds:.0f} s; "
                                      f"its last words:\n{tail(log)}")
                try:
                    return process.wait(timeout=min(60, left))
                except subprocess.TimeoutExpired:
                    say(f"   ... {progress(log) if progress else 'running'} ({time.monotonic() - began:.0f} s)")
        finally:
            if process.poll() is None:
                end_session(process)


def end_session(process):
    """Ends a process started with its own session, and all that it started."""
    for which in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, which)
            process.wait(timeout=10)
            return
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return


def last_step(log):
    """'412/600' from ninja's or ctest's output."""
    with open(log, "rb") as file:
        file.seek(max(0, log.stat().st_size - 4000))
        text = file.read().decode(errors="replace")
    steps = re.findall(r"\[(\d+/\d+)\]|^\s*(\d+/\d+) Test ", text, re.MULTILINE)
    return "step " + next(filter(None, steps[-1])) if steps else "running"


def git(*arguments):
    """Output of a git command, or nothing when it fails."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def require_python():
    if sys.version_info < (3, 9):
        sys.exit("tests/run needs Python 3.9 or later")
