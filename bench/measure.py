"""Runs the stages of a pipeline and prints what they took, as JSON.

argv[1]: {"stages": [[program, argument...], ...], "cwd": path or null}
Each stage's standard output is the next one's standard input; the last one's is thrown away.
The kernel's own books (wait4) are asked for each stage, so the threads and the children it has waited for count too.
No stage shows less memory than this script has itself (some 10 MiB): the kernel keeps the mark over exec.
SIGTERM ends the stages too.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time

running = []
starting = False
ending = False


def end(*_):
    global ending
    ending = True
    # One that is being started is not known yet: it is ended as soon as it is.
    if starting:
        return
    for process in running:
        if process.returncode is None:
            process.kill()
    sys.exit(128 + signal.SIGTERM)


def wait(process):
    """A signal that comes just before a call that waits would be heard after it: it leaves a byte, which ends the waiting."""
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid != 0:
            return status, usage
        select.select([woken], [], [])
        os.read(woken, 4096)


woken, waking = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
signal.set_wakeup_fd(waking)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGCHLD, lambda *_: None)
spec = json.loads(sys.argv[1])
started = time.monotonic()
before = subprocess.DEVNULL
for number, stage in enumerate(spec["stages"]):
    last = number + 1 == len(spec["stages"])
    starting = True
    process = subprocess.Popen(
        stage,
        cwd=spec["cwd"],
        stdin=before,
        stdout=subprocess.DEVNULL if last else subprocess.PIPE,
    )
    # Only the stages hold the pipe: a stage that dies must be seen by its neighbour.
    if before is not subprocess.DEVNULL:
        before.close()
    before = process.stdout
    running.append(process)
    starting = False
    if ending:
        end()

stages = []
for process in running:
    status, usage = wait(process)
    process.returncode = os.waitstatus_to_exitcode(status)
    stages.append(
        {
            "exit_code": process.returncode,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "peak_bytes": usage.ru_maxrss * 1024,
        }
    )
print(json.dumps({"wall_s": time.monotonic() - started, "stages": stages}))
