/** A database engine that keeps to its contract and exports fixed texts: for tests of what becomes of exports. */

import type { DatabaseEngine, DatabaseExport } from '../../src/core/contracts/database.ts';
import type { DatabaseSelector } from '../../src/core/contracts/panel.ts';
import { HoldfastError } from '../../src/core/errors.ts';

export const cannedSelector: DatabaseSelector = {
  family: 'mysql',
  prefix: 'canned_',
  admin: null,
  names: [],
};

/** A text of null breaks off in the middle. Each database has its grants beside it. */
export function cannedEngine(
  databases: Readonly<Record<string, string | Uint8Array | null>>,
  instance = 'canned',
): DatabaseEngine {
  const exportOf = (name: string): DatabaseExport => ({
    databases: [name],
    format: 'sql',
    instantMs: 1_700_000_000_000,
    body: bodyOf(name, databases[name] ?? null),
    result: async () => ({
      warnings: [],
      besides: [{ suffix: 'grants.sql', text: `GRANT ALL ON ${name}\n` }],
    }),
  });
  return {
    instance,
    engine: 'mariadb',
    family: 'mysql',
    check: async () => [],
    discover: async () =>
      Object.keys(databases).map((name) => ({ name, estimatedBytes: 0, matchedBy: 'prefix' as const })),
    exports: async (request) => ({
      consistency: 'barrier',
      lockHeldMs: 1,
      exports: request.databases.map(exportOf),
      warnings: [],
    }),
    close: async () => {},
  };
}

async function* bodyOf(name: string, text: string | Uint8Array | null): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text ?? '-- the beginning\n');
  if (text === null) throw new HoldfastError('EXPORT_FAILED', `the dump of ${name} broke off`);
}
