"""Runs a command on a terminal of its own, types a passphrase whenever it is asked for one, and prints how often it
was, the exit status, and then what the command printed. Usage: typed_passphrase.py PASSPHRASE COMMAND [ARGUMENT]..."""

import os
import pty
import re
import sys

pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
printed, asked = b'', 0
while True:
    try:
        piece = os.read(fd, 4096)
    except OSError:  # the other end is closed
        break
    if not piece:
        break
    printed += piece
    prompts = len(re.findall(rb'[Pp]assphrase[^:\r\n]*: ', printed))
    for _ in range(prompts - asked):
        os.write(fd, sys.argv[1].encode() + b'\n')
    asked = prompts
status = os.waitpid(pid, 0)[1]
print(asked, os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1)
print(printed.decode('utf-8', 'backslashreplace').replace('\x1b', ''))
