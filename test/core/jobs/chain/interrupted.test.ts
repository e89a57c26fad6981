/** Incrementals that were killed with -9 when all but the manifest was stored, and the runs after them. */

import { randomBytes } from 'node:crypto';
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HoldfastError } from '../../../../src/core/errors.ts';
import type { Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { ahead, openLab } from '../../../support/backup.ts';
import { begin, hear, kill, startJob } from '../../../support/backup-process.ts';
import { hookedStore } from '../../../support/hooked-store.ts';
import { type ChainLab, newTarBytes, openChainLab } from './chain-lab.ts';

const journalsOf = ({ lab }: ChainLab): string[] => {
  const directory = join(lab.stateDir, 'journals', lab.addin.id);
  return existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : [];
};

/** Objects that this snapshot calls its own although another run wrote them. */
const takenOver = ({ header }: Snapshot): string[] =>
  header.objects.flatMap(({ key }) => (key.includes(header.objectId) ? [] : [key]));

const notedBytes = (chain: ChainLab): number =>
  journalsOf(chain).reduce((sum, path) => sum + statSync(path).size, 0);

async function killed(chain: ChainLab): Promise<void> {
  const before = notedBytes(chain);
  const child = startJob('backup', chain.directory, { LAB_CHAIN: '1', LAB_STUCK: 'manifests/' });
  await begin(child);
  await hear(child, 'stuck');
  // What was stored is noted a second later at the latest.
  await expect.poll(() => notedBytes(chain), { timeout: 10_000 }).toBeGreaterThan(before);
  await kill(child);
}

/** A full of a hundred files, and three hundred new ones of which a killed incremental stored all. */
async function interrupted(): Promise<ChainLab> {
  const chain = await openChainLab();
  for (let i = 0; i < 100; i++) chain.write(`old/${i}`, randomBytes(500));
  await chain.full();
  for (let i = 0; i < 300; i++) chain.write(`new/${i % 3}/${i}`, randomBytes(2000));
  chain.write('large', randomBytes(3 * 2 ** 20));
  await killed(chain);
  return chain;
}

describe('after an incremental was killed', () => {
  it('the next refers to what it stored, and stores only what changed since', async () => {
    await using chain = await interrupted();
    const [journal] = journalsOf(chain);
    const [notes, gone] = [readFileSync(journal!), readFileSync(chain.at('new/0/0'))];
    rmSync(chain.at('new/0'), { recursive: true });
    renameSync(chain.at('new/1'), chain.at('moved'));
    chain.write('late', randomBytes(2000));
    const next = await chain.incremental();

    expect(takenOver(next).length).toBeGreaterThan(0);
    expect(newTarBytes(next)).toBeLessThan(10_000);
    const numbers = [...next.header.objects, ...next.header.references].map(({ number }) => number);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(journalsOf(chain)).toEqual([]);
    await chain.expectRestorable();
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);

    // As a run leaves it that was killed when its manifest was there: what its notes name is the parent's by now.
    writeFileSync(journal!, notes);
    chain.write('back', gone);
    const after = await chain.incremental();
    expect(newTarBytes(after)).toBe(0);
    expect(takenOver(after)).toEqual([]);
    const keys = after.header.references.map(({ key }) => key);
    expect(keys).toEqual(expect.arrayContaining(takenOver(next)));
    expect(new Set(keys).size).toBe(keys.length);
    expect(journalsOf(chain)).toEqual([]);
  });

  it('twice in a row, the third takes over what either stored', async () => {
    await using chain = await interrupted();
    for (let i = 0; i < 100; i++) chain.write(`more/${i}`, randomBytes(2000));
    await killed(chain);
    expect(journalsOf(chain).length).toBe(2);
    const next = await chain.incremental();

    expect(new Set(takenOver(next).map((key) => key.split('/')[3]!.slice(0, 32))).size).toBe(2);
    expect(newTarBytes(next)).toBe(0);
    await chain.expectRestorable();
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
  });

  it('a differential takes over too, whose numbers begin lower', async () => {
    await using chain = await openChainLab();
    for (let i = 0; i < 50; i++) chain.write(`old/${i}`, randomBytes(500));
    await chain.full();
    for (let i = 0; i < 3; i++) {
      chain.write(`night/${i}`, randomBytes(5000));
      await chain.incremental();
    }
    chain.write('new', randomBytes(100_000));
    await killed(chain);
    const next = await chain.incremental({ level: 'differential' });

    expect(takenOver(next).length).toBe(1);
    // What the nights stored is no part of the full.
    expect(newTarBytes(next)).toBeLessThan(40_000);
    await chain.expectRestorable();
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
  });

  it('a full stores everything itself, and forgets what was left', async () => {
    await using chain = await interrupted();
    const next = await chain.full();

    expect(takenOver(next)).toEqual([]);
    expect(next.header.references).toEqual([]);
    expect(journalsOf(chain)).toEqual([]);
  });

  it('what is gone from the store, or was left too long ago, is stored anew', async () => {
    await using chain = await interrupted();
    const [journal] = journalsOf(chain);
    const kept = readFileSync(journal!);
    const old = await chain.incremental({ now: () => Date.now() + 13 * 3_600_000 });
    expect(takenOver(old)).toEqual([]);
    rmSync(chain.at('new'), { recursive: true });
    for (let i = 0; i < 300; i++) chain.write(`new/${i % 3}/${i}`, randomBytes(2000));
    await killed(chain);
    const { server, owner } = old.header;
    const data = join(chain.lab.storePath, 'data', server, owner);
    const [left] = journalsOf(chain);
    const objectId = /-([0-9a-f]{32})\.journal$/.exec(left!)![1]!;
    for (const name of readdirSync(data)) if (name.startsWith(objectId)) rmSync(join(data, name));
    writeFileSync(`${left!.slice(0, -40)}${'0'.repeat(32)}.journal`, kept.subarray(0, 100));
    const next = await chain.incremental();

    expect(takenOver(next)).toEqual([]);
    expect(newTarBytes(next)).toBeGreaterThan(600_000);
    await chain.expectRestorable();
  });

  it('notes that are cut short or damaged cost no more than what they say', async () => {
    await using chain = await interrupted();
    const [journal] = journalsOf(chain);
    const bytes = readFileSync(journal!);
    // The last record is a segment's; bits in the middle are those of a page.
    truncateSync(journal!, bytes.length - 3);
    const file = readFileSync(journal!);
    file[file.length >> 1]! ^= 1;
    writeFileSync(journal!, file);
    const next = await chain.incremental();

    expect(newTarBytes(next)).toBeGreaterThan(0);
    await chain.expectRestorable();
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
  });
});

