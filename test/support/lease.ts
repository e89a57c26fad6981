/** A process that has leases for writing, as file servers do, and gives them up only so long after it is asked to. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const program = `
import fcntl, os, signal, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
held = [os.open(path, os.O_RDWR) for path in sys.argv[2:]]
for fd in held:
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('held', flush=True)
signal.sigwait([signal.SIGIO])
time.sleep(float(sys.argv[1]))
for fd in held:
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
`;

/** Resolves when it has them; kill it in the end. */
export async function holdLeases(seconds: number, ...files: string[]): Promise<ChildProcess> {
  const holder = spawn('python3', ['-c', program, String(seconds), ...files], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  return holder;
}
