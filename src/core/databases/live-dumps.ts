/** Dumps that an engine has started and that still hold a process; and exports that never had one. */

import type { DatabaseExport } from '../contracts/database.ts';
import { HoldfastError } from '../errors.ts';
import { quoted } from '../printable.ts';
import type { ClientDump } from './client-dump.ts';

export class LiveDumps {
  readonly #dumps = new Set<ClientDump>();

  add(dump: ClientDump): void {
    this.#dumps.add(dump);
    const forget = () => this.#dumps.delete(dump);
    dump.result().then(forget, forget);
  }

  /** Resolves when no client is left. */
  async stop(): Promise<void> {
    await Promise.all([...this.#dumps].map((dump) => dump.stop()));
  }
}

/** An export that was not even begun: its body and its result reject with EXPORT_FAILED. */
export function refusedExport(
  database: string,
  format: DatabaseExport['format'],
  why: string,
  instantMs: number,
): DatabaseExport {
  const error = new HoldfastError('EXPORT_FAILED', `export of ${quoted(database)} failed: ${why}`, {
    hint: 'Mend what is named, then run the command again.',
  });
  return {
    databases: [database],
    format,
    instantMs,
    // biome-ignore lint/correctness/useYield: there is nothing to yield, only the reason why.
    body: (async function* () {
      throw error;
    })(),
    result: () => Promise.reject(error),
  };
}
