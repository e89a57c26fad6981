#!/usr/bin/env node
/**
 * Where `holdfast` begins and ends: the real clock, signals, the process's own streams, and the exit.
 *
 * Starts fast: compiled code is cached where nobody else can write, and everything is loaded when it is
 * needed.
 */

import { lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';

const stopSignals = ['SIGINT', 'SIGTERM'] as const;

process.umask(0o077);
useCompileCache();

if (process.argv.length === 3 && process.argv[2] === '--version') {
  const [{ holdfastVersion }, { errorCodes }] = await Promise.all([
    import('../core/jobs/addin.ts'),
    import('../core/errors.ts'),
  ]);
  process.stdout.on('error', () => {
    process.exitCode = errorCodes.OUTPUT_UNWRITABLE.exit;
  });
  process.stdout.write(`${holdfastVersion}\n`);
} else {
  const status = await run();
  leaveSignals();
  process.exit(status);
}

async function run(): Promise<number> {
  const argv = process.argv.slice(2);
  const { makesBackup } = await import('./command-words.ts');
  if (makesBackup(argv)) {
    const { beginPool } = await import('./early-pool.ts');
    beginPool(Date.now);
  }
  const { randomBytes, randomUUID } = process.getBuiltinModule('node:crypto');
  const { runCommandLine } = await import('./program.ts');
  return runCommandLine(argv, {
    now: Date.now,
    newUuid: randomUUID,
    newObjectId: () => randomBytes(16).toString('hex'),
    commandLine: () => readFileSync('/proc/self/cmdline'),
    env: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: () => process.stdin,
    // A reader that has seen enough, as in `holdfast ls … | head`.
    leave: () => process.exit(141),
    signal: stopSignal(),
  });
}

/**
 * From here on a signal has its usual effect. An exit waits for Node's threads, one of which may wait for a file for
 * ever: neither it nor a handler would come to an end then.
 */
function leaveSignals(): void {
  for (const name of stopSignals) process.removeAllListeners(name);
}

/** The first signal asks the work to stop; the second ends the process at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals): void => {
    if (!controller.signal.aborted) {
      process.stderr.write('holdfast: stopping; once more to stop at once\n');
      controller.abort();
      return;
    }
    leaveSignals();
    process.kill(process.pid, name);
  };
  for (const name of stopSignals) process.on(name, stop);
  return controller.signal;
}

/**
 * Whoever can write into the cache can run code as us. Node's default lies below /tmp, where any account may
 * have made it first; so only a directory of our own will do, and none is better than a shared one.
 */
function useCompileCache(): void {
  const home = process.env['HOME'];
  const base = process.getuid?.() === 0 ? '/var/cache' : home === undefined ? undefined : `${home}/.cache`;
  if (base === undefined || process.env['NODE_COMPILE_CACHE'] !== undefined) return;
  const directory = `${base}/holdfast`;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const stat = lstatSync(directory);
    const ours = stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0;
    if (!ours) return;
    enableCompileCache(directory);
    // Threads look for it here only.
    process.env['NODE_COMPILE_CACHE'] = directory;
  } catch {
    // Slower, and nothing else.
  }
}
