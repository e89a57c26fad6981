/** Copies of a laboratory's store: runs the job as a run does, and looks at what came of it. */

import { hash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { localStore } from '../../src/addins/local/index.ts';
import { s3TarProvider } from '../../src/addins/s3-tar/index.ts';
import { readManifest } from '../../src/core/archive/manifest.ts';
import type { Store } from '../../src/core/contracts/store.ts';
import type { CopyReport } from '../../src/core/jobs/copy/report.ts';
import type { CopyRun, CopyTarget } from '../../src/core/jobs/copy/types.ts';
import { copySnapshots } from '../../src/core/jobs/copy-snapshots.ts';
import type { Lab } from './backup.ts';

/** A copy in a directory, its store wrapped where a test wants trouble. */
export const copyIn = (
  path: string,
  name = 'offsite',
  wrap: (store: Store) => Store = (store) => store,
  retention: CopyTarget['retention'] = null,
): CopyTarget => ({
  name,
  retention,
  open: async () => {
    const store = wrap(await localStore.open({ use: 'local', path }));
    return { store, provider: await s3TarProvider.open({ store, settings: { use: 's3-tar' } }) };
  },
});

export function runCopies(
  { addin, state, stateDir }: Pick<Lab, 'addin' | 'state' | 'stateDir'>,
  copies: readonly CopyTarget[],
  overrides: Partial<CopyRun> = {},
): Promise<readonly CopyReport[]> {
  return copySnapshots({
    addin,
    copies,
    state,
    stateDir,
    concurrency: 2,
    world: { now: Date.now, newUuid: randomUUID },
    signal: new AbortController().signal,
    onEvent: () => {},
    ...overrides,
  });
}

export async function runCopy(
  lab: Pick<Lab, 'addin' | 'state' | 'stateDir'>,
  copy: CopyTarget,
  overrides: Partial<CopyRun> = {},
): Promise<CopyReport> {
  const [report] = await runCopies(lab, [copy], overrides);
  return report!;
}

export interface StoredObject {
  readonly size: number;
  readonly sha256: string;
}

/** Objects of snapshots below a local store, by key, sorted. */
export function objectsIn(path: string): Map<string, StoredObject> {
  const keys = ['data', 'index', 'manifests'].flatMap((top) => {
    const directory = join(path, top);
    if (!existsSync(directory)) return [];
    return readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => `${top}/${name}`);
  });
  const files = keys.filter((key) => statSync(join(path, key)).isFile()).sort();
  return new Map(
    files.map((key) => {
      const bytes = readFileSync(join(path, key));
      return [key, { size: bytes.length, sha256: hash('sha256', bytes, 'hex') }];
    }),
  );
}

/** Objects that a manifest of the store names and that are not there, byte by byte. */
export function danglingIn(path: string): string[] {
  const objects = objectsIn(path);
  return [...objects.keys()].flatMap((key) => {
    if (!key.endsWith('.manifest')) return [];
    const { header } = readManifest(readFileSync(join(path, key)), key);
    return [...header.objects, ...header.references]
      .filter(({ key, size, sha256 }) => {
        const found = objects.get(key);
        return found?.size !== size || found.sha256 !== sha256;
      })
      .map((object) => object.key);
  });
}
