"""An idle composed server (config/single.properties): resident memory, and exec to ready."""

import http.client
import os
import socket
import subprocess
import time

from measure import BUILD, ROOT, free_ports, median, process, report, resident_bytes, scratch

ROUNDS = 7
MOST_MEGABYTES, MOST_MILLISECONDS = 18, 100
PATIENCE = 30


def wait_until_ready(port, server):
    """Asks as soon as the port is open; connecting again costs far less than what is measured."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if server.poll() is not None:
            raise RuntimeError(f"the server left with exit status {server.returncode}")
        try:
            asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            asked.request("GET", "/readyz")
            if asked.getresponse().status == 200:
                return
        except (ConnectionError, socket.timeout):
            pass
        finally:
            asked.close()
        os.sched_yield()
    raise RuntimeError(f"the server was not ready within {PATIENCE} s")


def settled_memory(pid):
    """Resident bytes once two looks in a row agree."""
    last = 0
    while (now := resident_bytes(pid)) != last:
        last = now
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            os.sched_yield()
    return now


def main():
    times, memory = [], []
    with scratch() as home:
        for number in range(ROUNDS):
            api, agent, ops = free_ports(3)
            began = time.monotonic()
            with process([BUILD / "bin" / "drover", "server", "--config", ROOT / "config" / "single.properties",
                          "-D", f"server.home={home}", "-D", f"api.listen=127.0.0.1:{api}",
                          "-D", f"agent.listen=127.0.0.1:{agent}", "-D", f"ops.listen=127.0.0.1:{ops}"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
                wait_until_ready(ops, server)
                if number > 0:  # the first makes the database
                    times.append((time.monotonic() - began) * 1e3)
                memory.append(settled_memory(server.pid) / 1e6)
    report("idle_server_memory", median(memory), "MB resident", "limit", MOST_MEGABYTES, "at most 1")
    report("idle_server_ready", median(times), "ms from exec to ready", "limit", MOST_MILLISECONDS, "at most 1")


if __name__ == "__main__":
    main()
