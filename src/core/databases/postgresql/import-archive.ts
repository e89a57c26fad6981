/** A custom archive on its way into SQL: pg_restore writes it, which also proves the archive whole. */

import { once } from 'node:events';
import { HoldfastError } from '../../errors.ts';
import { printable } from '../../printable.ts';
import { describeEnd } from '../client-dump.ts';
import { type ClientProcess, startClient } from '../client-process.ts';
import type { DatabaseInstanceConfig } from '../types.ts';
import { findClients, localEnvironment } from './clients.ts';

/** SQL of a custom archive. @throws IMPORT_FAILED the archive cannot be read to its end */
export async function* scriptOf(
  config: DatabaseInstanceConfig,
  archive: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { restore } = findClients(config);
  const client = startClient({ path: restore, args: ['-f', '-'], env: localEnvironment(), input: true });
  const onAbort = (): void => client.kill();
  signal.addEventListener('abort', onAbort, { once: true });
  let broken: unknown;
  const reader = new AbortController();
  const feeding = feed(client, archive, reader.signal).catch((error: unknown) => {
    broken = error;
    client.kill();
  });
  try {
    for await (const chunk of client.stdout ?? []) yield chunk as Buffer;
    await feeding;
    const failure = describeEnd(await client.ended, client.name, []);
    if (broken !== undefined) throw broken;
    if (failure !== null) {
      throw new HoldfastError('IMPORT_FAILED', `the archive cannot be read: ${printable(failure, 500)}`, {
        hint: 'Import another dump; the live database is as it was.',
      });
    }
  } catch (error) {
    // A client that was killed for it closes its output: what failed first is what is told.
    throw broken ?? error;
  } finally {
    reader.abort();
    signal.removeEventListener('abort', onAbort);
    client.kill();
    await client.ended;
  }
}

/** To the archive's own end, which proves it whole, also where pg_restore has read enough before. */
async function feed(
  { stdin, ended }: ClientProcess,
  archive: AsyncIterable<Uint8Array>,
  unwanted: AbortSignal,
): Promise<void> {
  for await (const chunk of archive) {
    if (unwanted.aborted) return;
    if (stdin === null || stdin.destroyed || !stdin.writable || stdin.write(chunk)) continue;
    const drained = new AbortController();
    const { signal } = drained;
    await Promise.race([once(stdin, 'drain', { signal }), once(stdin, 'close', { signal }), ended]).catch(
      () => {},
    );
    drained.abort();
  }
  stdin?.end();
}
