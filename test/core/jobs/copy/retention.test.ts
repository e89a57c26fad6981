/** Copies that have a retention of their own, or were pruned. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Retention } from '../../../../src/core/config/addin-schema.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { writeEvent } from '../../../../src/core/jobs/events.ts';
import { dayMs, opened, owner, SyntheticCopy, withMethods } from '../../../support/synthetic-copy.ts';
import { keysIn, put, signal } from '../../../support/synthetic-snapshots.ts';

let lab: SyntheticCopy;

beforeEach(async () => {
  lab = await SyntheticCopy.open();
});
afterEach(() => lab.close());

describe('what prune removed from a copy', () => {
  it.each([
    ['as the state knows', () => {}],
    ['as its events say where the state is lost', () => forget()],
  ])('does not come back, %s', async (_, prepare) => {
    await lab.days(6);
    expect(await lab.run()).toMatchObject({ copied: 6 });
    lab.nowMs += dayMs;
    expect((await lab.prune({ keepLast: 2 })).refusals).toEqual([]);
    expect(await lab.copied()).toEqual([5, 6]);

    expect(await lab.run()).toMatchObject({ copied: 0, objects: 0, lacking: 0, error: null });
    prepare();
    await lab.days(1, { first: 7 });

    expect(await lab.run()).toMatchObject({ copied: 1, lacking: 0, error: null });
    expect(await lab.copied()).toEqual([5, 6, 7]);
  });

  it('is asked for in the events since the oldest snapshot in question, and once', async () => {
    await lab.days(6);
    await lab.run();
    for (const keepLast of [5, 4, 3, 2]) {
      lab.nowMs += dayMs;
      await lab.prune({ keepLast });
    }
    let reads = 0;
    const copy = withMethods(lab.copy, {
      get: (request) => {
        if (request.key.startsWith('events/')) reads += 1;
        return lab.copy.get(request);
      },
    });

    await lab.run(null, { copy });
    expect(reads).toBe(4);
    await lab.days(1, { first: 7 });
    await lab.run(null, { copy });
    expect(reads).toBe(4);
    expect(await lab.copied()).toEqual([5, 6, 7]);
  });

  it('comes back where somebody has put something else under the name of a later revision', async () => {
    await lab.days(2);
    await lab.run();
    const [manifest] = await keysIn(lab.copy, 'manifests/');
    await lab.copy.remove({ key: manifest!, signal });
    await put(lab.copy, manifest!.replace('.manifest', '-r9.manifest'), 'x');

    expect(await lab.run()).toMatchObject({ copied: 1, lacking: 0, error: null });
    expect(await keysIn(lab.copy, 'manifests/')).toContain(manifest);
    expect(await lab.run()).toMatchObject({ copied: 0, lacking: 0 });
  });

  it('comes back where a person removed it, and no event says so', async () => {
    await lab.days(3);
    await lab.run();
    const [manifest] = await keysIn(lab.copy, 'manifests/');
    await lab.copy.remove({ key: manifest!, signal });

    expect(await lab.run()).toMatchObject({ copied: 1, objects: 1 });
    expect(await lab.copied()).toEqual([1, 2, 3]);
  });
});

describe('a revision that lost something', () => {
  it.each([false, true])('is not put over one that the copy has (put-only: %s)', async (putOnly) => {
    const copy = withMethods(lab.copy, { capabilities: { ...lab.copy.capabilities, putOnly } });
    await lab.days(1);
    await lab.run(null, { copy });
    await lab.snapshot({ owner, sequence: 1, revision: 1, lost: true });
    await lab.snapshot({ owner, sequence: 2, revision: 1, lost: true });

    expect(await lab.run(null, { copy })).toMatchObject({ copied: 1, lacking: 0, error: null });
    expect(await keysIn(lab.copy, 'manifests/')).toEqual([
      expect.stringMatching(/\/00000001-[^/]*[0-9a-f]{12}\.manifest$/),
      expect.stringMatching(/\/00000002-[^/]*-r1\.manifest$/),
    ]);
    await lab.snapshot({ owner, sequence: 1, revision: 2 });
    expect(await lab.run(null, { copy })).toMatchObject({ copied: 1, lacking: 0 });
  });
});

const forget = (): void => rmSync(join(lab.directory, 'copy.nightly.offsite.json'));

describe('a copy with a retention of its own', () => {
  it.each<[Retention, number[]]>([
    [{ keepLast: 2 }, [11, 12]],
    [{ keepDaily: 3, keepWeekly: 2 }, [8, 10, 11, 12]],
    [{ keepWithin: '5d' }, [7, 8, 9, 10, 11, 12]],
  ])('gets what %o keeps, and prune finds nothing to remove', async (retention, expected) => {
    await lab.days(12);

    expect(await lab.run(retention)).toMatchObject({ copied: expected.length, lacking: 0, error: null });

    expect(await lab.copied()).toEqual(expected);
    expect((await lab.prune(retention)).snapshots.filter(({ keep }) => !keep)).toEqual([]);
    expect(await lab.run(retention)).toMatchObject({ copied: 0, objects: 0, lacking: 0, error: null });
  });

  it('reads no manifest but the new one of the night', async () => {
    await lab.days(8);
    await lab.run({ keepLast: 3 });
    await lab.days(1, { first: 9 });
    let reads = 0;
    const get: Store['get'] = (request) => {
      if (request.key.includes('/')) reads += 1;
      return lab.copy.get(request);
    };

    expect(await lab.run({ keepLast: 3 }, { copy: withMethods(lab.copy, { get }) })).toMatchObject({
      copied: 1,
    });
    expect(reads, 'but for what the claim of the copy looks at').toBe(0);
    await lab.prune({ keepLast: 3 });
    expect(await lab.copied()).toEqual([7, 8, 9]);
  });

  it('gets what another retention keeps once that is configured, but nothing that was pruned', async () => {
    await lab.days(6);
    await lab.run({ keepLast: 3 });
    await lab.prune({ keepLast: 2 });

    expect(await lab.run({ keepLast: 5 })).toMatchObject({ copied: 3, error: null });
    expect(await lab.copied()).toEqual([1, 2, 3, 5, 6]);
  });

  it('gets what it was refused by a clock that was wrong, once the clock is right', async () => {
    await lab.days(12);
    const rightMs = lab.nowMs;
    lab.nowMs += 400 * dayMs;
    expect(await lab.run({ keepWithin: '6d' })).toMatchObject({ copied: 1, lacking: 0 });
    lab.nowMs = rightMs + 3_600_000;

    expect(await lab.run({ keepWithin: '6d' })).toMatchObject({ copied: 5, lacking: 0, error: null });
    expect(await lab.copied()).toEqual([7, 8, 9, 10, 11, 12]);
    expect(await lab.run({ keepWithin: '6d' })).toMatchObject({ copied: 0, lacking: 0 });
  });

  it('gets in place of one that never comes what it was refused for its sake', async () => {
    const snapshot = async (sequence: number, databases = { shop: true }) => {
      lab.nowMs += dayMs;
      return lab.snapshot({ owner, sequence, databases });
    };
    for (const sequence of [1, 2, 3]) await snapshot(sequence);
    const damaged = await snapshot(4);
    await lab.main.remove({ key: damaged.manifest.header.objects.at(-1)!.key, signal });

    for (const copied of [1, 0]) {
      expect(await lab.run({ keepLast: 1 })).toMatchObject({ copied, lacking: 1, failures: [{}] });
      expect(await lab.copied()).toEqual([3]);
    }
    await lab.main.remove({ key: damaged.key, signal });
    await snapshot(5, { shop: false });
    expect(await lab.run({ keepLast: 1 })).toMatchObject({ copied: 1, lacking: 0, error: null });
    expect(await lab.copied()).toEqual([3, 5]);
  });

  it('gets the last good one of a database that is no more', async () => {
    lab.nowMs += dayMs;
    await lab.snapshot({ owner, sequence: 1, databases: { shop: true } });
    await lab.days(4, { first: 2 });

    await lab.run({ keepLast: 2 });

    expect(await lab.copied()).toEqual([1, 4, 5]);
  });

  it('gets everything of an account under a legal hold in it', async () => {
    await lab.days(5);
    await lab.run({ keepLast: 1 });
    const { provider } = await opened(lab.copy);
    const hold = {
      kind: 'hold',
      server: lab.server,
      owner,
      snapshot: null,
      reason: 'court',
      until: null,
    } as const;
    await writeEvent(provider, hold, lab.world, signal);
    forget();

    expect(await lab.run({ keepLast: 1 })).toMatchObject({ copied: 4 });
    expect(await lab.copied()).toEqual([1, 2, 3, 4, 5]);
  });
});
