/** What keeps the snapshots of a copy whole: locks that last as long as the newest manifest, and nothing that prune takes for left over. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { HoldfastError } from '../../../../src/core/errors.ts';
import type { CopyReport } from '../../../../src/core/jobs/copy/report.ts';
import { type Lab, openLab } from '../../../support/backup.ts';
import { runCopy } from '../../../support/copies.ts';
import { dayMs, opened, owner, SyntheticCopy, withMethods } from '../../../support/synthetic-copy.ts';
import { keysIn, signal } from '../../../support/synthetic-snapshots.ts';

const denied = (): Promise<never> =>
  Promise.reject(new HoldfastError('STORE_DENIED', 'these credentials can only write'));
const putOnly = (store: Store): Store =>
  withMethods(store, {
    capabilities: { ...store.capabilities, putOnly: true },
    head: denied,
    list: denied,
    async *get() {
      yield await denied();
    },
  });

describe('a copy with object lock', () => {
  const lockMs = 30 * dayMs;
  let directory: string;
  let lab: Lab;
  let nowMs: number;
  let memory: Store;
  let rules: string;
  /** What was put, and what was extended as of when. */
  let sent: string[];
  let extended: [string, number | null][];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'holdfast-copy-locks-'));
    mkdirSync(join(directory, 'tree'));
    nowMs = Date.now();
    memory = memoryStore({ now: () => nowMs, lockMs });
    rules = '30 days';
    lab = await openLab(directory, { chain: {}, encrypted: true });
  });
  afterEach(async () => {
    await lab.close();
    rmSync(directory, { recursive: true });
  });

  async function night(as: (store: Store) => Store): Promise<CopyReport> {
    nowMs += dayMs;
    writeFileSync(join(directory, 'tree', `page-${nowMs}`), `hello ${nowMs}`);
    const level = (await keysIn(lab.store, 'manifests/')).length === 0 ? 'full' : 'incremental';
    await lab.backUp({ shadow: join(directory, 'tree') }, { level, now: () => nowMs });
    return copy(as);
  }

  async function copy(as: (store: Store) => Store): Promise<CopyReport> {
    [sent, extended] = [[], []];
    const store = withMethods(memory, {
      capabilities: { ...memory.capabilities, objectLock: false, lockRules: rules },
      put: async (request) => {
        const result = await memory.put(request);
        sent.push(request.key);
        return result;
      },
      extendLock: async (request) => {
        extended.push([request.key, request.lockedAtMs]);
        await memory.extendLock?.(request);
      },
    });
    const world = { now: () => nowMs, newUuid: () => '00000000-0000-4000-8000-000000000000' };
    const target = { name: 'offsite', retention: null, open: () => opened(as(store)) };
    return runCopy(lab, target, { world, settleMs: 1 });
  }

  const asOf = (prefix: string): (number | null)[] => [
    ...new Set(extended.filter(([key]) => key.startsWith(prefix)).map(([, atMs]) => atMs)),
  ];

  const locks = async (prefix: string): Promise<ReadonlySet<number | null | undefined>> => {
    const keys = await keysIn(memory, prefix);
    const heads = await Promise.all(keys.map((key) => memory.head({ key, signal })));
    return new Set(heads.map((head) => head?.lockedUntilMs));
  };

  for (const [what, as] of [
    ['that can be read', (store: Store) => store],
    ['that is put-only', putOnly],
  ] as const) {
    it(`extends those of objects and keys for each snapshot, and sends no object twice: one ${what}`, async () => {
      expect(await night(as)).toMatchObject({ copied: 1, error: null });
      const firstMs = nowMs;
      expect(await night(as)).toMatchObject({ copied: 1, error: null });
      expect(sent.filter((key) => key.startsWith('data/'))).toHaveLength(1);
      expect([asOf('data/'), asOf('keys/')]).toEqual([[firstMs], [null]]);
      for (const prefix of ['data/', 'keys/']) expect(await locks(prefix)).toEqual(new Set([nowMs + lockMs]));

      rules = '365 days';
      await night(as);
      expect(asOf('data/')).toEqual([null]);
      const changedMs = nowMs;
      await night(as);
      expect(asOf('data/')).toEqual([changedMs]);
    });
  }

  it('extends those of what a put-only one is found to have', async () => {
    await night(putOnly);
    await night(putOnly);
    nowMs += dayMs;
    rmSync(join(lab.stateDir, 'copy.nightly.offsite.json'));

    expect(await copy(putOnly)).toMatchObject({ copied: 2, objects: 0, error: null });
    for (const prefix of ['data/', 'index/', 'keys/'])
      expect(await locks(prefix)).toEqual(new Set([nowMs + lockMs]));
  });
});

describe('a put-only copy', () => {
  it('is sent once more what prune may have removed while the rest was under way', async () => {
    const lab = await SyntheticCopy.open();
    try {
      await lab.days(1);
      const copy = withMethods(lab.copy, {
        put: async (request) => {
          if (request.key.startsWith('manifests/')) {
            lab.nowMs += 25 * 3_600_000;
            // Without that, it spares an index without its manifest.
            await lab.prune(
              { keepLast: 1 },
              { stateDir: join(lab.directory, 'elsewhere'), acceptGaps: true },
            );
            expect(await keysIn(lab.copy, 'data/')).toEqual([]);
          }
          return lab.copy.put(request);
        },
      });

      expect(await lab.run(null, { copy: putOnly(copy) })).toMatchObject({ copied: 1, error: null });
      expect(await lab.copied()).toEqual([1]);
      expect(await keysIn(lab.copy, `data/${lab.server}/${owner}/`)).toHaveLength(1);
    } finally {
      lab.close();
    }
  });
});
