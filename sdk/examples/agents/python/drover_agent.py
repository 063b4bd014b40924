#!/usr/bin/env python3
"""A Drover agent whose machines are ordinary processes. It needs Python's standard library and nothing else.

usage: DROVER_URL=http://HOST:PORT/v1 DROVER_ACCESS_KEY=... DROVER_SECRET_KEY=... drover_agent.py [--stop-all]

Whoever may create instances may run commands here as this user: the instance's command, commandArgs, environment and
directory count; without a command it sleeps. Processes outlive the agent: started again, it finds them. --stop-all
stops every process of this state folder, and serves nobody. Besides: DROVER_AGENT_UUID says who it is (default: chosen
once), DROVER_AGENT_STATE where its state folder is (default: ~/.local/state/drover/process-agent).

Commands come at least once: the same one may come again, late, or after a newer one. So the agent remembers what it
answered, recognises what is there already, and refuses what is out of date. ledger.jsonl in the state folder has one
line for each command carried out, and is the agent's memory.
"""
import base64
import concurrent.futures
import contextlib
import fcntl
import http.client
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import uuid

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")  # fit to be the name of a file


class Refused(Exception):
    """The reason goes back to the server as the reply's error."""


def say(text):
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def checked(name):
    if not isinstance(name, str) or not SAFE.fullmatch(name):
        raise Refused("an id in this command is not fit to be used")
    return name


class Processes:
    """Machines by uuid: a folder each, with the output of the process and who it is."""
    def __init__(self, folder):
        self.folder = folder

    @staticmethod
    def birth(pid):
        """When a live process began. A process id alone proves nothing, for they are used again."""
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return None if fields[0] in "ZX" else fields[19]
        except OSError:
            return None

    def about(self, name):
        """What is known of a running process, or None."""
        try:
            known = json.loads((self.folder / name / "process.json").read_text())
            return known if known["birth"] == self.birth(known["pid"]) else None
        except (OSError, ValueError):
            return None

    def start(self, name, command, environment, directory):
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "output", "wb") as output:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                     cwd=directory or folder, env=environment, start_new_session=True)
        threading.Thread(target=child.wait, daemon=True).start()  # so that it leaves no zombie when it ends
        (folder / "process.new").write_text(json.dumps({"pid": child.pid, "birth": self.birth(child.pid)}))
        (folder / "process.new").replace(folder / "process.json")

    def stop(self, name):
        """Asks, and insists after 8 s. Returns whether there was anything to stop."""
        known = self.about(name)
        for tick in range(800):
            if not self.about(name):
                shutil.rmtree(self.folder / name, ignore_errors=True)
                return known is not None
            if tick in (0, 400):
                os.killpg(known["pid"], signal.SIGKILL if tick else signal.SIGTERM)
            time.sleep(0.02)
        raise Refused("the process does not stop")


class Memory:
    """What was answered, and how new the commands were that were acted upon."""
    def __init__(self, folder):
        self.answers, self.versions = {}, folder / "versions"  # event id -> data of the reply
        self.versions.mkdir(exist_ok=True)
        self.lock, self.ledger = threading.Lock(), open(folder / "ledger.jsonl", "a+", encoding="utf-8")
        self.ledger.seek(0)
        for line in self.ledger:
            entry = json.loads(line)
            self.answers[entry["event"]] = entry["data"]

    def add(self, event, command, thing, changed, data):
        with self.lock:
            entry = {"event": event, "command": command, "thing": thing, "changed": changed, "data": data}
            print(json.dumps(entry), file=self.ledger, flush=True)
            self.answers[event] = data
            if len(self.answers) > 100_000:
                self.answers.pop(next(iter(self.answers)))  # the oldest

    def check_version(self, thing, version):
        """Refuses what is older than what was acted upon, which is noted before anything is done."""
        path = self.versions / thing
        known = int(path.read_text() or 0) if path.exists() else 0
        if version is not None and version < known:
            raise Refused(f"out of date: version {version}, and {known} was acted upon already")
        path.write_text(str(version or known))


