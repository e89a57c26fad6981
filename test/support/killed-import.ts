/**
 * A process that imports and kills itself at one point: `node killed-import.ts <JSON>`. Ends by SIGKILL, or
 * with 3 where the point never came.
 */

import type { DatabaseSelector } from '../../src/core/contracts/panel.ts';
import type { DatabaseInstanceConfig } from '../../src/core/databases/types.ts';
import { contextOf, runImport } from './imports.ts';

export interface KilledImport {
  readonly config: DatabaseInstanceConfig;
  readonly selector: DatabaseSelector;
  readonly stateDir: string;
  readonly file: string;
  readonly database: string;
  /** `bytes`, `phase:<name>` or `step:<name>`. */
  readonly at: string;
  /** UUID of the account; one of the tests' own where it is left out. */
  readonly owner?: string;
}

const request = JSON.parse(process.argv[2] ?? '{}') as KilledImport;
const context = await contextOf(request.config, request.selector, request.stateDir, (event) => {
  const point =
    event.type === 'step'
      ? `step:${event.step}`
      : event.type === 'phase'
        ? `phase:${event.phase}`
        : event.type;
  if (point === request.at) process.kill(process.pid, 'SIGKILL');
});
const account = { ...context.account, ...(request.owner === undefined ? {} : { owner: request.owner }) };
await runImport({ ...context, account }, request.file, request.database, { place: { kind: 'replace' } });
process.exitCode = 3;
