/** Copies while others work on the same accounts or the same store. */

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { segmentKey } from '../../../../src/core/archive/keys.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { lockAccount } from '../../../../src/core/jobs/account-lock.ts';
import { listSnapshots, readAnySnapshot } from '../../../../src/core/jobs/catalog.ts';
import { dayMs, opened, owner, SyntheticCopy, withMethods } from '../../../support/synthetic-copy.ts';
import { keysIn, ownerUuid, put, putSnapshot, signal } from '../../../support/synthetic-snapshots.ts';

let lab: SyntheticCopy;
/** An index without its manifest may be of a snapshot that is not listed, so prune removes it only where it is told to. */
const anyway = { acceptGaps: true };

beforeEach(async () => {
  lab = await SyntheticCopy.open();
});
afterEach(() => lab.close());

describe('the lock of an account', () => {
  it('leaves its snapshots to the next run where another job holds it', async () => {
    await lab.days(2);
    await lab.days(2, { owner: ownerUuid(2) });
    const lock = lockAccount(lab.directory, owner, 'site1');

    const report = await lab.run();

    expect(report).toMatchObject({ copied: 2, lacking: 2 });
    expect(report.failures.map(({ error }) => error.code)).toEqual(['ACCOUNT_LOCKED', 'ACCOUNT_LOCKED']);
    expect(report.error).toMatchObject({
      code: 'ACCOUNT_LOCKED',
      hint: 'Wait for the next run, which copies it.',
    });
    expect(report.error!.message).toMatch(
      /^the copy offsite lacks 2 snapshots; site1-\S+: account site1 is being worked on by another job$/,
    );
    lock.release();
    expect(await lab.run()).toMatchObject({ copied: 2, lacking: 0, error: null });
  });

  it('is asked for once more at the end', async () => {
    await lab.days(1);
    await lab.days(1, { owner: ownerUuid(2) });
    const lock = lockAccount(lab.directory, owner, 'site1');

    expect(await lab.run(null, { onEvent: () => lock.release() })).toMatchObject({ copied: 2, error: null });
  });

  it('is waited for there', async () => {
    await lab.days(2);
    const lock = lockAccount(lab.directory, owner, 'site1');
    const run = lab.run(null, { lockWaitMs: 3_600_000 });
    // It asks every 250 ms: one that does not wait has ended by then, and this one has asked twice.
    const first = await Promise.race([run.then(() => 'ended'), sleep(400).then(() => 'waits')]);
    lock.release();

    expect([first, await run]).toMatchObject(['waits', { copied: 2, error: null }]);
  });

  it('keeps off a prune of the copy on the same machine', async () => {
    await leftOvers();
    let locked: readonly string[] = [];
    const copy = withMethods(lab.copy, {
      put: async (request) => {
        if (request.key.startsWith('manifests/')) locked = (await lab.prune(null, anyway)).locked;
        return lab.copy.put(request);
      },
    });

    expect(await lab.run(null, { copy })).toMatchObject({ copied: 1, error: null });
    expect(locked).toEqual([owner]);
    expect(await lab.copied()).toEqual([1]);
  });
});

