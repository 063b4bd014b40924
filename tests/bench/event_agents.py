"""One agent server with 10,000 event:// agents over WebSocket, pinged, and 1,000 commands a second among them.

DROVER_TEST_BENCH_AGENTS, DROVER_TEST_BENCH_COMMANDS and DROVER_TEST_BENCH_SECONDS make it smaller. The agents live in
processes of their own; each has the key of its own account, and answers what it is asked at once.
"""

import base64
import collections
import http.client
import json
import os
import re
import selectors
import socket
import subprocess
import sys
import threading
import time

from idle_server import wait_until_ready
from measure import BUILD, ROOT, free_ports, note, process, report, resident_bytes, scratch

AGENTS = int(os.environ.get("DROVER_TEST_BENCH_AGENTS", "10000"))
COMMANDS = int(os.environ.get("DROVER_TEST_BENCH_COMMANDS", "1000"))  # a second
SECONDS = int(os.environ.get("DROVER_TEST_BENCH_SECONDS", "20"))
CLIENTS = 2
SENDERS = 4
AT_ONCE = 100  # agents made before their sockets are opened, so that nobody waits long for its first answer
MOST_SECONDS = 600
LONGEST_MILLISECONDS = 15_000  # what a command waits at most


def ask(connection, method, target, body=None):
    connection.request(method, target, json.dumps(body) if body is not None else None)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {target}: {answer.status} {text[:300]!r}")
    return json.loads(text)


