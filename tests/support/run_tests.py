"""The body of tests/run."""

import argparse
import contextlib
import os
import signal
import socket
import sys
import tempfile

import build
import cases
import faults
import fuzzers
from harness import ROOT, Run, StageFailed, Tally, command, require_python, say, tail

QUICK = "^(unit|conformance)$"
REST = "^(integration|e2e)$"


def parse(arguments):
    parser = argparse.ArgumentParser(prog="tests/run", description="Builds and tests Drover. Without options: all that "
                                     "a change must pass, sanitizers and linting included.")
    parser.add_argument("--quick", action="store_true", help="unit and conformance tests of the release build only")
    parser.add_argument("--filter", metavar="REGEX", help="only the cases whose name matches, of every label")
    parser.add_argument("--preset", metavar="NAME", help="test this preset only (see CMakePresets.json)")
    parser.add_argument("--stage", metavar="NAME", action="append", help="only this stage; may be repeated: "
                        "lint, release, asan, tsan, fuzz")
    parser.add_argument("--fault-seconds", type=float, metavar="S",
                        default=float(os.environ.get("DROVER_FAULT_SECONDS", "480")),
                        help="wall time for all fault tests together (default %(default)s, at most 1200)")
    parser.add_argument("--fuzz-seconds", type=float, default=120, metavar="S",
                        help="time for all fuzzers together (default %(default)s)")
    long_run = parser.add_argument_group("the long run: every fault test with its full count, resumed by its ledger")
    long_run.add_argument("--long", action="store_true")
    long_run.add_argument("--ledger", metavar="FILE", default=str(ROOT / "build" / "ledger.jsonl"))
    long_run.add_argument("--shard", type=int, metavar="N", default=20, help="cases per entry of the ledger")
    long_run.add_argument("--minutes", type=float, metavar="M", help="begin no shard after this time")
    long_run.add_argument("--jobs", type=int, metavar="N", default=1, help="fault tests at the same time")
    options = parser.parse_args(arguments)
    if options.quick and options.long:
        parser.error("--quick and --long exclude each other")
    return options


def jobs():
    return max(2, os.cpu_count() or 2)


def lint():
    """tests/lint prints one line for each of its checks: 'ok NAME', 'not ok NAME' or 'skip NAME: reason'."""
    log = ROOT / "build" / "logs" / "lint.log"
    code = command([ROOT / "tests" / "lint", "--lines"], log, seconds=900)
    tally = Tally()
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("ok "):
            tally.passed += 1
        elif line.startswith("not ok "):
            tally.failures.append("lint: " + line[7:])
        elif line.startswith("skip "):
            name, _, reason = line[5:].partition(": ")
            tally.skips.append(("lint: " + name, reason))
    if tally.failures:
        say(tail(log, 200))
    if code != 0 and not tally.failures:
        raise StageFailed(f"tests/lint failed:\n{tail(log)}")
    return tally


def sanitized(run, preset, target, title):
    """One sanitizer: builds only the tests it is for, and runs what is built. Cases not built bear no label."""
    if run.stage(f"{title}: build", lambda: build.build(preset, [target])):
        run.stage(f"{title}: tests", lambda: cases.run_cases(preset, target, label=QUICK, jobs=jobs()))


def fuzz(run, seconds):
    """Every fuzzer for its share of `seconds`."""
    if not run.stage("fuzzers: build", lambda: build.build(fuzzers.PRESET, ["fuzzers"])):
        return

    def all_of_them():
        programs, tally = fuzzers.programs(), Tally()
        for program in programs:
            tally.add(fuzzers.run_one(program, max(5, seconds / len(programs))))
        return tally
    run.stage("fuzzers", all_of_them)


def fail(why):
    raise StageFailed(why)


def release(run, options):
    preset = options.preset or "release"
    targets = ["product", "tests_unit", "tests_conformance"] if options.quick else []
    if not run.stage(f"{preset}: build", lambda: build.build(preset, targets)):
        return
    if options.filter:
        run.stage(f"{preset}: cases that match '{options.filter}'",
                  lambda: cases.run_cases(preset, "filter", pattern=options.filter, jobs=jobs()))
        return
    run.stage(f"{preset}: unit and conformance tests",
              lambda: cases.run_cases(preset, "quick", label=QUICK, jobs=jobs()))
    if options.quick:
        return
    run.stage(f"{preset}: integration and end-to-end tests",
              lambda: cases.run_cases(preset, "rest", label=REST, jobs=jobs(), at_least=0))
    if preset == "release":
        run.stage("release: quickstart", quickstart)
    run.stage(f"{preset}: fault tests", lambda: faults.run_share(preset, options.fault_seconds, jobs()))
    unlabelled(run, preset)


def quickstart():
    """The first command of the README, on ports and a home of its own."""
    log = build.folder("release") / "logs" / "quickstart-test.log"
    with contextlib.ExitStack() as held, tempfile.TemporaryDirectory(prefix="drover-quickstart-") as home:
        sockets = [held.enter_context(socket.socket()) for _ in range(3)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        api, agent, ops = (f"127.0.0.1:{one.getsockname()[1]}" for one in sockets)
        held.close()
        code = command([ROOT / "packaging" / "quickstart", "--once", "--home", home, "--api", api, "--agent", agent,
                        "--ops", ops], log, seconds=600)
    said = log.read_text(errors="replace")
    wanted = ("Did you mean api.listen?", "On its console: drover guest", "kill -9",
              "Every machine went from requested to removed.", "ready: ", "\npong\n", "drover_processes_total",
              "Stopped after")
    missing = [one.strip() for one in wanted if one not in said]
    if code != 0 or missing:
        say(f"   FAILED packaging/quickstart --once: exit status {code}, not said: {missing}\n{tail(log)}")
        return Tally(failures=["packaging/quickstart --once"])
    return Tally(passed=1)


def unlabelled(run, preset):
    """A case without a known label would never run: that is a failure of its CMake line."""
    def check():
        labels = {"unit", "conformance", "integration", "fault", "e2e"}
        lost = [case["name"] for case in cases.known(preset) if not labels & set(case["labels"])]
        if lost:
            raise StageFailed("these cases bear no known label, so no stage runs them: " + ", ".join(lost[:20]))
        return Tally(passed=1)
    run.stage(f"{preset}: every case belongs to a stage", check)


def main():
    require_python()
    options = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started is ended
    run = Run()
    try:
        if options.long:
            preset = options.preset or "release"
            if run.stage(f"{preset}: build", lambda: build.build(preset, [])):
                run.stage("fault tests, counted", lambda: faults.run_long(
                    preset, options.ledger, options.shard, options.jobs, options.minutes, options.filter))
            return run.close()
        only_release = options.quick or options.filter or options.preset
        stages = options.stage or (["release"] if only_release else ["lint", "release", "asan", "tsan", "fuzz"])
        for stage in stages:
            if stage == "release":
                release(run, options)
            elif stage == "lint":
                run.stage("lint", lint)
            elif stage == "asan":
                sanitized(run, "ci", "sanitizer_tests", "address and undefined-behaviour sanitizers")
            elif stage == "tsan":
                sanitized(run, "tsan", "thread_tests", "thread sanitizer")
            elif stage == "fuzz":
                fuzz(run, options.fuzz_seconds)
            else:
                run.stage(stage, lambda: fail(f"there is no stage '{stage}'"))
    except KeyboardInterrupt:
        run.tally.failures.append("interrupted")
    return run.close()


if __name__ == "__main__":
    sys.exit(main())