describe('an incremental', () => {
  const backUp = async (chain: ChainLab, beforePut: (key: string) => void): Promise<Snapshot> => {
    const store = hookedStore(chain.lab.store, { beforePut });
    const lab = await openLab(chain.directory, { chain: { rereadEvery: 100_000 }, store, now: ahead });
    return (await lab.backUp({ shadow: chain.tree }, { level: 'incremental' })).snapshot;
  };

  it('that fails notes at once what it stored', async () => {
    await using chain = await openChainLab();
    chain.write('a', 'content');
    await chain.full();
    chain.write('b', randomBytes(50_000));
    const fail = (key: string): void => {
      if (key.startsWith('manifests/')) throw new HoldfastError('STORE_UNAVAILABLE', 'no answer');
    };
    await expect(backUp(chain, fail)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(journalsOf(chain).length).toBe(1);
    const next = await chain.incremental();

    expect(takenOver(next).length).toBe(1);
    expect(newTarBytes(next)).toBeLessThan(10_000);
    await chain.expectRestorable(next);
  });

  it('that is soon committed notes nothing', async () => {
    await using chain = await openChainLab();
    chain.write('a', 'content');
    await chain.full();
    chain.write('b', randomBytes(50_000));
    let seen: string[] = ['not asked'];
    const next = await backUp(chain, (key) => {
      if (key.startsWith('manifests/')) seen = journalsOf(chain);
    });
    // Nor afterwards.
    await new Promise((resolve) => setTimeout(resolve, 1200));

    expect(seen).toEqual([]);
    expect(journalsOf(chain)).toEqual([]);
    expect(takenOver(next)).toEqual([]);
  });
});
