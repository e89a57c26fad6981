/** That verify reads once what the snapshots of a chain share, and still tells each of them what is wrong. */

import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Provider } from '../../../src/core/contracts/provider.ts';
import type { Store } from '../../../src/core/contracts/store.ts';
import { withKeys } from '../../../src/core/encryption/keyed-provider.ts';
import { type ListedSnapshot, listSnapshots, type Snapshot } from '../../../src/core/jobs/catalog.ts';
import { verify } from '../../../src/core/jobs/verify.ts';
import { type ChainLab, openChainLab } from './chain/chain-lab.ts';

const signal = new AbortController().signal;
let chain: ChainLab;
let full: Snapshot;
let last: Snapshot;
let listed: ListedSnapshot[];

beforeEach(async () => {
  chain = await openChainLab({ pageBytes: 600 }, '/dev/shm');
  for (let i = 0; i < 40; i++) chain.write(`a${i}/file`, randomBytes(10_000));
  linkSync(chain.at('a0/file'), chain.at('a0/other-name'));
  full = await chain.full();
  for (let i = 0; i < 3; i++) {
    chain.write(`z${i}/file`, randomBytes(1000));
    last = await chain.incremental();
  }
  listed = await listSnapshots(chain.lab.store, {}, signal);
});
afterEach(() => chain[Symbol.asyncDispose]());

const segmentsOf = ({ header }: Snapshot): string[] =>
  header.objects.filter(({ kind }) => kind === 'segment').map(({ key }) => key);

/** What a verification with every byte asks for. */
async function reads(snapshots: readonly ListedSnapshot[]) {
  const { store, provider } = chain.lab;
  const whole: string[] = [];
  const ranges = { bytes: 0 };
  let bytes = 0;
  let told = 0;
  const segments = segmentsOf(full);
  async function* get(request: Parameters<Provider['get']>[0]): AsyncGenerator<Uint8Array> {
    if (request.range === undefined) whole.push(request.key);
    else if (segments.includes(request.key)) ranges.bytes += request.range.length;
    for await (const piece of provider.get(request)) {
      bytes += piece.length;
      yield piece;
    }
  }
  const counting = { ...withKeys(provider, { keys: provider.keys ?? null }), get };
  const report = await verify({
    ...{ provider: counting, store, snapshots, readData: true, threads: 1, signal },
    onEvent: (event) => {
      if (event.type === 'bytes') told += event.bytes;
    },
  });
  expect({ bytesRead: report.bytesRead, told }).toEqual({ bytesRead: bytes, told: bytes });
  return { report, whole, contents: ranges.bytes };
}

describe('verify --read-data', () => {
  it('reads objects and contents that snapshots share once, and counts all that it reads', async () => {
    const alone = await reads(listed.slice(0, 1));
    const { report, whole, contents } = await reads(listed);
    expect(report).toMatchObject({ exitStatus: 0, snapshots: { length: 4 } });
    expect(whole.filter((key, i) => whole.indexOf(key) !== i)).toEqual([]);
    expect(contents).toBe(alone.contents);
  });

  it('tells each snapshot of an object that is damaged, and reads that once too', async () => {
    const [key] = segmentsOf(full);
    const path = join(chain.lab.storePath, key!);
    const bytes = readFileSync(path);
    bytes.fill(0, 15_000, 16_000);
    writeFileSync(path, bytes);
    const { report, whole } = await reads(listed);
    // Frames are read at once, so what they hold is told in any order.
    const told = report.snapshots.map(({ problems }) =>
      problems.toSorted((a, b) => ((a.path ?? '') < (b.path ?? '') ? -1 : 1)),
    );
    for (const problems of told) {
      expect(problems[0]).toMatchObject({ object: key, path: null });
      expect(problems[1]!.path).toMatch(/^shadow\/a\d+\/file$/);
      expect(problems).toEqual(told[0]);
    }
    expect(whole.filter((one) => one === key)).toEqual([key]);
  });
});

describe('verify', () => {
  it('asks for several sizes at once, and tells what is missing in the order of the objects', async () => {
    const { store, provider } = chain.lab;
    const names = last.header.references.filter(({ kind }) => kind === 'segment').map(({ key }) => key);
    for (const key of names) rmSync(join(chain.lab.storePath, key));
    let [underWay, most] = [0, 0];
    const slow: Store = Object.create(store, {
      list: { value: (request: Parameters<Store['list']>[0]) => store.list(request) },
      head: {
        value: async (request: Parameters<Store['head']>[0]) => {
          most = Math.max(most, ++underWay);
          // The first is answered last.
          await new Promise((done) => setTimeout(done, request.key === names[0] ? 20 : 1));
          underWay--;
          return store.head(request);
        },
      },
    });
    const request = { provider, store: slow, readData: false, threads: 1, signal, onEvent: () => {} };
    const { snapshots } = await verify({ ...request, snapshots: listed.slice(-1) });
    const told = snapshots[0]!.problems.map(({ object }) => object).filter((key) => key !== null);
    expect(told).toEqual(names);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(8);
  });
});
