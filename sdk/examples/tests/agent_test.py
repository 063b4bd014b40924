#!/usr/bin/env python3
"""What every agent must do, tried on the example agents.

usage: agent_test.py shell|python [CASE...]
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from exerciser import ACCESS_KEY, SECRET_KEY, Exerciser, Machine, ping

AGENTS = pathlib.Path(__file__).resolve().parents[1] / "agents"
PROGRAM = {"shell": AGENTS / "shell" / "drover-agent", "python": AGENTS / "python" / "drover_agent.py"}
KIND = {"shell": "qemu", "python": "process"}
TESTED = "python"


class AgentCase(unittest.TestCase):
    """A server, and the agent under test started against it with a state folder of its own."""

    def setUp(self):
        self.state = pathlib.Path(tempfile.mkdtemp(prefix="drover-agent-"))
        self.agent = None
        self.addCleanup(self.clean_up)
        self.server = self.enter(Exerciser())
        self.start_agent()

    def enter(self, manager):
        value = manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)
        return value

    def clean_up(self):
        self.end_agent(signal.SIGKILL)
        done = self.run_agent("--stop-all")
        shutil.rmtree(self.state)
        self.assertEqual(done.returncode, 0, done.stderr)

    def environment(self, **more):
        return {**os.environ, "DROVER_URL": self.server.url, "DROVER_ACCESS_KEY": ACCESS_KEY,
                "DROVER_SECRET_KEY": SECRET_KEY, "DROVER_AGENT_UUID": "agent-1",
                "DROVER_AGENT_STATE": str(self.state), "DROVER_ACCELERATOR": "tcg", **more}

    def run_agent(self, *arguments, **more):
        return subprocess.run([PROGRAM[TESTED], *arguments], env=self.environment(**more), capture_output=True,
                              text=True, timeout=60, stdin=subprocess.DEVNULL)

    def start_agent(self, **more):
        known = len(self.server.subscriptions)
        with open(self.state / "agent.log", "ab") as log:
            self.agent = subprocess.Popen([PROGRAM[TESTED]], env=self.environment(**more), stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log)
        if not more:
            self.server.wait_for_agent(known + 1)

    def end_agent(self, number):
        if self.agent:
            self.agent.send_signal(number)
            code = self.agent.wait(30)
            self.agent = None
            return code

    def said(self):
        return (self.state / "agent.log").read_text()

    def process_of(self, machine):
        """The process id of a running machine, checked; None when there is none."""
        folder = self.state / "instances" / machine.uuid
        with contextlib.suppress(FileNotFoundError):
            pid = int((folder / "pid").read_text()) if TESTED == "shell" else \
                json.loads((folder / "process.json").read_text())["pid"]
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            return None if state == "Z" else pid
        return None

    def good(self, event, seconds=60):
        reply = self.server.ask(event, seconds)
        self.assertIn(reply.get("transitioning"), (None, "no"), reply)
        return reply["data"]

    def refused(self, event, pattern):
        reply = self.server.ask(event, 60)
        self.assertEqual(reply.get("transitioning"), "error", reply)
        self.assertRegex(reply["transitioningMessage"], pattern)
        return reply

    def started(self, number=1, **more):
        """A machine that runs."""
        machine = Machine(number, **more)
        self.good(machine.image_activate())
        self.good(machine.volume_command("activate"))
        self.good(machine.instance_command("activate"))
        self.assertTrue(self.process_of(machine))
        return machine

    # ---- who it is ----

    def test_it_subscribes_to_its_commands_and_reports_its_host_and_pool(self):
        self.assertEqual(set(self.server.subscriptions[0]["eventNames"]), {
            "ping", "storage.image.activate", "storage.volume.activate", "storage.volume.deactivate",
            "storage.volume.remove", "compute.instance.activate", "compute.instance.deactivate"})
        resources = self.good(ping(resources=True))["resources"]
        self.assertEqual([(one["type"], one["kind"], one["uuid"], one.get("hostUuid")) for one in resources],
                         [("host", KIND[TESTED], "agent-1", None),
                          ("storagePool", KIND[TESTED], "agent-1-pool", "agent-1")])
        self.assertFalse(self.good(ping(resources=False)).get("resources"))

    def test_pings_of_the_stream_itself_want_no_reply(self):
        self.good(ping(resources=False))
        self.assertEqual(len(self.server.replies), 1)

    def test_a_wrong_key_is_not_hammered(self):
        self.end_agent(signal.SIGTERM)
        self.start_agent(DROVER_SECRET_KEY="wrong")
        self.server.wait_for("it comes again", lambda: self.server.wrong_keys >= 2)
        attempts = self.server.wrong_keys
        self.assertLess(attempts, 10)
        self.assertIsNone(self.agent.poll())
        self.assertIn("401", self.said())

    def test_its_secret_is_in_no_argument_of_a_process(self):
        shown = "".join(path.read_bytes().decode(errors="replace") for path in self.command_lines())
        self.assertIn("drover", shown)
        self.assertNotIn(SECRET_KEY, shown)

    @staticmethod
    def command_lines():
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                (folder / "cmdline").read_bytes()
                yield folder / "cmdline"

    # ---- what it does ----

    def test_a_machine_lives_and_leaves_nothing(self):
        machine = self.started()
        if TESTED == "shell":
            self.assertIn(machine.uuid.encode(), pathlib.Path(f"/proc/{self.process_of(machine)}/cmdline").read_bytes())
        self.good(machine.instance_command("deactivate"))
        self.assertIsNone(self.process_of(machine))
        self.good(machine.volume_command("deactivate"))
        self.assertEqual(len(list((self.state / "volumes").iterdir())), 1)
        self.good(machine.volume_command("remove"))
        self.assertEqual(list((self.state / "volumes").iterdir()), [])
        self.assertEqual(list((self.state / "instances").iterdir()), [])
        for what in ("instance_command", "volume_command"):
            self.good(getattr(machine, what)("deactivate"))  # of what is gone already

    def test_the_same_command_again_is_answered_from_memory(self):
        machine = Machine(1)
        self.good(machine.volume_command("activate"))
        start = machine.instance_command("activate")
        first = self.server.ask(start, 60)
        process = self.process_of(machine)
        self.server.send(start)
        second = self.server.reply_to(start, number=2)
        self.assertEqual(second["data"], first["data"])
        self.assertNotEqual(second["id"], first["id"])
        self.assertEqual(self.process_of(machine), process)
        self.good(machine.instance_command("deactivate"))
        self.server.send(start)  # late: the machine was stopped since, and must not come back
        self.assertEqual(self.server.reply_to(start, number=3)["data"], first["data"])
        self.assertIsNone(self.process_of(machine))

    def test_a_command_that_comes_twice_while_it_works_is_carried_out_once(self):
        machine = Machine(1)
        self.good(machine.volume_command("activate"))
        start = machine.instance_command("activate")
        for _ in range(3):
            self.server.send(start)
        self.server.reply_to(start, seconds=60)
        process = self.process_of(machine)
        self.good(ping(resources=False))
        self.assertEqual(self.process_of(machine), process)
        if TESTED == "shell":  # which was still booting when the second and the third came
            self.assertEqual(len(self.server.replies_to(start)), 1)
        else:
            self.assertEqual(self.carried_out().count((start["id"], True)), 1)

    def carried_out(self):
        """What the process agent's ledger says: (event, whether it changed anything)."""
        lines = (self.state / "ledger.jsonl").read_text().splitlines()
        return [(one["event"], one["changed"]) for one in map(json.loads, lines)]

    def test_a_machine_that_runs_is_not_started_again(self):
        machine = self.started()
        process = self.process_of(machine)
        self.good(machine.instance_command("activate"))
        self.assertEqual(self.process_of(machine), process)

    def test_what_is_older_than_what_was_acted_upon_is_refused(self):
        machine = Machine(1)
        self.good(machine.volume_command("activate", version=3))
        self.good(machine.instance_command("activate", version=4))
        self.good(machine.instance_command("activate", version=4))
        self.refused(machine.instance_command("deactivate", version=2), "out of date: version 2, and 4 ")
        self.assertTrue(self.process_of(machine))
        self.refused(machine.volume_command("remove", version=1), "out of date")
        self.assertEqual(len(list((self.state / "volumes").iterdir())), 1)
        self.good(machine.instance_command("deactivate", version=5))
        self.refused(machine.instance_command("activate", version=4), "out of date")
        self.assertIsNone(self.process_of(machine))

    def test_a_machine_placed_anew_survives_a_late_stop_of_its_old_placement(self):
        machine = Machine(1)
        self.good(machine.volume_command("activate"))
        self.good(machine.instance_command("activate", version=1 << 20 | 4, placement=1))
        self.good(machine.instance_command("activate", version=2 << 20 | 1, placement=2))
        self.refused(machine.instance_command("deactivate", version=1 << 20 | 6, placement=1), "out of date")
        self.assertTrue(self.process_of(machine))
        self.good(machine.instance_command("deactivate", version=2 << 20 | 3, placement=2))
        self.assertIsNone(self.process_of(machine))

    def test_commands_for_several_machines_run_beside_each_other_and_pings_between(self):
        machines = [Machine(number) for number in (1, 2)]
        for machine in machines:
            self.good(machine.volume_command("activate"))
        starts = [self.server.send(machine.instance_command("activate")) for machine in machines]
        self.good(ping(resources=False))
        if TESTED == "shell":  # a boot takes seconds, a ping does not wait for it
            self.assertEqual([self.server.replies_to(start) for start in starts], [[], []])
        for start in starts:
            self.assertIsNone(self.server.reply_to(start, seconds=90).get("transitioning"))
        self.assertEqual(len({self.process_of(machine) for machine in machines}), 2)

    # ---- what it withstands ----

    def test_it_subscribes_again_when_its_stream_is_cut(self):
        for number in (2, 3):
            self.server.cut()
            self.server.wait_for_agent(number)
            self.good(ping(resources=False))

    def test_a_reply_that_is_not_taken_is_posted_again(self):
        self.server.refuse_next = [503, 500]
        one = self.server.send(ping(resources=False))
        reply = self.server.reply_to(one)
        self.assertEqual([kept["id"] for kept in self.server.refused], [reply["id"]] * 2)

    def test_a_reply_that_is_forbidden_is_not_posted_again(self):
        self.server.refuse_next = [403]
        one = self.server.send(ping(resources=False))
        self.server.wait_for("the reply", lambda: self.server.refused)
        self.good(ping(resources=False))
        self.assertEqual(self.server.replies_to(one), [])

    def test_machines_outlive_the_agent(self):
        machine = self.started()
        process = self.process_of(machine)
        start = machine.instance_command("activate", version=9)
        first = self.server.ask(start)
        self.end_agent(signal.SIGKILL)
        self.server.cut()
        self.start_agent()
        self.assertEqual(self.process_of(machine), process)
        self.server.send(start)
        self.assertEqual(self.server.reply_to(start, number=2)["data"], first["data"])
        self.refused(machine.instance_command("deactivate", version=8), "out of date")
        self.good(machine.instance_command("deactivate", version=10))
        self.assertIsNone(self.process_of(machine))

    def test_it_ends_when_told_and_its_machines_stay_until_they_are_told(self):
        machine = self.started()
        self.assertEqual(self.end_agent(signal.SIGTERM), 0)
        self.assertTrue(self.process_of(machine))
        self.assertEqual(self.run_agent("--stop-all").returncode, 0)
        self.assertIsNone(self.process_of(machine))

    def test_two_agents_cannot_share_a_state_folder(self):
        done = self.run_agent()
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"^(\S+ )?another agent uses .*; set DROVER_AGENT_STATE\n$")

    def test_what_it_cannot_make_sense_of_harms_nothing(self):
        for text in ("\n", "{\n", "[]\n\n", "null\n\n", '{"replyTo": 5}\n\n', "\x00\xff\n\n", "x" * 100_000 + "\n"):
            self.server.write(text)
            self.good(ping(resources=False))
        outside = sorted(path.name for path in self.state.parent.glob("escaped*"))
        for identity in ("../../escaped", "/tmp/escaped", "", ".", "a b", "x" * 300, "$(touch escaped)", "-rf"):
            self.refused(Machine(1, identity=identity or " ").instance_command("activate"), "not fit")
        unfit = Machine(1).volume_command("activate")
        unfit["id"] = "../escaped"
        self.refused(unfit, "not fit")
        unknown = Machine(1).instance_command("migrate")
        self.refused(unknown, "knows no command compute.instance.migrate")
        for data in ({}, {"instanceHostMap": None}, {"instanceHostMap": {"instance": []}}):
            self.refused({**Machine(1).instance_command("activate"), "data": data}, ".")
        self.assertEqual(outside, sorted(path.name for path in self.state.parent.glob("escaped*")))
        self.assertEqual(list((self.state / "instances").glob("*")), [])


