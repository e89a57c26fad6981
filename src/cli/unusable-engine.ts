/**
 * Stands in for a database server that cannot even be addressed, so that it fails as a component of each
 * account and the rest of the backup goes on.
 */

import type { DatabaseSettings } from '../core/config/config-schema.ts';
import type { HoldfastError } from '../core/errors.ts';
import type { DatabaseEngine } from '../core/index.ts';

export function unusableEngine({ name, engine }: DatabaseSettings, error: HoldfastError): DatabaseEngine {
  return {
    instance: name,
    engine,
    family: engine === 'postgresql' ? 'postgresql' : 'mysql',
    check: async () => [{ name: 'secret', state: 'error', detail: error.message, code: error.code }],
    discover: () => Promise.reject(error),
    exports: () => Promise.reject(error),
    close: async () => {},
  };
}
