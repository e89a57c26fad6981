"""Runs commands one after another and says what they cost together.

A program of its own because Node cannot: a child inherits the peak memory of whoever started it, and this one is
small. Reads JSON from stdin, {"commands": [{"stages": [[ARGUMENT...]...], "cwd", "output", "env"}...], "sync": bool};
the stages of a command are joined by pipes. Prints JSON. A stage that fails ends it with status 1;
"accepts" of a command names statuses that are no failure beside 0.

Time runs from the first start to the end of the last command, and with "sync" until all is on the disk. Peak memory
is that of the most hungry command; within a pipe the stages add up.
"""

import json
import os
import subprocess
import sys
import time


def run(command):
    """Returns processor seconds, peak bytes and the stages that failed."""
    stages, started, feed = command["stages"], [], subprocess.DEVNULL
    environment = {**os.environ, **command.get("env", {})}
    for stage in stages:
        is_last = stage is stages[-1]
        output = open(command.get("output") or os.devnull, "wb") if is_last else subprocess.PIPE
        process = subprocess.Popen(stage, cwd=command.get("cwd"), env=environment, stdin=feed, stdout=output)
        # Our own ends, or a stage whose reader has gone would never hear of it.
        for ours in (feed, output):
            if not isinstance(ours, int):
                ours.close()
        feed = process.stdout
        started.append((stage, process))
    seconds, peak, failed = 0.0, 0, []
    for stage, process in started:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds += usage.ru_utime + usage.ru_stime
        peak += usage.ru_maxrss * 1024
        if process.returncode not in (0, *command.get("accepts", ())):
            failed.append("status %d: %s" % (process.returncode, " ".join(stage)))
    return seconds, peak, failed


def main():
    job = json.load(sys.stdin)
    cpu, peak = 0.0, 0
    start = time.monotonic()
    for command in job["commands"]:
        seconds, command_peak, failed = run(command)
        cpu, peak = cpu + seconds, max(peak, command_peak)
        if failed:
            sys.exit("\n".join(failed))
    ended = time.monotonic()
    if job["sync"]:
        os.sync()
    wall = time.monotonic() - start
    print(json.dumps(dict(wallSeconds=wall, commandSeconds=ended - start, cpuSeconds=cpu, peakBytes=peak)))


if __name__ == "__main__":
    main()