class Agent:
    def __init__(self, state, name):
        self.name, self.volumes = name, state / "volumes"
        self.processes, self.memory = Processes(state / "instances"), Memory(state)
        self.locks = [threading.Lock() for _ in range(256)]  # one command at a time for each thing
        self.doing, self.guard = set(), threading.Lock()  # ids of events
        volume, instance = ("volumeStoragePoolMap", "volume"), ("instanceHostMap", "instance")
        self.commands = {  # name: where its data has the thing it is about, and what to do
            "storage.image.activate": ("imageStoragePoolMap", "image", lambda *_: (False, {})),  # programs are at hand
            "storage.volume.activate": (*volume, self.activate_volume),
            "storage.volume.deactivate": (*volume, lambda *_: (False, {})),
            "storage.volume.remove": (*volume, self.remove_volume),
            "compute.instance.activate": (*instance, self.activate_instance),
            "compute.instance.deactivate": (*instance, self.deactivate_instance),
        }

    # Each command returns whether it changed anything, and the data of its reply.
    def activate_volume(self, name, volume):
        is_new = not (self.volumes / name).exists()
        (self.volumes / name).mkdir(parents=True, exist_ok=True)
        return is_new, {"volume": {"format": "directory"}}

    def remove_volume(self, name, volume):
        was_there = (self.volumes / name).exists()
        shutil.rmtree(self.volumes / name, ignore_errors=True)
        return was_there, {}

    def activate_instance(self, name, instance):
        known = self.processes.about(name)
        if not known:
            fields = (instance.get("data") or {}).get("fields") or {}
            command = shlex.split(fields.get("command") or "sleep infinity")
            command += [str(one) for one in fields.get("commandArgs") or []]
            environment = {"PATH": os.environ.get("PATH", os.defpath), "DROVER_INSTANCE": name}
            for disk in instance.get("volumes") or []:
                if not disk.get("removed"):
                    environment[f"DROVER_VOLUME_{disk['deviceNumber']}"] = str(self.volumes / checked(disk["uuid"]))
            environment.update({key: str(value) for key, value in (fields.get("environment") or {}).items()})
            self.processes.start(name, command, environment, fields.get("directory"))
        now = self.processes.about(name) or {}
        return not known, {"instance": {"+data": {"+fields": {"processId": now.get("pid")}}}}

    def deactivate_instance(self, name, instance):
        return self.processes.stop(name), {}

    def ping(self, event):
        if not ((event.get("data") or {}).get("options") or {}).get("resources"):
            return {}
        host = {"type": "host", "kind": "process", "uuid": self.name, "name": os.uname().nodename}
        pool = {"type": "storagePool", "uuid": f"{self.name}-pool", "hostUuid": self.name}
        return {"resources": [host, {**host, **pool}]}

    def carry_out(self, event):
        """The data of the reply."""
        if event["name"] not in self.commands:
            raise Refused(f"this agent knows no command {event['name']}")
        kind, part, work = self.commands[event["name"]]
        described = event["data"][kind][part]
        thing = checked(described["uuid"])
        with self.locks[hash(thing) % len(self.locks)]:
            if checked(event["id"]) in self.memory.answers:
                say(f"{event['name']} {thing}: answered before")
                return self.memory.answers[event["id"]]
            self.memory.check_version(f"{part}.{thing}", event["data"].get("version"))
            say(f"{event['name']} {thing}")
            changed, data = work(thing, described)
            # An error is not remembered: the same command again means to try again.
            self.memory.add(event["id"], event["name"], thing, changed, data)
            return data

    def answer(self, event, post):
        """Answers one event, in a thread of its own."""
        with self.guard:
            if event["id"] in self.doing:
                return  # the answer is under way
            self.doing.add(event["id"])
        reply = {"id": str(uuid.uuid4()), "name": event["replyTo"], "resourceType": event.get("resourceType"),
                 "resourceId": event.get("resourceId"), "data": None, "time": int(time.time() * 1000),
                 "previousIds": [event["id"], *(event.get("previousIds") or [])],
                 "previousNames": [event["name"], *(event.get("previousNames") or [])]}
        try:
            reply["data"] = self.ping(event) if event["name"] == "ping" else self.carry_out(event)
        except Exception as error:  # whatever it was, the server is to know
            why = str(error) if isinstance(error, Refused) else f"{type(error).__name__}: {error}"
            reply.update(transitioning="error", transitioningMessage=why)
            say(f"{event['name']}: {why}")
        self.doing.discard(event["id"])
        post(reply)


