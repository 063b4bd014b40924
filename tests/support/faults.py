"""Fault tests: a fixed share of time in the normal run, counted in the long one.

A fault test draws cases with the help of tests/support/include/drover/test/fault_cases.hpp, which
reads DROVER_FAULT_SECONDS, DROVER_FAULT_COUNT and DROVER_TEST_SEED, and reports to DROVER_FAULT_REPORT.
"""

import datetime
import json
import os
import random
import re
import shlex
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import build
import cases
from harness import JOBS, ROOT, StageFailed, Tally, command, git, say, tail

MOST_SECONDS = 20 * 60  # of wall time, in a normal run, for the whole project
MOST_SECONDS_OF_ONE = 60


def read_lines(path):
    """The objects of a file of JSON lines; a torn last line of a run that was killed is left out."""
    lines = []
    if Path(path).exists():
        for line in Path(path).read_text().splitlines():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:
                continue
    return lines


def run_share(preset, seconds, jobs=2):
    """Runs every fault test once, all of them together for about `seconds` of wall time."""
    seconds = min(seconds, MOST_SECONDS)
    tests = cases.known(preset, "^fault$")
    if not tests:
        return Tally()
    share = max(1.0, min(MOST_SECONDS_OF_ONE, seconds * jobs / len(tests)))
    seed = random.SystemRandom().getrandbits(63)
    report = build.folder(preset) / "results" / "faults.jsonl"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    say(f"   {len(tests)} fault tests, {share:.0f} s each, DROVER_TEST_SEED={seed}")
    tally = cases.run_cases(preset, "fault", label="^fault$", jobs=jobs, seconds=MOST_SECONDS + 20 * 60,
                            env={"DROVER_FAULT_SECONDS": f"{share:.1f}", "DROVER_TEST_SEED": str(seed),
                                 "DROVER_FAULT_REPORT": str(report)})
    for line in read_lines(report):
        say(f"   {line['name']}: {line['count']} cases" + ("" if line["passed"] else f", FAILED at {line['seed']}"))
    return tally


class Ledger:
    """What the long run has done so far; survives being killed at any moment."""

    def __init__(self, path):
        self.path = Path(path)
        self.lines = read_lines(self.path)
        self.lock = threading.Lock()

    def add(self, line):
        with self.lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            torn = self.path.exists() and not self.path.read_bytes().endswith(b"\n") and self.path.stat().st_size > 0
            with open(self.path, "a") as file:
                file.write(("\n" if torn else "") + json.dumps(line) + "\n")
                file.flush()
                os.fsync(file.fileno())
            self.lines.append(line)

    def missing(self, test, shard):
        """How many cases the next shard of a ctest case should draw; 0 when it has its count."""
        with self.lock:
            done, wanted = {}, {}
            for line in self.lines:
                if line["test"] == test:
                    done[line["name"]] = done.get(line["name"], 0) + (line["count"] if line["passed"] else 0)
                    wanted[line["name"]] = line["wanted"]
        if not any(wanted.values()):
            return shard
        return min(shard, max(0, max(wanted[name] - done[name] for name in wanted)))


def run_shard(test, count, ledger, scratch):
    """Runs one shard of one ctest case and enters what it did; returns whether it passed."""
    seed = random.SystemRandom().getrandbits(63)
    slug = re.sub(r"\W+", "_", test["name"])
    report = scratch / f"{slug}.jsonl"
    report.unlink(missing_ok=True)
    log = scratch / f"{slug}.log"
    env = {"DROVER_FAULT_COUNT": str(count), "DROVER_TEST_SEED": str(seed), "DROVER_FAULT_REPORT": str(report)}
    try:
        code = command(test["command"], log, seconds=4 * 3600, env=env, cwd=test["folder"] or ROOT)
    except StageFailed as failure:
        say(f"   {failure}")
        code = -1
    common = {"test": test["name"], "commit": git("rev-parse", "--short", "HEAD") or "unknown",
              "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}
    lines = read_lines(report)
    skipped = "[  SKIPPED ]" in log.read_text(errors="replace")
    if skipped:
        raise StageFailed(f"{test['name']} skipped itself: {cases.reason_of_skip(log.read_text(errors='replace'))}")
    if code == 0 and not lines:
        lines = [{"name": test["name"], "count": 1, "wanted": 1, "seed": seed, "passed": True}]
    if code != 0 and all(line["passed"] for line in lines):
        lines = lines or [{"name": test["name"], "count": 0, "wanted": 0}]  # it died before it could report
        for line in lines:
            line.update(passed=False, seed=seed)
    for line in lines:
        ledger.add({**line, **common})
    if code != 0:
        say(f"   FAILED {test['name']}; again with:\n     DROVER_TEST_SEED={seed} DROVER_FAULT_COUNT={count} "
            f"{shlex.join(test['command'])}\n{tail(log)}")
    return code == 0


def run_long(preset, ledger_path, shard, jobs, minutes, pattern):
    """Draws every fault test's full count, shard by shard, resuming where the ledger ends."""
    ledger = Ledger(ledger_path)
    tests = [one for one in cases.known(preset, "^fault$") if re.search(pattern or "", one["name"])]
    if not tests:
        raise StageFailed("there are no fault tests" + (f" that match {pattern}" if pattern else ""))
    scratch = build.folder(preset) / "long"
    scratch.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + minutes * 60 if minutes else None
    tally = Tally()

    def work_off(test):
        shards = 0
        while (count := ledger.missing(test["name"], shard)) and not (until and time.monotonic() > until):
            try:
                good = run_shard(test, count, ledger, scratch)
            except StageFailed as failure:
                return test["name"], "skipped", str(failure)
            shards += 1
            say(f"   {test['name']}: {count} more {'passed' if good else 'FAILED'}")
            if not good:
                return test["name"], "failed", ""
        left = ledger.missing(test["name"], shard)
        return test["name"], "open" if left else "done", f"{left} or more cases are left for the next call"

    with ThreadPoolExecutor(jobs) as pool:
        for name, outcome, why in pool.map(work_off, tests):
            if outcome == "failed":
                tally.failures.append(name)
            elif outcome == "done":
                tally.passed += 1
            else:
                tally.skips.append((name, why))
    say(f"   the ledger is {ledger.path}; tests/reliability-report writes docs/reliability.md from it")
    return tally
