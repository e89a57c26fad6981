/** Opens the importer of a configured server. Drivers are loaded at the first connection. */

import type { DatabaseInstanceConfig } from '../types.ts';
import type { DatabaseImporter } from './types.ts';

export async function openDatabaseImporter(config: DatabaseInstanceConfig): Promise<DatabaseImporter> {
  if (config.engine === 'postgresql') {
    const { PostgresqlImporter } = await import('../postgresql/importer.ts');
    return new PostgresqlImporter(config);
  }
  const { MysqlImporter } = await import('../mysql/importer.ts');
  return new MysqlImporter(config);
}