class ShellAgentCase(AgentCase):
    """The agent that boots real machines."""

    def test_a_guest_speaks_and_its_disk_keeps_what_was_written(self):
        machine = self.started()
        for boot in (2, 3):
            self.good(machine.instance_command("deactivate"))
            data = self.good(machine.instance_command("activate"))
            self.assertRegex(data["instance"]["+data"]["+fields"]["consoleLine"],
                             rf"^drover guest {machine.uuid} is up: Linux \S+, boot {boot} of its disk$")

    def test_a_guest_is_asked_to_go_down(self):
        machine = self.started()
        console = self.state / "instances" / machine.uuid / "console"
        with open(console, "rb") as kept:  # read through the handle, since the folder goes with the machine
            self.good(machine.instance_command("deactivate"))
            self.assertIn(f"drover guest {machine.uuid} goes down", kept.read().decode(errors="replace"))

    def test_a_volume_that_was_never_activated_fails_the_start(self):
        machine = Machine(1)
        self.refused(machine.instance_command("activate"), f"volume '{machine.volume['uuid']}' is not active here")
        self.good(machine.volume_command("activate"))
        self.good(machine.instance_command("activate"))

    def test_a_guest_that_does_not_come_up_fails_with_what_its_console_said(self):
        self.end_agent(signal.SIGTERM)
        self.start_agent(DROVER_BOOT_SECONDS="1")
        self.server.wait_for_agent(2)
        machine = Machine(1)
        self.good(machine.volume_command("activate"))
        start = machine.instance_command("activate")
        reply = self.refused(start, "did not come up within 1 s")
        self.assertIn("its console said", reply["transitioningInternalMessage"])
        self.assertIsNone(self.process_of(machine))
        self.end_agent(signal.SIGTERM)
        self.start_agent()
        self.server.send(start)  # an error is not remembered: this tries again
        self.assertIsNone(self.server.reply_to(start, number=2, seconds=60).get("transitioning"))