/** Objects of a copy that was interrupted three days ago, older than any grace period. */
async function leftOvers(): Promise<readonly string[]> {
  await lab.days(1);
  await lab.run(null, { copy: withMethods(lab.copy, { put: refusingManifests }) });
  lab.nowMs += 3 * dayMs;
  return (await keysIn(lab.copy)).filter((key) => /^(?:data|index)\//.test(key));
}

const refusingManifests: Store['put'] = (request) =>
  request.key.startsWith('manifests/') ? Promise.reject(new Error('interrupted')) : lab.copy.put(request);

describe('a prune on another machine', () => {
  it('cannot take from a snapshot what was there before it', async () => {
    const keys = await leftOvers();
    const other = join(lab.directory, 'other-machine');
    mkdirSync(other);
    let removed = 0;
    const copy = withMethods(lab.copy, {
      put: async (request) => {
        if (request.key.startsWith('manifests/'))
          removed += (await lab.prune(null, { ...anyway, stateDir: other })).removed.count;
        return lab.copy.put(request);
      },
    });

    expect(await lab.run(null, { copy })).toMatchObject({ copied: 1, lacking: 0, error: null });
    expect(removed).toBe(keys.length);
    expect(await lab.copied()).toEqual([1]);
  });

  it('cannot where it had looked before the manifest and removes after it', async () => {
    const keys = await leftOvers();
    let looks = 0;
    const copy = withMethods(lab.copy, {
      list: async (request) => {
        const page = await lab.copy.list(request);
        // The second look at the index objects follows the manifest.
        if (request.prefix.startsWith('index/') && ++looks === 2) {
          for (const key of keys) await lab.copy.remove({ key, signal });
        }
        return page;
      },
    });

    expect(await lab.run(null, { copy })).toMatchObject({ copied: 1, lacking: 0, error: null });
    expect(looks).toBe(4);
    expect(await lab.copied()).toEqual([1]);
  });

  it('cannot where the copy was interrupted before its last look, which the next run takes', async () => {
    const keys = await leftOvers();
    const interrupted = new AbortController();
    const run = lab.run(null, { settleMs: 60_000, signal: interrupted.signal });
    // What it has put into doubt is noted before it waits for the last look.
    const record = join(lab.directory, 'copy.nightly.offsite.json');
    const noted = () => (JSON.parse(readFileSync(record, 'utf8')) as { doubtful: string[] }).doubtful;
    await vi.waitFor(() => expect(noted()).toHaveLength(1), 20_000);
    interrupted.abort();
    const report = await run;
    expect(report.error?.code).toBe('INTERRUPTED');
    for (const key of keys) await lab.copy.remove({ key, signal });

    expect(await lab.run()).toMatchObject({ copied: 0, lacking: 0, objects: keys.length, error: null });
    expect(await lab.copied()).toEqual([1]);
    // Once is enough.
    expect(await lab.run(null, { settleMs: 60_000 })).toMatchObject({ objects: 0, error: null });
  });

  it.each([
    ['is gone', 4],
    ['lies elsewhere by now', 4],
    ['is still there', 2],
  ])('cannot take what a parent in the copy named that %s', async (what, expectedLooks) => {
    await lab.days(1);
    await lab.run();
    lab.nowMs += 2 * dayMs;
    const [parent] = await listSnapshots(lab.copy, {}, signal);
    const { header } = await readAnySnapshot((await opened(lab.copy)).provider, parent!, signal);
    await lab.snapshot({ owner, sequence: 2, references: header.objects, parents: [header.id] });
    let looks = 0;
    const copy = withMethods(lab.copy, {
      put: async (request) => {
        if (request.key.startsWith('manifests/') && expectedLooks > 2) {
          await lab.copy.remove({ key: parent!.key, signal });
          const atMs = Date.parse(header.startedAt);
          if (what !== 'is gone')
            await putSnapshot(lab.copy, { server: lab.server, owner, sequence: 1, atMs, revision: 1 });
        }
        return lab.copy.put(request);
      },
      list: async (request) => {
        const page = await lab.copy.list(request);
        if (request.prefix.startsWith('index/') && ++looks === 2 && expectedLooks > 2)
          for (const { key } of header.objects) await lab.copy.remove({ key, signal });
        return page;
      },
    });

    expect(await lab.run(null, { copy })).toMatchObject({ copied: 1, lacking: 0, error: null });
    expect(looks).toBe(expectedLooks);
    expect(await lab.copied()).toContain(2);
  });

  it('makes the copy of a snapshot fail whose objects keep vanishing, and nothing is listed', async () => {
    const [victim] = await leftOvers();
    const copy = withMethods(lab.copy, {
      put: async (request) => {
        const result = await lab.copy.put(request);
        if (request.key.startsWith('manifests/')) await lab.copy.remove({ key: victim!, signal });
        return result;
      },
      list: async (request) => {
        const page = await lab.copy.list(request);
        return { ...page, objects: page.objects.filter(({ key }) => key !== victim) };
      },
    });

    const report = await lab.run(null, { copy });

    expect(report).toMatchObject({ copied: 0, lacking: 1, error: { code: 'COPY_FAILED' } });
    expect(report.error!.message).toMatch(/objects of site1-\S+ vanish from the copy/);
    expect(await keysIn(lab.copy, 'manifests/')).toEqual([]);
    expect(await lab.run()).toMatchObject({ copied: 1, error: null });
    expect(await lab.copied()).toEqual([1]);
  });
});

describe('a prune that removes much', () => {
  it('spares what a snapshot names that came meanwhile', async () => {
    await lab.days(1);
    await lab.run();
    const unneeded = Array.from({ length: 200 }, (_, i) =>
      segmentKey(lab.server, owner, 'f'.repeat(32), i + 1),
    );
    for (const key of unneeded) await put(lab.copy, key, key);
    lab.nowMs += 3 * dayMs;
    const last = unneeded.at(-1)!;
    const references = [
      { number: 9, key: last, kind: 'segment', size: last.length, sha256: 'f'.repeat(64) } as const,
    ];
    let removals = 0;
    const remove: Store['remove'] = async (request) => {
      // Of another machine, which this one's lock does not stop.
      if (++removals === 10) await lab.snapshot({ owner, sequence: 2, references }, lab.copy);
      return lab.copy.remove(request);
    };

    await lab.prune(null, { on: withMethods(lab.copy, { remove }) });

    expect(await keysIn(lab.copy, `data/${lab.server}/${owner}/${'f'.repeat(32)}`)).toEqual([last]);
    expect(await lab.copied()).toEqual([1, 2]);
  });
});

it('does not miss a snapshot that the main store lets go meanwhile', async () => {
  await lab.days(2);
  const onEvent = async (): Promise<void> => {
    for (const key of (await keysIn(lab.main)).filter((one) => one.includes('/00000001-'))) {
      await lab.main.remove({ key, signal });
    }
  };

  expect(await lab.run(null, { onEvent })).toMatchObject({
    copied: 1,
    lacking: 0,
    failures: [],
    error: null,
  });
});
