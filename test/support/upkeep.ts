/** Prune, compact and repair over a laboratory's store, as an administrator runs them one after the other. */

import { randomBytes } from 'node:crypto';
import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { compact } from '../../src/core/jobs/compact/compact.ts';
import type { CompactReport, CompactRequest } from '../../src/core/jobs/compact/types.ts';
import { prune } from '../../src/core/jobs/prune/prune.ts';
import type { PruneReport, PruneRequest } from '../../src/core/jobs/prune/types.ts';
import { repair } from '../../src/core/jobs/repair/repair.ts';
import type { RepairReport, RepairRequest } from '../../src/core/jobs/repair/types.ts';
import { openSigner } from '../../src/core/state/signing-key.ts';
import type { Lab } from './backup.ts';

const signal = new AbortController().signal;
const world = { now: Date.now, newObjectId: () => randomBytes(16).toString('hex') };

export const pruneLab = (lab: Lab, more: Partial<PruneRequest> = {}): Promise<PruneReport> =>
  prune({
    store: lab.store,
    provider: lab.provider,
    server: lab.state.server.uuid,
    addin: lab.addin,
    owners: null,
    retention: { keepLast: 2, maxRemoveShare: 1 },
    apply: true,
    stateDir: lab.stateDir,
    world,
    signal,
    onEvent: () => {},
    ...more,
  });

export async function compactLab(lab: Lab, more: Partial<CompactRequest> = {}): Promise<CompactReport> {
  return compact({
    store: lab.store,
    provider: lab.provider,
    server: lab.state.server.uuid,
    owners: null,
    threshold: 0.5,
    maxBytes: null,
    apply: true,
    stateDir: lab.stateDir,
    signer: await openSigner(lab.stateDir, lab.state.server.uuid),
    world,
    signal,
    onEvent: () => {},
    ...more,
  });
}

/** As if everything had been in the local store for two days. */
export function ageStore({ storePath }: Lab): void {
  for (const entry of readdirSync(storePath, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const then = Date.now() / 1000 - 2 * 86_400;
    utimesSync(join(entry.parentPath, entry.name), then, then);
  }
}

export async function repairLab(lab: Lab, more: Partial<RepairRequest> = {}): Promise<RepairReport> {
  return repair({
    store: lab.store,
    provider: lab.provider,
    server: lab.state.server.uuid,
    owners: null,
    copies: [],
    readData: true,
    apply: true,
    stateDir: lab.stateDir,
    signer: await openSigner(lab.stateDir, lab.state.server.uuid),
    world,
    signal,
    onEvent: () => {},
    ...more,
  });
}
