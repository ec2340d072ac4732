#!/usr/bin/env python3
"""A stand-in for docker's client: it notes every command line, and its containers are child processes of this machine.

FAKE_ENGINE is the folder of its state. A file `fail-<subcommand>` there makes that subcommand print the file's text and fail.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

state = Path(os.environ["FAKE_ENGINE"])
arguments = sys.argv[1:]
with open(state / "calls", "a") as log:
    log.write(json.dumps(arguments) + "\n")
failing = state / f"fail-{arguments[0]}"
if failing.exists():
    sys.stderr.write(failing.read_text())
    sys.exit(125)


def container(name):
    return state / f"container-{name}"


def load(name):
    try:
        return json.loads(container(name).read_text())
    except FileNotFoundError:
        sys.exit(f"Error: No such container: {name}")


def save(name, entry):
    partial = container(name).with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(entry))
    os.replace(partial, container(name))


def option(name):
    return arguments[arguments.index(name) + 1]


command, last = arguments[0], arguments[-1]
if command == "version":
    print("99.9")
elif command == "--version":
    print("Docker version 99.9, a stand-in")
elif command == "create":
    values = arguments[arguments.index("--workdir") :]
    program = values[values.index("python") :]
    save(option("--name"), {"command": program, "where": option("--workdir"), "status": "created", "code": 0, "pid": 0})
    print("0123456789ab")
elif command == "start":
    entry = load(last)
    child = subprocess.Popen([sys.executable, *entry["command"][1:]], cwd=entry["where"])
    save(last, {**entry, "status": "running", "pid": child.pid})
    code = child.wait()
    save(last, {**entry, "status": "exited", "code": code if code >= 0 else 128 - code})
    sys.exit(0)  # what inspect says counts
elif command in ("kill", "stop"):
    entry = load(last)
    if entry["status"] != "running":
        sys.exit("not running")
    os.kill(entry["pid"], getattr(signal, "SIG" + option("--signal")) if command == "kill" else signal.SIGTERM)
    time.sleep(0.3 if command == "stop" else 0)
elif command == "inspect":
    entry = load(last)
    print(entry["status"], entry["code"], str((state / "out-of-memory").exists()).lower())
elif command == "rm":
    if "--force" not in arguments and load(last)["status"] == "running":
        sys.exit("is running")
    container(last).unlink(missing_ok=True)
elif command == "ps":
    print("\n".join(path.name[len("container-") :] for path in state.glob("container-*")))
