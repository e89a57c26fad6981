/**
 * A database client as a child process: its output as a stream, its complaints in bounded memory.
 *
 * Owns the process and whatever it starts: each client leads a session of its own, so that a
 * wrapper script dies together with the client inside it, and none has a terminal to ask for a
 * password. The caller gives the whole environment: nothing of ours is inherited unasked.
 */

import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { ClientOutput } from './client-output.ts';
import { endOf, spawnClient } from './spawn-client.ts';

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
  const { path, input = false, output = true, fileDescriptor } = command;
  const { pid, stdin, stdout, stderr } = spawnClient({ ...command, input, output, fileDescriptor });
  const writer = stdin === null ? null : new Socket({ fd: stdin, readable: false, writable: true });
  // A pipe that breaks shows in the exit status; without listeners it would end our own process.
  writer?.on('error', () => {});
  let gone = pid < 0;
  const ended = keepTail(stderr).then(async (complaint): Promise<ClientEnd> => {
    const end = await endOf(pid);
    gone = true;
    writer?.destroy();
    return { ...end, complaint };
  });
  return {
    name: path.slice(path.lastIndexOf('/') + 1),
    pid: pid < 0 ? undefined : pid,
    stdin: writer,
    stdout,
    ended,
    kill() {
      if (gone) return;
      killSession(pid);
      writer?.destroy();
      stdout?.destroy();
    },
  };
}

/** The last of what is printed there, once all have closed it. */
async function keepTail(fd: number): Promise<string> {
  const stream = new Socket({ fd, readable: true, writable: false });
  let kept = Buffer.alloc(0);
  stream.on('error', () => {});
  stream.on('data', (chunk: Buffer) => {
    // Copied, so that a small tail never keeps a large chunk alive.
    kept = Buffer.from(Buffer.concat([kept, chunk]).subarray(-keptErrorBytes));
  });
  await new Promise((resolve) => stream.once('close', resolve));
  return kept.toString('utf8').trim();
}

function killSession(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
