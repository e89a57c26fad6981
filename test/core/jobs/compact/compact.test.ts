/** Compact on real chains: what it rewrites, that every snapshot stays what it was, and that space comes back. */

import { randomBytes } from 'node:crypto';
import { linkSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Content } from '../../../../src/core/archive/entry.ts';
import { encodeManifest } from '../../../../src/core/archive/manifest.ts';
import { withKeys } from '../../../../src/core/encryption/keyed-provider.ts';
import { listSnapshots, readSnapshot, type Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { scanAccount } from '../../../../src/core/jobs/compact/scan.ts';
import type { CompactReport, CompactRequest } from '../../../../src/core/jobs/compact/types.ts';
import { openIndex } from '../../../../src/core/jobs/index-reader.ts';
import { openTrust } from '../../../../src/core/jobs/trust.ts';
import { openLab } from '../../../support/backup.ts';
import { begin, hear, kill, startJob } from '../../../support/backup-process.ts';
import { compareTrees } from '../../../support/compare-trees.ts';
import { ageStore, compactLab, pruneLab, repairLab } from '../../../support/upkeep.ts';
import { type ChainLab, openChainLab } from '../chain/chain-lab.ts';

const signal = new AbortController().signal;
let chain: ChainLab;

beforeEach(async () => {
  chain = await openChainLab(
    { pageBytes: 1000, chain: { cadence: 'forever', rereadEvery: 100_000 } },
    '/dev/shm',
  );
});
afterEach(() => chain[Symbol.asyncDispose]());

const all = async (): Promise<Snapshot[]> => {
  const listed = await listSnapshots(chain.lab.store, {}, signal);
  return Promise.all(listed.map((one) => readSnapshot(chain.lab.provider, one, signal)));
};

const storedBytes = async (): Promise<number> => {
  let sum = 0;
  for (const prefix of ['data/', 'index/']) {
    const { objects } = await chain.lab.store.list({ prefix, signal });
    for (const { sizeBytes } of objects) sum += sizeBytes;
  }
  return sum;
};

/** Twenty files of 100 KB, of which nineteen change after the first snapshot, which is then pruned. */
async function sparseChain(): Promise<void> {
  for (let i = 0; i < 20; i++) chain.write(`d${i}/file`, randomBytes(100_000));
  chain.write('plain', 'unchanged text');
  linkSync(chain.at('d0/file'), chain.at('other-name'));
  chain.write('sparse', randomBytes(8192));
  truncateSync(chain.at('sparse'), 10_000_000);
  await chain.full();
  for (let i = 1; i < 20; i++) chain.write(`d${i}/file`, randomBytes(100_000));
  await chain.incremental();
  chain.write('d1/file', randomBytes(100_000));
  await chain.incremental();
  await pruneLab(chain.lab);
}

const only = (report: CompactReport): CompactReport['accounts'][number] => {
  expect(report.accounts.length).toBe(1);
  return report.accounts[0]!;
};

describe('compact', () => {
  it('shows what it would rewrite, and changes nothing', async () => {
    await sparseChain();
    const before = await storedBytes();
    const shares: number[] = [];
    const onEvent: CompactRequest['onEvent'] = (event) => {
      if (event.type === 'account') shares.push(event.share);
    };
    const report = only(await compactLab(chain.lab, { apply: false, onEvent }));
    expect(shares).toEqual([1]);
    expect(report.objects.length).toBeGreaterThan(0);
    expect(report.objects.every(({ liveShare }) => liveShare < 0.5)).toBe(true);
    expect(report.snapshots.length).toBe(2);
    expect(report.published).toEqual([]);
    expect(await storedBytes()).toBe(before);
  });

  it('writes new revisions that are the same snapshots, and prune gives the space back', async () => {
    await sparseChain();
    const before = await Promise.all(
      (await all()).map(async (one) => [one, await chain.described(one)] as const),
    );
    const whole = await storedBytes();
    ageStore(chain.lab);
    await pruneLab(chain.lab);
    const sparse = await storedBytes();
    const report = only(await compactLab(chain.lab));
    expect(report.problem).toBe(null);
    expect(report.published).toEqual(before.map(([{ name }]) => name));
    const after = await all();
    for (const [i, [old, described]] of before.entries()) {
      const now = after[i]!;
      expect(now.header.revision).toBe(1);
      expect(now.header.replaces).toBe(old.key);
      expect(now.header.digest).toBe(old.header.digest);
      expect(now.body.contentRoot).toBe(old.body.contentRoot);
      expect(await chain.described(now)).toEqual(described);
    }
    await chain.expectRestorable();
    // The old revisions and what they need stay through the grace period.
    const young = await storedBytes();
    await pruneLab(chain.lab);
    expect(await storedBytes()).toBe(young);
    // Until there is a newer one, a server that sees no revisions may refer to the newest as it was.
    ageStore(chain.lab);
    await pruneLab(chain.lab);
    const [first] = before[0]!;
    expect(await chain.lab.store.head({ key: before[1]![0].key, signal })).not.toBe(null);
    expect(await chain.lab.store.head({ key: first.key, signal })).toBe(null);
    await chain.incremental();
    ageStore(chain.lab);
    await pruneLab(chain.lab);
    const left = await storedBytes();
    expect(left).toBeLessThan(whole - 1_700_000);
    // The index of the snapshot after it is there besides.
    expect(Math.abs(sparse - left - report.savedBytes)).toBeLessThan(20_000);
    expect((await chain.lab.verify(true)).snapshots.flatMap(({ problems }) => problems)).toEqual([]);
    await chain.expectRestorable();
    expect((await compactLab(chain.lab)).accounts).toEqual([]);
  });

  it('is followed by incrementals that refer to the new segments', async () => {
    await sparseChain();
    await compactLab(chain.lab);
    const next = await chain.incremental();
    expect(next.body.counts.tarBytes).toBe(0);
    ageStore(chain.lab);
    await pruneLab(chain.lab);
    await chain.expectRestorable();
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
  });

  it('leaves a kept full to tar', async () => {
    chain.write('a', randomBytes(200_000));
    for (let i = 0; i < 5; i++) chain.write(`gone${i}`, randomBytes(200_000));
    await chain.full();
    await chain.incremental();
    expect((await compactLab(chain.lab, { threshold: 1 })).accounts).toEqual([]);
  });

  it('rewrites nothing of which all is alive, however small the files', async () => {
    chain.write('first', 'x');
    await chain.full();
    for (let i = 0; i < 200; i++) chain.write(`small/${i}`, `${i}`);
    await chain.incremental();
    expect((await compactLab(chain.lab)).accounts).toEqual([]);
  });

  it.each(['data/', 'index/', 'manifests/'])(
    'ends well the second time where it was killed before %s',
    async (at) => {
      await sparseChain();
      const child = startJob('compact', chain.directory, { LAB_CHAIN: '1', LAB_STUCK: at });
      await begin(child);
      await hear(child, 'stuck');
      await kill(child);
      expect((await chain.lab.verify(true)).exitStatus).toBe(0);
      expect(only(await compactLab(chain.lab)).published.length).toBe(2);
      ageStore(chain.lab);
      await pruneLab(chain.lab);
      expect((await chain.lab.verify(true)).exitStatus).toBe(0);
      await chain.expectRestorable();
    },
  );

  it('does the same with encrypted snapshots, and without the identity nothing', async () => {
    await chain[Symbol.asyncDispose]();
    const settings = { cadence: 'forever', rereadEvery: 100_000 };
    chain = await openChainLab({ pageBytes: 1000, chain: settings, encrypted: true }, '/dev/shm');
    await sparseChain();
    const provider = withKeys(chain.lab.provider, {});
    await expect(compactLab(chain.lab, { provider })).rejects.toMatchObject({ code: 'IDENTITY_MISSING' });
    expect(only(await compactLab(chain.lab)).published.length).toBe(2);
    const { objects } = await chain.lab.store.list({ prefix: 'data/', signal });
    expect(objects.every(({ key }) => key.endsWith('.age'))).toBe(true);
    const next = await chain.incremental();
    expect(next.body.counts.tarBytes).toBe(0);
    ageStore(chain.lab);
    await pruneLab(chain.lab);
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
    const ours = `${chain.directory}/ours`;
    expect((await chain.lab.restore(ours)).failures).toEqual([]);
    expect((await compareTrees(chain.tree, `${ours}/shadow`)).differences).toEqual([]);
  });

  it('writes nothing plain of snapshots that are encrypted, also where newer ones are plain', async () => {
    await chain[Symbol.asyncDispose]();
    const settings = { cadence: 'forever', rereadEvery: 100_000 };
    chain = await openChainLab({ pageBytes: 1000, chain: settings, encrypted: true }, '/dev/shm');
    await sparseChain();
    const plain = await openLab(chain.directory, { chain: settings, encrypted: false });
    const backUp = { allowPlaintext: true, level: 'full' } as const;
    const { snapshot: full } = await plain.backUp({ shadow: chain.tree }, backUp);
    for (let i = 0; i < 20; i++) chain.write(`d${i}/file`, randomBytes(100_000));
    for (let i = 0; i < 2; i++) {
      await plain.backUp({ shadow: chain.tree }, { ...backUp, level: 'incremental' });
      chain.write('d0/file', randomBytes(100_000));
    }
    // As prune does in time: what a kept full needs is never rewritten.
    rmSync(`${chain.lab.storePath}/${full.key}`);
    const encrypted = (await all()).filter(({ header }) => header.encryption !== undefined);
    const report = only(await compactLab(chain.lab));
    expect(report.published.length).toBe(4);
    const after = await all();
    for (const { header } of encrypted) {
      const now = after.find((one) => one.header.id === header.id)!;
      expect(now.header.encryption, now.key).toEqual(header.encryption);
      for (const { key } of now.header.objects) expect(key).toMatch(/\.age$/);
    }
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
    await plain.close();
  });

  it('never signs what is not trusted', async () => {
    await sparseChain();
    const report = await compactLab(chain.lab, { trust: { keys: new Set() } });
    expect(report.accounts).toEqual([]);
  });

  // Of an encrypted account a plain body makes it a damaged one.
  const plain = it.runIf(process.env['LAB_ENCRYPTED'] !== '1');
  plain('does not count on from numbers that a stranger has put above ours', async () => {
    await sparseChain();
    const last = (await all()).at(-1)!;
    const { header, body, key } = last;
    const id = 'd'.repeat(12);
    const far = { ...header.references[0]!, number: 2 ** 31, kind: 'export' as const };
    // What it names stays as it is, so it names no segment.
    const [objects, others] = [header.objects, header.references].map((refs) =>
      refs.filter(({ kind }) => kind === 'index'),
    );
    const planted = { ...header, id, objects: objects!, references: [...others!, far] };
    const bytes = encodeManifest({ header: planted, body }, null);
    writeFileSync(join(chain.lab.storePath, key.replace(header.id, id)), bytes);
    // Nor is one of ours passed by whose next revision he has put.
    const next = encodeManifest({ header: { ...header, revision: 1 }, body }, null);
    writeFileSync(join(chain.lab.storePath, key.replace('.manifest', '-r1.manifest')), next);

    const trust = await openTrust(chain.lab.stateDir, []);
    const report = only(await compactLab(chain.lab, { trust }));

    expect(report.published).toEqual(report.snapshots);
    expect(report.published).toContain(last.name);
    const numbers = (await all()).flatMap((one) => (one.header.id === id ? [] : one.header.objects));
    expect(Math.max(...numbers.map(({ number }) => number))).toBeLessThan(1000);
  });

  it('leaves alone what takes more indexes and revisions than it saves', async () => {
    for (let i = 0; i < 20; i++) chain.write(`m/${i}`, `${i}`);
    await chain.full();
    for (let i = 0; i < 4; i++) chain.write(`a/${i}`, randomBytes(3_000));
    await chain.incremental();
    for (let i = 1; i < 4; i++) chain.write(`a/${i}`, randomBytes(3_000));
    // Each index has a page of its own, which stays, and a new root.
    for (let i = 0; i < 12; i++) {
      chain.write('z/file', `${i}`);
      await chain.incremental();
    }
    await pruneLab(chain.lab, { retention: { keepLast: 12, maxRemoveShare: 1 } });

    expect((await compactLab(chain.lab, { apply: false })).accounts).toEqual([]);
  });

  it('keeps to its budget, but for one object that is larger than all of it', async () => {
    await sparseChain();
    const none = await compactLab(chain.lab, { maxBytes: 0 });
    const report = await compactLab(chain.lab, { maxBytes: 1000 });

    expect(none).toMatchObject({ accounts: [], budgetSpent: true });
    const [object, ...more] = only(report).objects;
    expect(object!.rewriteBytes).toBeGreaterThan(1000);
    expect(more).toEqual([]);
    await chain.expectRestorable();
  });

  it('does nothing twice where two run at once from two machines', async () => {
    await sparseChain();
    const elsewhere = { stateDir: `${chain.directory}/elsewhere` };
    const reports = await Promise.all([compactLab(chain.lab), compactLab(chain.lab, elsewhere)]);
    const published = reports.flatMap(({ accounts }) => accounts.flatMap((one) => one.published));
    expect(published.length).toBe(2);
    ageStore(chain.lab);
    await pruneLab(chain.lab);
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
    await chain.expectRestorable();
  });

  it('does not bring back a snapshot that was pruned meanwhile', async () => {
    await sparseChain();
    const [first] = await all();
    const { store } = chain.lab;
    const onEvent = (): void => rmSync(`${chain.lab.storePath}/${first!.key}`, { force: true });
    const report = only(await compactLab(chain.lab, { onEvent }));
    expect(report.published.length).toBe(1);
    expect((await listSnapshots(store, {}, signal)).length).toBe(1);
  });

  it.each(['missing', 'damaged'])('goes on beside a %s segment that repair has dealt with', async (how) => {
    for (let i = 0; i < 20; i++) chain.write(`d${i}/file`, randomBytes(100_000));
    linkSync(chain.at('d0/file'), chain.at('d0/link'));
    await chain.full();
    for (const first of [1, 2, 20]) {
      for (let i = first; i < 20; i++) chain.write(`d${i}/file`, randomBytes(100_000));
      await chain.incremental();
    }
    await pruneLab(chain.lab);
    const last = await chain.lab.latest();
    const reader = await openIndex(chain.lab.provider, last, signal);
    const keyOf = ({ extents: [first] }: Content): string =>
      reader.root.objects.find(({ number }) => number === first!.object)!.key;
    const bad = keyOf((await reader.linkRecords().next()).value.content);
    const other = keyOf((await chain.entry(last, 'd1/file'))!.content!);
    const path = join(chain.lab.storePath, bad);
    if (how === 'missing') rmSync(path);
    else writeFileSync(path, Buffer.alloc(statSync(path).size));
    expect((await repairLab(chain.lab)).snapshots).toMatchObject([{ lostPaths: 2 }, { lostPaths: 2 }]);
    const { segments } = await scanAccount(chain.lab.provider, await all(), signal);
    expect(segments.has(bad)).toBe(how === 'damaged');

    const report = await compactLab(chain.lab);

    expect([report.exitStatus, only(report).problem]).toEqual([0, null]);
    expect(only(report).published).toHaveLength(2);
    expect(only(report).objects.map(({ key }) => key)).toContain(other);
    for (const { header } of await all()) {
      const keys = [...header.objects, ...header.references].map(({ key }) => key);
      expect(keys.includes(bad)).toBe(how === 'damaged');
    }
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
    expect(await compactLab(chain.lab)).toMatchObject({ accounts: [], exitStatus: 0 });
  });

  it('leaves damaged contents where they are, and says so', async () => {
    await sparseChain();
    const { objects } = only(await compactLab(chain.lab, { apply: false }));
    const path = `${chain.lab.storePath}/${objects[0]!.key}`;
    writeFileSync(path, Buffer.alloc(1000), { flag: 'r+' });
    const report = await compactLab(chain.lab);
    expect(only(report).problem).toMatch(/contents stay where they are/);
    expect(report.exitStatus).not.toBe(0);
    const { snapshots } = await chain.lab.verify(true);
    expect(snapshots.some(({ problems }) => problems.some(({ object }) => object === objects[0]!.key))).toBe(
      true,
    );
  });
});
