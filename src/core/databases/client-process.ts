/**
 * A database client as a child process: its output as a stream, its complaints in bounded memory.
 *
 * Owns the process and whatever it starts: each client leads a process group of its own, so that a
 * wrapper script dies together with the client inside it, and none has a terminal to ask for a
 * password. The caller gives the whole environment: nothing of ours is inherited unasked.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { type ClientOutput, makeOutputPipe } from './client-output.ts';

/** Bytes of standard error that are kept; the last ones say what went wrong. */
const keptErrorBytes = 2048;

export interface ClientCommand {
  readonly path: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Whether the client reads from us. */
  readonly input?: boolean;
  /** Whether we read what it prints; else it is thrown away. */
  readonly output?: boolean;
  /** An open file that the client finds as descriptor 3. The caller closes it once this returns. */
  readonly fileDescriptor?: number;
}

/** How a client ended: exactly one of the first three is not null. */
export interface ClientEnd {
  readonly status: number | null;
  readonly signal: string | null;
  /** It could not be started. */
  readonly failure: Error | null;
  /** The end of what it printed on standard error. */
  readonly complaint: string;
}

export interface ClientProcess {
  readonly name: string;
  /** Undefined where the process could not be started. */
  readonly pid: number | undefined;
  readonly stdin: Writable | null;
  readonly stdout: ClientOutput | null;
  /** Resolves when the process is gone and its standard error has ended. Never rejects. */
  readonly ended: Promise<ClientEnd>;
  /** Kills the client and all it started. A second call does nothing. */
  kill(): void;
}

export function startClient(command: ClientCommand): ClientProcess {
  const pipe = command.output === false ? null : makeOutputPipe();
  let child: ChildProcess;
  try {
    child = spawnWith(command, pipe?.descriptor ?? 'ignore');
  } finally {
    pipe?.closeDescriptor();
  }
  const stderr = child.stdio[2] as Readable | null;
  const complaint = keepTail(stderr);
  // A pipe that breaks shows in the exit status; without listeners it would end our own process.
  child.stdin?.on('error', () => {});

  let closed = false;
  child.once('close', () => {
    closed = true;
  });
  return {
    name: command.path.slice(command.path.lastIndexOf('/') + 1),
    pid: child.pid,
    stdin: child.stdin,
    stdout: pipe?.output ?? null,
    ended: endOf(child, stderr, complaint),
    kill() {
      if (closed) return;
      killGroup(child.pid);
      child.stdin?.destroy();
      pipe?.output.destroy();
    },
  };
}

function spawnWith(command: ClientCommand, output: number | 'ignore'): ChildProcess {
  return spawn(command.path, command.args, {
    env: command.env,
    detached: true,
    stdio: [
      command.input === true ? 'pipe' : 'ignore',
      output,
      'pipe',
      ...(command.fileDescriptor === undefined ? [] : [command.fileDescriptor]),
    ],
  });
}

async function endOf(
  child: ChildProcess,
  stderr: Readable | null,
  complaint: () => string,
): Promise<ClientEnd> {
  const end = await new Promise<Omit<ClientEnd, 'complaint'>>((resolve) => {
    child.once('exit', (status, signal) => resolve({ status, signal, failure: null }));
    child.once('error', (failure) => {
      if (child.pid === undefined) resolve({ status: null, signal: null, failure });
    });
  });
  if (stderr !== null && !stderr.closed && child.pid !== undefined) {
    await new Promise((resolve) => stderr.once('close', resolve));
  }
  return { ...end, complaint: complaint() };
}

function keepTail(stream: Readable | null): () => string {
  let kept = Buffer.alloc(0);
  stream?.on('error', () => {});
  stream?.on('data', (chunk: Buffer) => {
    // Copied, so that a small tail never keeps a large chunk alive.
    kept = Buffer.from(Buffer.concat([kept, chunk]).subarray(-keptErrorBytes));
  });
  return () => kept.toString('utf8').trim();
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
