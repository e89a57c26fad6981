/** Starts one of the server scripts beside this file in a directory and on a port of its own. */

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface RunningServer {
  readonly dir: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** The server stops with this process even where that is killed. `dir` is removed at the end. */
export async function startServer(script: string, dir = mkdtempSync('/tmp/hf-')): Promise<RunningServer> {
  const path = join(import.meta.dirname, script);
  const port = await freePort();
  await run(path, ['start', dir, String(port), String(process.pid)]);
  return {
    dir,
    port,
    async stop() {
      await run(path, ['stop', dir]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
