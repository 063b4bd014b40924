"""Configuring and building one preset."""

import shutil

from harness import JOBS, ROOT, StageFailed, Tally, command, errors_of, last_step, tail


def folder(preset):
    return ROOT / "build" / preset


def configure(preset):
    log = folder(preset) / "logs" / "configure.log"
    if command(["cmake", "--preset", preset], log, seconds=600) != 0:
        raise StageFailed(f"cmake --preset {preset} failed:\n{tail(log)}")


def build(preset, targets, seconds=3600):
    """Builds `targets` (none: all of them). A build that works counts nothing; one that does not fails the stage."""
    if not shutil.which("ninja"):
        raise StageFailed("ninja is missing; run packaging/install-dependencies build test")
    configure(preset)
    log = folder(preset) / "logs" / "build.log"
    code = command(["ninja", "-C", folder(preset), f"-j{JOBS}", *targets], log, seconds=seconds, progress=last_step)
    if code != 0:
        raise StageFailed(f"the build failed:\n{errors_of(log)}")
    return Tally()