class ProcessAgentCase(AgentCase):
    """The agent whose machines are processes."""

    def test_a_process_gets_its_command_its_environment_and_its_volume(self):
        script = 'echo "$0 $GREETING"; ls -d "$DROVER_VOLUME_0"; exec sleep 1000'
        machine = Machine(1, fields={"command": "sh -c", "commandArgs": [script, "arg"],
                                     "environment": {"GREETING": "hello world"}, "directory": "/"})
        self.good(machine.volume_command("activate"))
        self.good(machine.instance_command("activate"))
        self.assertEqual(os.readlink(f"/proc/{self.process_of(machine)}/cwd"), "/")
        output = self.state / "instances" / machine.uuid / "output"
        expected = f"arg hello world\n{self.state / 'volumes' / machine.volume['uuid']}\n"
        for _ in range(1000):
            if output.read_text() == expected:
                break
            self.good(ping(resources=False))
        self.assertEqual(output.read_text(), expected)

    def test_a_process_that_does_not_start_fails_with_a_reason(self):
        machine = Machine(1, fields={"command": "/nowhere/at-all"})
        self.refused(machine.instance_command("activate"), "No such file .*/nowhere/at-all")

    def test_every_command_carried_out_stands_in_the_ledger_once(self):
        machine = self.started()
        again = machine.instance_command("activate")
        self.good(again)
        stop = machine.instance_command("deactivate")
        for _ in range(2):
            self.server.send(stop)
        self.server.reply_to(stop)
        entries = self.carried_out()
        self.assertEqual(len(entries), len({event for event, _ in entries}))
        self.assertEqual([changed for _, changed in entries], [False, True, True, False, True])


def load_tests(loader, *_):
    return loader.loadTestsFromTestCase(ShellAgentCase if TESTED == "shell" else ProcessAgentCase)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in PROGRAM:
        sys.exit(__doc__)
    TESTED = sys.argv.pop(1)
    if TESTED == "shell" and not shutil.which("qemu-system-x86_64"):
        print("agent_test.py: Skipped\nqemu-system-x86_64 is missing; run: packaging/install-dependencies guest")
        sys.exit(0)
    case = ShellAgentCase if TESTED == "shell" else ProcessAgentCase
    names = [f"{case.__name__}.{name}" for name in sys.argv[1:]] or [case.__name__]
    unittest.main(argv=[sys.argv[0], "-v", *names], defaultTest=None)
