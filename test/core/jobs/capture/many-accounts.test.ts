/** Many accounts at once, shared by more threads than this machine may have cores: each comes to its end, whole. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CaptureSink } from '../../../../src/core/jobs/capture/job.ts';
import type { CaptureTree } from '../../../../src/core/jobs/capture/messages.ts';
import { CapturePool } from '../../../../src/core/jobs/capture/pool.ts';
import { seededRandom } from '../../../support/seeded-random.ts';

const random = seededRandom(3);
const upTo = (limit: number): number => Math.floor(random() * limit);
const accounts: { readonly trees: readonly CaptureTree[]; readonly entries: number }[] = [];
let root = '';

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-many-accounts-'));
  for (let i = 0; i < 14; i++) accounts.push(newAccount(join(root, `${i}`)));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function newAccount(home: string): (typeof accounts)[number] {
  let entries = 0;
  const trees = Array.from({ length: 1 + upTo(3) }, (_, tree): CaptureTree => {
    const path = join(home, `${tree}`);
    mkdirSync(path, { recursive: true });
    entries += 1;
    for (let directory = upTo(8); directory > 0; directory--) {
      const within = join(path, `${directory}`);
      mkdirSync(within);
      const files = upTo(random() < 0.2 ? 500 : 40);
      for (let file = 0; file < files; file++) writeFileSync(join(within, `${file}`), `${file}`);
      entries += 1 + files;
    }
    return { name: `t${tree}`, path, device: 0, exclude: [] };
  });
  return { trees, entries };
}

/** How many entries came, and the numbers of segments that began and ended. */
async function capture(pool: CapturePool, trees: readonly CaptureTree[]): Promise<object> {
  const seen = { entries: 0, begun: new Set<number>(), ended: new Set<number>() };
  const sink: CaptureSink = {
    segment(number, body) {
      seen.begun.add(number);
      void (async () => {
        for await (const _ of body);
      })();
    },
    progress: () => {},
    segmentDone: ({ number }) => seen.ended.add(number),
    page: ({ count }) => (seen.entries += count),
    reuse: () => {},
    reuseLinks: () => {},
    noted: () => {},
    linkPage: () => {},
    warning: () => {},
  };
  const { signal } = new AbortController();
  const { nextNumber } = await pool.capture({ trees, parent: null, firstNumber: 0, signal }, sink);
  return { entries: seen.entries, begun: seen.begun.size, ended: seen.ended.size, nextNumber };
}

it('whoever finishes several accounts does not let go of one for the other', async () => {
  const pool = new CapturePool({ threads: 3, now: Date.now, pageBytes: 4096 });
  for (let round = 0; round < 20; round++) {
    const waiting = accounts.map((account) => ({ account, turn: random() }));
    const order = waiting.sort((a, b) => a.turn - b.turn).map(({ account }) => account);
    const worker = async (): Promise<void> => {
      for (let next = order.pop(); next !== undefined; next = order.pop()) {
        const { entries, trees } = next;
        const seen = (await capture(pool, trees)) as { readonly nextNumber: number };
        const segments = seen.nextNumber;
        expect(seen).toEqual({ entries, begun: segments, ended: segments, nextNumber: segments });
      }
    };
    await Promise.all(Array.from({ length: 2 + upTo(5) }, worker));
  }
  await pool.close();
});
