/** Processes that back up, restore or compact until they are killed. */

import { type ChildProcess, spawn } from 'node:child_process';
import { on, once } from 'node:events';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../core/jobs/backup-child.ts', import.meta.url));

/** Loads its modules and then waits for `begin`. */
export function startJob(
  job: 'backup' | 'restore' | 'compact',
  directory: string,
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  return spawn(process.execPath, [script, job, directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
}

/** Resolves when the process has said the word; rejects where it ends before. */
export async function hear(child: ChildProcess, word: string): Promise<void> {
  for await (const [said] of on(child.stdout!, 'data', { close: ['close'] })) {
    if (String(said).includes(word)) return;
  }
  throw new Error(`the process ended before it said ${word}`);
}

export async function begin(child: ChildProcess): Promise<void> {
  child.stdin!.write('\n');
  await hear(child, 'begun');
}

export async function kill(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

/** Milliseconds that a backup takes on this machine today; ends the process. */
export async function durationOf(child: ChildProcess): Promise<number> {
  await begin(child);
  const from = performance.now();
  await hear(child, 'done');
  const duration = performance.now() - from;
  await kill(child);
  return duration;
}
