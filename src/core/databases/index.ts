/**
 * The engines built into core. Drivers are loaded at the first connection, not here, so that a command
 * that needs no database pays for none.
 */

import type { DatabaseEngine } from '../contracts/database.ts';
import type { DatabaseInstanceConfig, EngineDependencies } from './types.ts';

export type { DatabaseInstanceConfig } from './types.ts';

/** Makes the engine of one configured server. Does not connect: `check` and every other method do. */
export async function openDatabaseEngine(
  config: DatabaseInstanceConfig,
  deps: EngineDependencies,
): Promise<DatabaseEngine> {
  if (config.engine === 'postgresql') {
    const { PostgresqlEngine } = await import('./postgresql/engine.ts');
    return new PostgresqlEngine(config, deps);
  }
  const { MysqlEngine } = await import('./mysql/engine.ts');
  return new MysqlEngine(config, deps);
}