class Server:
    """The two requests an agent makes."""

    def __init__(self, url, access_key, secret_key):
        self.url = url.rstrip("/")
        self.key = base64.b64encode(f"{access_key}:{secret_key}".encode()).decode()
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def post(self, path, body, seconds):
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {self.key}"}
        request = urllib.request.Request(f"{self.url}/{path}", json.dumps(body).encode(), headers, method="POST")
        return self.opener.open(request, timeout=seconds)

    def publish(self, reply):
        for attempt in range(6):
            try:
                with self.post("publish", reply, 10):
                    return  # 201
            except (OSError, http.client.HTTPException) as error:
                why = error
                if 400 <= getattr(error, "code", 0) < 500:
                    break  # asking again would not help
            time.sleep(random.uniform(0, 0.2 * 2 ** attempt))
        say(f"a reply was not taken: {why}")

    def events(self, names):
        """Yields what comes in until the stream ends. Events are lines of JSON with empty lines between them."""
        self.heard = False
        # The server says something every few seconds: a stream silent for 20 s is dead.
        with self.post("subscribe", {"eventNames": names}, 20) as stream:  # 201
            for line in stream:
                self.heard = True
                with contextlib.suppress(ValueError, AttributeError):
                    event = json.loads(line)
                    if event.get("replyTo"):  # the pings of the stream itself want no reply
                        yield event


def main():
    state = pathlib.Path(os.environ.get("DROVER_AGENT_STATE") or "~/.local/state/drover/process-agent").expanduser()
    os.umask(0o077)
    state.mkdir(parents=True, exist_ok=True)
    if sys.argv[1:] == ["--stop-all"]:
        for folder in (state / "instances").glob("*"):
            Processes(state / "instances").stop(folder.name)
        return
    settings = [os.environ.get(f"DROVER_{name}") for name in ("URL", "ACCESS_KEY", "SECRET_KEY")]
    if sys.argv[1:] or not all(settings):
        sys.exit(__doc__)
    server = Server(*settings)
    alone = open(state / "agent.lock", "w")
    try:
        fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"another agent uses {state}; set DROVER_AGENT_STATE")
    if not (state / "uuid").exists():
        (state / "uuid").write_text(str(uuid.uuid4()))
    agent = Agent(state, os.environ.get("DROVER_AGENT_UUID") or (state / "uuid").read_text())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    delay = 0.5
    with concurrent.futures.ThreadPoolExecutor(32) as workers, \
            concurrent.futures.ThreadPoolExecutor(2) as pings:  # slow commands do not hold up pings
        while True:
            try:
                for event in server.events(["ping", *agent.commands]):
                    (pings if event.get("name") == "ping" else workers).submit(agent.answer, event, server.publish)
                why = "the stream ended"
            except (OSError, ValueError, http.client.HTTPException) as error:
                why = f"no stream: {error}"
            delay = 1 if server.heard else min(60, delay * 2)
            say(f"{why}; subscribing again within {delay} s")
            time.sleep(random.uniform(0, delay))  # so that a thousand agents do not come back at once


if __name__ == "__main__":
    main()
