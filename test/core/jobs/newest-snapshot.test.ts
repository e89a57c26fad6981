/** What `latest` means, to Holdfast and to rescue.py, where sequences and clocks disagree. */

import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { localStore } from '../../../src/addins/local/index.ts';
import { s3TarProvider } from '../../../src/addins/s3-tar/index.ts';
import type { Provider } from '../../../src/core/contracts/provider.ts';
import type { Store } from '../../../src/core/contracts/store.ts';
import { listSnapshots } from '../../../src/core/jobs/catalog.ts';
import { findAnySnapshot } from '../../../src/core/jobs/find-snapshot.ts';
import { newestCandidates } from '../../../src/core/jobs/newest-snapshot.ts';
import { runRescue } from '../../support/backup.ts';
import {
  type addin,
  ownerUuid,
  putSnapshot,
  type SyntheticSnapshot,
  server,
  signal,
} from '../../support/synthetic-snapshots.ts';

const owner = ownerUuid(1);
const day = 86_400_000;
const start = Date.UTC(2020, 10, 1, 3);
/** No clock has been there yet. */
const ahead = (Date.now() - start) / day + 400;
const weekly = { id: 'b'.repeat(32), name: 'weekly' };
const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

interface Case {
  readonly sequence: number;
  /** In days, also fractions. */
  readonly at: number;
  readonly addin?: typeof addin;
  readonly lineage?: string;
}

/** A store with rescue.py in it. */
async function openStore(): Promise<{ readonly directory: string; readonly store: Store }> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-newest-'));
  directories.push(directory);
  copyFileSync(new URL('../../../src/core/archive/rescue.py', import.meta.url), join(directory, 'rescue.py'));
  return { directory, store: await localStore.open({ use: 'local', path: directory }) };
}

/** What both programs take for the latest of a store, and how many manifests Holdfast read for it. */
async function latestOf(snapshots: readonly Case[]): Promise<{ both: string; reads: number }> {
  const { directory, store } = await openStore();
  for (const { at, ...rest } of snapshots) {
    const made: SyntheticSnapshot = { owner, ...rest, atMs: start + at * day };
    await putSnapshot(store, made);
  }
  const provider = await s3TarProvider.open({ store, settings: { use: 's3-tar' } });
  let reads = 0;
  const counting: Provider = {
    ...provider,
    get: (request) => {
      reads++;
      return provider.get(request);
    },
  };
  const listed = await listSnapshots(store, {}, signal);
  const { header, name } = await findAnySnapshot(counting, listed, 'latest', signal, { nowMs: Date.now() });
  const { stdout, stderr } = await runRescue(directory, ['verify', 'latest', '--account', 'site1']);
  await store.close();
  expect(`${stdout}${stderr}`).toContain(name);
  return { both: `${header.addin.name} ${header.sequence}`, reads };
}

const nights = (from: number, to: number, rest: Partial<Case> = {}): Case[] =>
  Array.from({ length: to - from + 1 }, (_, i) => ({ sequence: from + i, at: i, ...rest }));

describe('the latest snapshot', () => {
  it('is the last of a lineage, found with one read', async () => {
    expect(await latestOf(nights(1, 9))).toEqual({ both: 'nightly 9', reads: 1 });
  });

  it('is the last of a lineage whose clock went back', async () => {
    const snapshots = [...nights(1, 9), { sequence: 10, at: 3.5 }, { sequence: 11, at: 4.5 }];
    expect(await latestOf(snapshots)).toEqual({ both: 'nightly 11', reads: 2 });
  });

  it('is the newest of two configurations, whichever has made more', async () => {
    const other = nights(1, 3, { addin: weekly }).map((one) => ({ ...one, at: one.at * 4 + 0.5 }));
    expect(await latestOf([...nights(40, 48), ...other])).toEqual({ both: 'weekly 3', reads: 2 });
    const more = [...nights(40, 48), ...other, { sequence: 49, at: 9 }];
    expect(await latestOf(more)).toEqual({ both: 'nightly 49', reads: 1 });
  });

  it('is of the new lineage of a machine that was set up anew', async () => {
    const anew = nights(1, 3, { lineage: 'anew' }).map((one) => ({ ...one, at: one.at + 20 }));
    expect(await latestOf([...nights(1, 12), ...anew])).toEqual({ both: 'nightly 3', reads: 2 });
  });

  it('is the newer commit where a clock went back beside another configuration', async () => {
    const back = [...nights(1, 9), { sequence: 10, at: 3.5 }];
    const before = { sequence: 1, at: 3.2, addin: weekly };
    const after = { sequence: 1, at: 5.5, addin: weekly };
    expect((await latestOf([...back, before])).both).toBe('nightly 10');
    expect((await latestOf([...back, after])).both).toBe('weekly 1');
  });

  it('is not what a clock has dated ahead where there is another lineage', async () => {
    const once = { sequence: 50, at: ahead, addin: weekly };
    expect(await latestOf([once, ...nights(1, 3)])).toEqual({ both: 'nightly 3', reads: 2 });
    expect((await latestOf([once, { sequence: 1, at: ahead - 1 }])).both).toBe('weekly 50');
  });

  it('is dated ahead where it surely came after what is not', async () => {
    const last = [...nights(1, 9), { sequence: 10, at: ahead }];
    expect((await latestOf([...last, { sequence: 1, at: 5.5, addin: weekly }])).both).toBe('nightly 10');
    expect((await latestOf([...last, { sequence: 1, at: 9.5, addin: weekly }])).both).toBe('weekly 1');
  });

  it('is the newer commit of one second', async () => {
    const one = { sequence: 5, at: 1 };
    const other = { sequence: 3, at: 1 + 1 / day, addin: weekly };
    expect(await latestOf([...nights(4, 4), one, other])).toEqual({ both: 'weekly 3', reads: 2 });
  });

  it('needs few reads where hundreds of snapshots of two configurations alternate', () => {
    const name = { server: owner, owner, level: 'full' as const, state: 'complete' as const, revision: 0 };
    const key = (sequence: number, atMs: number) => ({ ...name, id: '', key: `${sequence}`, sequence, atMs });
    const many = nights(300, 800).map(({ sequence, at }) => key(sequence, at * day));
    const few = nights(1, 500).map(({ sequence, at }) => key(sequence, (at + 1.5) * day));
    expect(newestCandidates([...many, ...few], Date.now()).length).toBeLessThanOrEqual(3);
  });
});

describe('an account whose name several have', () => {
  it('is asked for by rescue.py, the one with the newest snapshot first', async () => {
    const { directory, store } = await openStore();
    const elsewhere = server.replaceAll('1', '9');
    await putSnapshot(store, { owner, sequence: 7, atMs: start });
    await putSnapshot(store, { owner, sequence: 1, atMs: start + day, server: elsewhere });
    await store.close();

    const { stderr } = await runRescue(directory, ['verify', 'latest', '--account', 'site1']);

    const lines = [
      'site1 fits several accounts; use one of:',
      `  --account ${elsewhere}/${owner} (newest snapshot: 2020-11-02T03:`,
      `  --account ${server}/${owner} (newest snapshot: 2020-11-01T03:`,
    ];
    for (const line of lines) expect(stderr).toContain(line);
    expect(stderr.indexOf(elsewhere)).toBeLessThan(stderr.indexOf(server));
  });
});
