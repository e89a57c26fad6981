/** How databases are exported, and for how long replaced ones are kept. */

import type { ConfigDocument } from './config-schema.ts';

export interface DatabaseOptions {
  readonly export: ConfigDocument['export'];
  readonly panelExport: NonNullable<ConfigDocument['panelExport']> | null;
  /** For how long a database that an import replaced is kept. */
  readonly keepReplacedDays: number;
}

export const databaseOptionsOf = (config: ConfigDocument): DatabaseOptions => ({
  export: config.export,
  panelExport: config.panelExport ?? null,
  keepReplacedDays: config.keepReplacedDays,
});
