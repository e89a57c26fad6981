/** Restores in place as the command does, on the laboratory's account. */

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Account, Panel } from '../../src/core/contracts/panel.ts';
import { displayName } from '../../src/core/filesystem/xattrs.ts';
import { restoreInPlace } from '../../src/core/jobs/restore-in-place/restore-in-place.ts';
import type {
  InPlaceEvent,
  InPlaceReport,
  InPlaceRequest,
} from '../../src/core/jobs/restore-in-place/types.ts';
import type { Lab } from './backup.ts';

export interface InPlaceOutcome extends InPlaceReport {
  /** `action path`, in order; odd bytes escaped. */
  readonly list: readonly string[];
}

/** An account whose tree is its own directory and nothing is mounted. */
export function accountAt(tree: string, extra: Partial<Account> = {}): Account {
  return {
    site: 'site1',
    home: null,
    domain: 'lab.example',
    aliases: [],
    plan: null,
    state: 'active',
    problem: null,
    owner: null,
    trees: [{ name: 'shadow', path: tree, exclude: [] }],
    databases: [],
    metadata: {},
    ...extra,
  };
}

/** Writes into the trees themselves. */
export const plainPanel: Panel = {
  name: 'lab',
  accounts: async () => [],
  writablePath: async ({ account, tree }) => ({
    path: account.trees.find(({ name }) => name === tree)!.path,
  }),
  afterRestore: async () => {},
};

export async function restoreTreeInPlace(
  lab: Lab,
  directory: string,
  account: Account,
  options: Partial<InPlaceRequest> = {},
): Promise<InPlaceOutcome> {
  const list: string[] = [];
  const onEvent = (event: InPlaceEvent): void => {
    if (event.type === 'action') list.push(`${event.action} ${displayName(event.path)}`);
    options.onEvent?.(event);
  };
  const report = await restoreInPlace({
    provider: lab.provider,
    snapshot: options.snapshot ?? (await lab.latest()),
    account,
    panel: plainPanel,
    stateDir: join(directory, 'state'),
    paths: [],
    everything: options.paths === undefined,
    delete: false,
    compareContents: 'when-times-differ',
    dryRun: false,
    newId: () => randomBytes(8).toString('hex'),
    signal: new AbortController().signal,
    ...options,
    onEvent,
  });
  return { ...report, list };
}