class Publisher:
    """Replies go out on a few connections, several at a time on each."""

    MOST_UNDER_WAY = 8

    def __init__(self, port, selector, connections=16):
        self.waiting, self.selector, self.late = collections.deque(), selector, 0
        self.lines = []
        for _ in range(connections):
            line = {"socket": socket.create_connection(("127.0.0.1", port)), "under_way": 0, "read": b""}
            selector.register(line["socket"], selectors.EVENT_READ, (self.read, line))
            self.lines.append(line)

    def send(self, authorization, event):
        body = json.dumps(event).encode()
        self.waiting.append(b"POST /v1/publish HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic " + authorization +
                            b"\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body)
        self.flush()

    def flush(self):
        for line in self.lines:
            batch = b""
            while self.waiting and line["under_way"] < self.MOST_UNDER_WAY:
                batch += self.waiting.popleft()
                line["under_way"] += 1
            if batch:
                line["socket"].sendall(batch)

    def read(self, line):
        got = line["socket"].recv(65536)
        if not got:
            raise RuntimeError("the server closed a connection for replies")
        line["read"] += got
        while (end := line["read"].find(b"\r\n\r\n")) >= 0:
            head = line["read"][:end]
            whole = end + 4 + int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
            if len(line["read"]) < whole:
                break
            if head.startswith(b"HTTP/1.1 403 "):
                self.late += 1  # nobody waits for it any more
            elif not head.startswith(b"HTTP/1.1 201 "):
                raise RuntimeError(f"a reply was refused: {line['read'][:whole]!r}")
            line["read"] = line["read"][whole:]
            line["under_way"] -= 1
        self.flush()


class Agents:
    def __init__(self, port, selector, publisher):
        self.port, self.selector, self.publisher = port, selector, publisher

    def connect(self, user, secret):
        authorization = base64.b64encode(f"{user}:{secret}".encode())
        opened = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        key = base64.b64encode(os.urandom(16))
        opened.sendall(b"GET /v1/subscribe?eventNames=ping&eventNames=bench.run HTTP/1.1\r\nHost: localhost\r\n"
                       b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
                       key + b"\r\nAuthorization: Basic " + authorization + b"\r\n\r\n")
        agent = {"socket": opened, "authorization": authorization, "read": b""}
        while b"\r\n\r\n" not in agent["read"]:
            agent["read"] += opened.recv(65536) or sys.exit("no answer to an upgrade")
        head, agent["read"] = agent["read"].split(b"\r\n\r\n", 1)
        if not head.startswith(b"HTTP/1.1 101 "):
            sys.exit(f"no upgrade: {head[:300]!r}")
        self.selector.register(opened, selectors.EVENT_READ, (self.read, agent))

    def read(self, agent):
        got = agent["socket"].recv(65536)
        if not got:
            raise RuntimeError("an agent's socket was closed")
        data = agent["read"] + got
        while len(data) >= 2:
            size, begin = data[1] & 127, 2
            if size == 126:
                size, begin = int.from_bytes(data[2:4], "big"), 4
            elif size == 127:
                size, begin = int.from_bytes(data[2:10], "big"), 10
            if len(data) < begin + size:
                break
            self.take(agent, data[0] & 15, data[begin:begin + size])
            data = data[begin + size:]
        agent["read"] = data

    def take(self, agent, opcode, payload):
        if opcode == 9:
            agent["socket"].sendall(bytes([0x8A, 0x80 | len(payload), 0, 0, 0, 0]) + payload)
        if opcode != 1:
            return
        event = json.loads(payload)
        if not event["replyTo"]:
            return
        self.publisher.send(agent["authorization"], {
            "name": event["replyTo"], "previousIds": [event["id"]], "resourceType": event["resourceType"],
            "resourceId": event["resourceId"], "data": {}})


def client(number, api, agent_port, count):
    """Makes its agents, opens their sockets, says so, and answers until standard input ends."""
    selector = selectors.DefaultSelector()
    publisher = Publisher(agent_port, selector)
    agents = Agents(agent_port, selector, publisher)
    control = http.client.HTTPConnection("127.0.0.1", api, timeout=60)

    def serve(seconds):
        for key, _ in selector.select(seconds):
            act, what = key.data
            act(what)

    def make(name):
        serve(0)
        return ask(control, "POST", "/v1/agents", {"uri": f"event://{name}"})["id"]

    made = 0
    while made < count:
        batch = [make(f"bench-{number}-{made + i}") for i in range(min(AT_ONCE, count - made))]
        for agent in batch:
            keys = []
            while not keys or keys[0]["state"] != "active" or not keys[0]["secretValue"]:
                account = ask(control, "GET", f"/v1/agents/{agent}")["accountId"]
                keys = ask(control, "GET", f"/v1/credentials?accountId={account}")["data"] if account else []
                serve(0)
            agents.connect(keys[0]["publicValue"], keys[0]["secretValue"])
            serve(0)
        made += len(batch)
        if made % 1_000 == 0:
            print(f"made {made}, {publisher.late} late", flush=True)
    print("open", flush=True)
    selector.register(sys.stdin, selectors.EVENT_READ, (lambda _: sys.exit(0), None))
    while True:
        serve(None)


def metrics(ops):
    asked = http.client.HTTPConnection("127.0.0.1", ops, timeout=30)
    asked.request("GET", "/metrics")
    lines = asked.getresponse().read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def quantile(before, after, share):
    """Of drover_agent_command_seconds, in milliseconds, from its buckets."""
    buckets = []
    for series, value in after.items():
        if found := re.fullmatch(r'drover_agent_command_seconds_bucket\{le="([^"]+)"\}', series):
            buckets.append((float(found.group(1).replace("+Inf", "inf")), value - before.get(series, 0)))
    buckets.sort()
    wanted, lower, below = buckets[-1][1] * share, 0.0, 0.0
    for upper, value in buckets:
        if value >= wanted:
            if upper == float("inf"):
                return lower * 1e3
            return (lower + (upper - lower) * (wanted - below) / max(value - below, 1)) * 1e3
        lower, below = upper, value
    return lower * 1e3


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def send_commands(api, ids, rate, until, sent):
    """`rate` commands a second, at even distances."""
    connection = http.client.HTTPConnection("127.0.0.1", api, timeout=60)
    began, number = time.monotonic(), 0
    while (now := time.monotonic()) < until:
        if number > (now - began) * rate:
            threading.Event().wait(number / rate - (now - began))
            continue
        ask(connection, "POST", "/v1/publish", {
            "name": "agent.request", "resourceType": "agent", "resourceId": ids[(number * 7919) % len(ids)],
            "data": {"name": "bench.run", "data": {"number": number}}})
        number += 1
    sent.append(number)


def active_agents(api):
    connection = http.client.HTTPConnection("127.0.0.1", api, timeout=60)
    ids, target = [], "/v1/agents?limit=1000&state=active&sort=id"
    while target:
        page = ask(connection, "GET", target)
        ids += [agent["id"] for agent in page["data"]]
        following = (page.get("pagination") or {}).get("next")
        target = following[following.index("/v1"):] if following else None
    return ids


def waiting_for(api):
    """What the processes that have not ended say, and how many say it."""
    connection = http.client.HTTPConnection("127.0.0.1", api, timeout=60)
    open_ones = ask(connection, "GET", "/v1/processinstances?limit=1000&endTime_null")["data"]
    return collections.Counter(f"{one['processName']}: {one['reason']}" for one in open_ones).most_common(3)


def main():
    with scratch() as home:
        api, agent, ops = free_ports(3)
        with process([BUILD / "bin" / "drover", "server", "--config", ROOT / "config" / "single.properties",
                      "-D", f"server.home={home}", "-D", f"api.listen=127.0.0.1:{api}",
                      "-D", f"agent.listen=127.0.0.1:{agent}", "-D", f"ops.listen=127.0.0.1:{ops}"],
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            wait_until_ready(ops, server)
            idle = resident_bytes(server.pid)
            clients = [subprocess.Popen([sys.executable, __file__, "client", str(i), str(api), str(agent),
                                         str(AGENTS // CLIENTS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                       for i in range(CLIENTS)]
            began = time.monotonic()
            try:
                for one in clients:
                    while (line := one.stdout.readline().strip()) != "open":
                        if not line:
                            raise RuntimeError("a client could not open its agents")
                        note(f"{line} after {time.monotonic() - began:.0f} s")
                while len(ids := active_agents(api)) < AGENTS // CLIENTS * CLIENTS:
                    note(f"{len(ids)} agents active; others wait: {waiting_for(api)}")
                    if time.monotonic() - began > MOST_SECONDS:
                        raise RuntimeError(f"only {len(ids)} agents became active")
                    threading.Event().wait(5)
                note(f"{len(ids)} agents active after {time.monotonic() - began:.0f} s")
                memory = resident_bytes(server.pid) - idle
                before, cpu, from_when = metrics(ops), cpu_seconds(server.pid), time.monotonic()
                sent, until = [], from_when + SECONDS
                senders = [threading.Thread(target=send_commands,
                                            args=(api, ids[i::SENDERS], COMMANDS / SENDERS, until, sent))
                           for i in range(SENDERS)]
                for one in senders:
                    one.start()
                for one in senders:
                    one.join()
                took = time.monotonic() - from_when
                cpu = (cpu_seconds(server.pid) - cpu) / took
                after = metrics(ops)
            finally:
                for one in clients:
                    one.stdin.close()
                for one in clients:
                    one.wait(timeout=60)
    grew = lambda series: after.get(series, 0) - before.get(series, 0)
    done = grew('drover_agent_commands_total{outcome="done"}')
    note(f"sent {sum(sent)}, done {done:.0f}, pings answered {grew('drover_agent_pings_answered_total'):.0f}, "
         f"pings failed {grew('drover_agent_pings_failed_total'):.0f}")
    report("event_agents_memory", memory / len(ids) / 1e3,
           f"kB per agent, {len(ids)} of them made and connected in one server", "an idle WebSocket alone", 5.7)
    report("event_agents_commands", done / took, "commands per second", "wanted", COMMANDS, "at least 0.98")
    report("event_agents_cpu", cpu, "processors in use", "those there are", os.cpu_count())
    for share in (0.5, 0.99):
        report(f"event_agents_p{share * 100:.0f}", quantile(before, after, share), "ms from request to answer",
               "what a command waits at most", LONGEST_MILLISECONDS, "at most 1")


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "client":
        client(*(int(word) for word in sys.argv[2:6]))
    else:
        main()
