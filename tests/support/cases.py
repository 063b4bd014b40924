"""Running cases with ctest, and reading what became of each."""

import json
import re
import subprocess
import xml.etree.ElementTree as xml

from build import folder
from harness import ROOT, StageFailed, Tally, command, last_step, say, tail

# Halting at the first finding makes a sanitizer's report a failed case.
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "halt_on_error=1:detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": f"halt_on_error=1:second_deadlock_stack=1:suppressions={ROOT}/tests/support/tsan.supp",
    "LSAN_OPTIONS": f"suppressions={ROOT}/tests/support/lsan.supp",
}
SKIPPED_BY_TEST = "SKIP_REGULAR_EXPRESSION_MATCHED"


def known(preset, label=None):
    """The cases of a built preset as ctest lists them: name, command, labels, timeout."""
    selection = ["-L", label] if label else []
    done = subprocess.run(["ctest", "--show-only=json-v1", *selection], cwd=folder(preset), capture_output=True,
                          text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise StageFailed(f"ctest cannot list the cases: {done.stderr.strip()[-2000:]}")
    listed = []
    for case in json.loads(done.stdout)["tests"]:
        properties = {one["name"]: one["value"] for one in case.get("properties", [])}
        listed.append({"name": case["name"], "command": case.get("command"),
                       "labels": properties.get("LABELS", []), "timeout": properties.get("TIMEOUT", 1500),
                       "folder": properties.get("WORKING_DIRECTORY")})
    return listed


def reason_of_skip(output):
    """GTEST_SKIP prints 'FILE:LINE: Skipped' and then the reason."""
    found = re.search(r": Skipped\n(.*)", output)
    return found.group(1).strip() if found and found.group(1).strip() else "no reason given"


def read_results(path):
    """A Tally from ctest's JUnit file; prints what failed."""
    tally = Tally()
    for case in xml.parse(path).getroot().iter("testcase"):
        name, status = case.get("name"), case.get("status")
        output = case.findtext("system-out") or ""
        skipped = case.find("skipped")
        if status == "run":
            tally.passed += 1
        elif status == "notrun" and skipped is not None and skipped.get("message") == SKIPPED_BY_TEST:
            tally.skips.append((name, reason_of_skip(output)))
        elif status == "disabled":
            tally.skips.append((name, "disabled in its source"))
        else:
            why = (case.find("failure").get("message") if case.find("failure") is not None else "") or status
            say(f"   FAILED {name} ({why})")
            say("\n".join("     | " + line for line in output.strip().splitlines()[-60:]))
            tally.failures.append(name)
    return tally


def run_cases(preset, title, *, label=None, pattern=None, seconds=3600, jobs=2, env=None, at_least=1):
    """Runs the cases that bear a label (a regular expression) or match a pattern."""
    base = folder(preset)
    results = base / "results" / f"{title}.xml"
    results.parent.mkdir(parents=True, exist_ok=True)
    results.unlink(missing_ok=True)
    selection = (["-L", label] if label else []) + (["-R", pattern] if pattern else [])
    log = base / "logs" / f"ctest-{title}.log"
    command(["ctest", *selection, f"-j{jobs}", "--output-on-failure", "--output-junit", results,
             "--test-output-size-failed", "60000", "--test-output-size-passed", "20000"],
            log, seconds=seconds, cwd=base, progress=last_step, env={**SANITIZER_ENVIRONMENT, **(env or {})})
    if not results.exists():
        raise StageFailed(f"ctest ran nothing:\n{tail(log)}")
    tally = read_results(results)
    ran = tally.passed + len(tally.failures) + len(tally.skips)
    if ran < at_least:
        raise StageFailed(f"{ran} cases were found, at least {at_least} were expected")
    return tally
