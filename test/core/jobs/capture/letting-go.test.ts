/** An account of which all has been read does not wait for threads that read another one by then. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CaptureSink } from '../../../../src/core/jobs/capture/job.ts';
import type { CaptureTree } from '../../../../src/core/jobs/capture/messages.ts';
import { CapturePool } from '../../../../src/core/jobs/capture/pool.ts';

const directories = 8000;
let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-letting-go-'));
  for (const name of ['little', 'more', 'large']) mkdirSync(join(root, name));
  writeFileSync(join(root, 'little', 'file'), 'a few bytes');
  for (let i = 0; i < 200; i++) writeFileSync(join(root, 'more', `${i}`), `${i}`);
  for (let i = 0; i < directories; i++) mkdirSync(join(root, 'large', `${i}`));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const treeOf = (name: string): CaptureTree => ({ name, path: join(root, name), device: 0, exclude: [] });

it('ends while a thread that had a part of it is in the middle of a large one', async () => {
  const pool = new CapturePool({ threads: 2, now: Date.now, pageBytes: 4096 });
  const entries = { first: 0, second: 0 };
  const begun: number[] = [];
  const sinkOf = (which: 'first' | 'second'): CaptureSink => ({
    segment(number, body) {
      if (which === 'first') begun.push(number);
      void (async () => {
        for await (const _ of body);
      })();
    },
    progress: () => {},
    segmentDone: () => {},
    page: (page) => (entries[which] += page.count),
    reuse: () => {},
    reuseLinks: () => {},
    noted: () => {},
    linkPage: () => {},
    warning: () => {},
  });
  const common = { parent: null, firstNumber: 0, signal: new AbortController().signal };
  const first = pool.capture({ ...common, trees: [treeOf('little'), treeOf('more')] }, sinkOf('first'));
  const second = pool.capture({ ...common, trees: [treeOf('large')] }, sinkOf('second'));
  const { nextNumber } = await first;
  const meanwhile = entries.second;
  await second;
  await pool.close();

  expect(entries).toEqual({ first: 203, second: directories + 1 });
  expect(begun.sort()).toEqual(Array.from({ length: nextNumber }, (_, number) => number));
  expect(meanwhile).toBeLessThan(directories * 0.9);
});
