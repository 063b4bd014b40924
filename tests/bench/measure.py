"""What the benchmark scripts share: processes, ports, memory, and the line of JSON."""

import json
import socket
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "release"


def rounded(value):
    return float(f"{value:.3g}")


def report(name, figure, unit, peer, peer_figure, aim=None):
    line = {"name": name, "figure": rounded(figure), "unit": unit, "peer": peer, "peer_figure": rounded(peer_figure),
            "ratio": rounded(figure / peer_figure)}
    if aim:
        line["aim"] = aim
    print(json.dumps(line), flush=True)


def note(text):
    print(f"   {text}", file=sys.stderr, flush=True)


def free_ports(count):
    """Ports that nobody listened on a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def resident_bytes(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has no VmRSS")


@contextmanager
def process(arguments, **more):
    """A process that is told to stop at the end, and made to when it does not."""
    started = subprocess.Popen([str(word) for word in arguments], stdin=subprocess.DEVNULL, **more)
    try:
        yield started
    finally:
        if started.poll() is None:
            started.terminate()
            try:
                started.wait(timeout=30)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


@contextmanager
def http_server(*tls):
    """The benchmark's own server on the HTTP front; yields (process, port)."""
    with process([BUILD / "bench" / "http_server", *tls], stdout=subprocess.PIPE, text=True) as server:
        line = server.stdout.readline().strip()
        if not line.isdigit():
            raise RuntimeError("http_server did not say its port")
        yield server, int(line)


@contextmanager
def scratch():
    with tempfile.TemporaryDirectory(prefix="drover-bench-") as folder:
        yield Path(folder)


def certificate(folder):
    """A self-signed one for localhost: (certificate file, key file)."""
    chain, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", "/CN=localhost", "-days", "2", "-keyout", key, "-out", chain],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return chain, key


median = statistics.median
