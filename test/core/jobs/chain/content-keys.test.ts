/** The keys of contents that a chain keeps in the state: they spare looks, and never a content that is there. */

import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  linkSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { type ChainLab, newTarBytes, openChainLab } from './chain-lab.ts';

const keysOf = ({ lab }: ChainLab): string[] => {
  const directory = join(lab.stateDir, 'parents', lab.addin.id);
  return readdirSync(directory).map((owner) => join(directory, owner, 'contents.keys'));
};
const bytesOf = (chain: ChainLab): number => statSync(keysOf(chain)[0]!).size;

/** Two hundred files in pages of a few each, a large one, and one with two names; and an incremental that began the keys. */
async function begun(): Promise<ChainLab> {
  const chain = await openChainLab({ pageBytes: 2048 });
  for (let i = 0; i < 200; i++) chain.write(`d${i % 7}/f${i}`, randomBytes(300));
  chain.write('large', randomBytes(3 * 2 ** 20));
  chain.write('one', randomBytes(500));
  linkSync(chain.at('one'), chain.at('other'));
  await chain.full();
  chain.write('begin', randomBytes(300));
  await chain.incremental();
  return chain;
}

const copies = ['d1/f1', 'large', 'one', 'begin'];

/** Backs up a copy of each kind of content. */
async function backUpCopies(chain: ChainLab, number: number): Promise<Snapshot> {
  for (const name of copies) copyFileSync(chain.at(name), chain.at(`${name}-${number}`));
  return chain.incremental();
}

describe('keys of contents in the state', () => {
  it('begin with the first look for a content, and grow by what each snapshot stores', async () => {
    await using chain = await begun();
    const atFirst = bytesOf(chain);
    expect(atFirst).toBeGreaterThan(8 * 200);
    expect(atFirst % 8).toBe(0);
    for (let i = 0; i < 3; i++) {
      chain.write(`new${i}`, randomBytes(300));
      expect(newTarBytes(await chain.incremental())).toBeGreaterThan(300);
      expect(bytesOf(chain)).toBe(atFirst + (i + 1) * (24 + 8));
    }
    await chain.incremental();
    expect(bytesOf(chain)).toBe(atFirst + 3 * 32 + 24);
    // What came in each of them is known, and so is what was there at first.
    for (let i = 0; i < 3; i++) copyFileSync(chain.at(`new${i}`), chain.at(`again${i}`));
    expect(newTarBytes(await backUpCopies(chain, 1))).toBe(0);
    expect(bytesOf(chain)).toBe(atFirst + 3 * 32 + 2 * 24);
    await chain.expectRestorable();
  });

  it.each([
    ['are lost', (path: string) => rmSync(path)],
    ['are cut short', (path: string) => truncateSync(path, 500)],
    ['are other bytes', (path: string) => writeFileSync(path, randomBytes(3000))],
  ])('cost no space where they %s, and begin anew', async (_, damage) => {
    await using chain = await begun();
    const atFirst = bytesOf(chain);
    for (const path of keysOf(chain)) damage(path);
    expect(newTarBytes(await backUpCopies(chain, 1))).toBe(0);
    expect(bytesOf(chain)).toBeGreaterThanOrEqual(atFirst);
    expect(newTarBytes(await backUpCopies(chain, 2))).toBe(0);
  });

  it('serve a differential, which is compared with the full before them, and what is compared with that', async () => {
    await using chain = await begun();
    chain.write('in-between', randomBytes(300));
    await chain.incremental();
    const before = bytesOf(chain);
    const { snapshot } = await chain.lab.backUp({ shadow: chain.tree }, { level: 'differential' });
    expect(snapshot.header.level).toBe('differential');
    // It stores what the incremental before it had as well, for it refers to the full alone.
    expect(bytesOf(chain)).toBe(before + 24 + 2 * 8);
    expect(newTarBytes(await backUpCopies(chain, 1))).toBe(0);
    await chain.expectRestorable();
  });

  it('are not asked, or made, for what was only touched or written again as it was', async () => {
    await using chain = await begun();
    for (const path of keysOf(chain)) rmSync(path);
    for (const name of ['d1/f1', 'large', 'begin']) {
      const content = readFileSync(chain.at(name));
      writeFileSync(chain.at(name), content);
    }
    utimesSync(chain.at('d2/f2'), 1, 1);
    const snapshot = await chain.incremental();
    expect(newTarBytes(snapshot)).toBe(0);
    expect(() => bytesOf(chain)).toThrow('ENOENT');
    await chain.expectRestorable();
  });

  it('go with a full, of which they know nothing', async () => {
    await using chain = await begun();
    chain.write('only-in-full', randomBytes(300));
    await chain.full();
    expect(() => bytesOf(chain)).toThrow('ENOENT');
    copyFileSync(chain.at('only-in-full'), chain.at('copy'));
    expect(newTarBytes(await backUpCopies(chain, 1))).toBe(0);
  });

  it('are not kept of an account whose index is one page', async () => {
    await using chain = await openChainLab();
    chain.write('file', randomBytes(300));
    await chain.full();
    copyFileSync(chain.at('file'), chain.at('copy'));
    expect(newTarBytes(await chain.incremental())).toBe(0);
    expect(() => bytesOf(chain)).toThrow('ENOENT');
  });
});
