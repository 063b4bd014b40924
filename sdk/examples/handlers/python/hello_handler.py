#!/usr/bin/env python3
"""An external handler for Drover: logic of yours inside a process of the server. It needs the standard library only.

usage: DROVER_URL=http://127.0.0.1:8080/v1 [DROVER_ACCESS_KEY=... DROVER_SECRET_KEY=...] hello_handler.py [NAME]

It takes part in `instance.start`. For every instance that starts, the server sends an event, waits for the reply, and
writes what the reply says into the instance: {"hello": "world"} in its data. Only then does the start go on. A handler
may as well answer with an error, and the start fails with its words.

The keys are those of an administrator; without keys the server must be one that asks for none.
"""
import base64
import concurrent.futures
import http.client
import json
import os
import random
import signal
import sys
import time
import urllib.parse
import urllib.request
import uuid

PROCESS = "instance.start"  # `pre.instance.start` comes before its built-in logic for certain, `post.` after it


def say(text):
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


class Server:
    def __init__(self, url, access_key, secret_key):
        self.url = url.rstrip("/")
        self.headers = {"Content-Type": "application/json"}
        if access_key:
            key = base64.b64encode(f"{access_key}:{secret_key}".encode()).decode()
            self.headers["Authorization"] = f"Basic {key}"
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def open(self, method, path, body=None, seconds=10):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/{path}", data, self.headers, method=method)
        return self.opener.open(request, timeout=seconds)

    def ask(self, method, path, body=None):
        with self.open(method, path, body) as answer:
            return json.load(answer)


class Handler:
    def __init__(self, server, name):
        self.server, self.name = server, name
        self.event_name = f"{PROCESS};handler={name}"

    def registered(self):
        found = self.server.ask("GET", "externalhandlers?" + urllib.parse.urlencode({"uuid": self.name}))["data"]
        return found[0] if found else None

    def register(self):
        """A handler has a uuid of our choice, so that a second registration finds the first."""
        handler = self.registered()
        if handler is None:
            self.server.ask("POST", "externalhandlers",
                            {"name": self.name, "uuid": self.name, "processNames": [PROCESS]})
        elif handler["state"] == "inactive":
            self.server.ask("POST", f"externalhandlers/{handler['id']}/?action=activate", {})
        say(f"registered as {self.name} for {PROCESS}")

    def unregister(self):
        """From now on no instance waits for us. A handler that only vanishes is waited for, time and again."""
        handler = self.registered()
        if handler:
            self.server.ask("POST", f"externalhandlers/{handler['id']}/?action=deactivate", {})

    def data_for(self, event):
        """What to write into the instance. `+` merges into what stands there."""
        process = (event.get("context") or {}).get("prettyProcess", "no context")
        say(f"{event['resourceType']} {event['resourceId']} starts ({process})")
        return {"+data": {"hello": "world"}}

    def answer(self, event):
        """The reply belongs to the event by its name and by the first of its previous ids."""
        reply = {"id": str(uuid.uuid4()), "name": event["replyTo"], "resourceType": event["resourceType"],
                 "resourceId": event["resourceId"], "previousIds": [event["id"], *(event.get("previousIds") or [])],
                 "time": int(time.time() * 1000)}
        try:
            reply["data"] = self.data_for(event)
        except Exception as error:
            reply.update(transitioning="error", transitioningMessage=f"{self.name}: {error}")
        try:
            self.server.ask("POST", "publish", reply)
        except (OSError, http.client.HTTPException) as error:
            # The server sends the event again when it hears nothing, so a lost reply is not the end.
            say(f"the reply was not taken: {error}")

    def serve(self, workers):
        """Answers events until the stream ends."""
        with self.server.open("POST", "subscribe", {"eventNames": [self.event_name]}, 20) as stream:
            is_registered = False
            for line in stream:
                if not is_registered:
                    # The stream begins with a ping: events would reach us now. Registered sooner, we might miss one.
                    self.register()
                    is_registered = True
                event = json.loads(line) if line.strip() else {}
                if event.get("name") == self.event_name and event.get("replyTo"):
                    workers.submit(self.answer, event)


def main():
    if "DROVER_URL" not in os.environ or sys.argv[1:2] in (["-h"], ["--help"]):
        sys.exit(__doc__)
    server = Server(*(os.environ.get(f"DROVER_{name}") for name in ("URL", "ACCESS_KEY", "SECRET_KEY")))
    handler = Handler(server, sys.argv[1] if len(sys.argv) > 1 else "hello-python")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        with concurrent.futures.ThreadPoolExecutor(8) as workers:
            while True:
                try:
                    handler.serve(workers)
                    why = "the stream ended"
                except (OSError, ValueError, http.client.HTTPException) as error:
                    why = f"no stream: {error}"
                say(f"{why}; subscribing again soon")
                time.sleep(random.uniform(0, 5))
    finally:
        handler.unregister()


if __name__ == "__main__":
    main()
