/** What verify says a damaged object affects in a chain: those snapshots and paths, and no others. */

import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Snapshot } from '../../../src/core/jobs/catalog.ts';
import { repairLab } from '../../support/upkeep.ts';
import { type ChainLab, openChainLab } from './chain/chain-lab.ts';

let chain: ChainLab;
let [first, second, third]: Snapshot[] = [];

beforeEach(async () => {
  chain = await openChainLab({ pageBytes: 600 }, '/dev/shm');
  for (let i = 0; i < 12; i++) chain.write(`a${i}/file`, randomBytes(2000));
  first = await chain.full();
  chain.write('b/linked', randomBytes(3000));
  linkSync(chain.at('b/linked'), chain.at('c-other-name'));
  chain.write('b/plain', randomBytes(3000));
  second = await chain.incremental();
  rmSync(chain.at('b/plain'));
  chain.write('d', 'text');
  third = await chain.incremental();
});
afterEach(() => chain[Symbol.asyncDispose]());

const stored = (key: string): string => join(chain.lab.storePath, key);
const own = (snapshot: Snapshot | undefined, kind: string): string =>
  snapshot!.header.objects.find((one) => one.kind === kind)!.key;

/** Paths by snapshot that has problems. */
async function affected(readData: boolean): Promise<Record<string, (string | null)[]>> {
  const { snapshots } = await chain.lab.verify(readData);
  const bad = snapshots.filter(({ problems }) => problems.length > 0);
  const pathsOf = (one: (typeof bad)[number]): (string | null)[] =>
    [...new Set(one.problems.map(({ path }) => path))].filter((path) => path !== null).sort();
  return Object.fromEntries(bad.map((one) => [one.name, pathsOf(one)]));
}

describe.each([true, false])('verify (reading data: %s)', (readData) => {
  it('names every path, under all its names, whose content lies in a missing segment', async () => {
    rmSync(stored(own(second, 'segment')));
    expect(await affected(readData)).toEqual({
      [second!.name]: ['shadow/b/linked', 'shadow/b/plain', 'shadow/c-other-name'],
      [third!.name]: ['shadow/b/linked', 'shadow/c-other-name'],
    });
  });

  it('names a truncated segment of the last snapshot there alone', async () => {
    truncateSync(stored(own(third, 'segment')), 40);
    expect(await affected(readData)).toEqual({ [third!.name]: ['shadow/d'] });
  });

  it('names the trees whose index is missing', async () => {
    rmSync(stored(own(third, 'index')));
    const { snapshots } = await chain.lab.verify(readData);
    const bad = snapshots.filter(({ problems }) => problems.length > 0);
    expect(bad.map(({ name }) => name)).toEqual([third!.name]);
    expect(bad[0]!.problems.map(({ component }) => component)).toContain('shadow');
  });
});

describe('verify with --read-data', () => {
  it('names the paths of one damaged frame', async () => {
    const key = own(second, 'segment');
    const bytes = readFileSync(stored(key));
    bytes[200]! ^= 1;
    writeFileSync(stored(key), bytes);
    expect(Object.keys(await affected(true))).toEqual([second!.name, third!.name]);
    expect(Object.keys(await affected(false))).toEqual([]);
  });

  it('names a segment that was swapped with another', async () => {
    writeFileSync(stored(own(third, 'segment')), readFileSync(stored(own(second, 'segment'))));
    expect(await affected(true)).toEqual({ [third!.name]: ['shadow/d'] });
  });

  it('finds nothing that repair has marked already', async () => {
    rmSync(stored(own(second, 'segment')));
    await repairLab(chain.lab);
    expect(await affected(true)).toEqual({});
    expect(first!.header.revision).toBe(0);
  });
});
