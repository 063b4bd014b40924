"""Fuzzers: finding and running them. tests/fuzz/run and the fuzz stage of tests/run."""

import random
import re

import build
from cases import SANITIZER_ENVIRONMENT
from harness import StageFailed, Tally, command, say, tail

PRESET = "fuzz"


def programs():
    """Every fuzzer of the build, by name: CMake leaves a file beside each, with its corpus and its dictionary."""
    found = sorted(path.with_suffix("") for path in (build.folder(PRESET) / "fuzzers").glob("*.fuzzer"))
    found = [path for path in found if path.exists()]
    if not found:
        raise StageFailed("no fuzzer is declared (drover_fuzz in tests/fuzz/CMakeLists.txt)")
    return found


def run_one(program, seconds, indent="   "):
    """One fuzzer from its corpus and what earlier runs here found. What it crashes on is kept among the latter, so
    that the next run begins with it. Prints one line, and the report of a crash."""
    corpus, dictionary = program.with_suffix(".fuzzer").read_text().split("\n")[:2]
    found = program.parent / "found" / program.name
    found.mkdir(parents=True, exist_ok=True)
    seed = random.SystemRandom().randrange(1, 1 << 31)
    log = build.folder(PRESET) / "logs" / f"{program.name}.log"
    options = [f"-max_total_time={seconds:.0f}", f"-seed={seed}", "-timeout=20", "-rss_limit_mb=3000", "-max_len=4096",
               "-print_final_stats=1", f"-artifact_prefix={found}/crash-of-"]
    if dictionary:
        options.append(f"-dict={dictionary}")
    code = command([program, *options, found, *filter(None, [corpus])], log, seconds=seconds + 300,
                   env=SANITIZER_ENVIRONMENT)
    if code != 0:
        say(f"{indent}not ok {program.name}: -seed={seed}; the input is in {found}:\n{tail(log)}")
        return Tally(failures=[program.name])
    text = log.read_text(errors="replace")
    ran = re.search(r"number_of_executed_units: (\d+)", text)
    covered = re.findall(r" cov: (\d+) ft: \d+ corp: (\d+)", text)
    say(f"{indent}ok {program.name}: {ran.group(1) if ran else '?'} inputs"
        + (f", {covered[-1][0]} edges, {covered[-1][1]} inputs kept" if covered else "") + f", -seed={seed}")
    return Tally(passed=1)
