/** Pins, legal holds and their ends in copies, over stores in memory. */

import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { HoldfastError } from '../../../../src/core/errors.ts';
import { listSnapshots, readSnapshot } from '../../../../src/core/jobs/catalog.ts';
import { pin, unpin } from '../../../../src/core/jobs/pin.ts';
import { opened, owner, SyntheticCopy, withMethods } from '../../../support/synthetic-copy.ts';
import { keysIn, put, signal } from '../../../support/synthetic-snapshots.ts';

let lab: SyntheticCopy;

beforeEach(async () => {
  lab = await SyntheticCopy.open();
});
afterEach(() => lab.close());

const hold = { kind: 'hold', reason: 'case 12' } as const;
const events = (store: Store) => keysIn(store, `events/${lab.server}/${owner}/`);

/** All of the account, or its first snapshot. */
async function about(what: 'all' | 'first', on: Store = lab.main) {
  const { store, provider } = await opened(on);
  const [first] = await listSnapshots(store, {}, signal);
  const target =
    what === 'all'
      ? { snapshot: null, server: lab.server, owner }
      : { snapshot: await readSnapshot(provider, first!, signal) };
  return { store, provider, target, world: lab.world, signal };
}

it('a hold of the main store keeps snapshots in the copy, until its end has come there', async () => {
  await lab.days(4);
  await lab.run();
  await pin(await about('all'), hold);
  expect(await lab.run()).toMatchObject({ copied: 0, error: null });
  expect((await lab.prune({ keepLast: 1 })).snapshots.every(({ keep }) => keep)).toBe(true);
  await unpin(await about('all'), 'hold');
  await lab.prune({ keepLast: 3 }, { on: lab.main });
  await lab.run();
  expect(await events(lab.copy)).toEqual((await events(lab.main)).filter((key) => !key.includes('-prune-')));

  await lab.prune({ keepLast: 1 });
  expect(await lab.copied()).toEqual([4]);
});

it('what is pinned in the copy, or no longer pinned there alone, stays so', async () => {
  await lab.days(2);
  await lab.run();
  await pin(await about('first'), hold);
  await lab.run();
  await unpin(await about('first', lab.copy), 'hold');
  await pin(await about('first', lab.copy), { kind: 'pin', reason: 'of the copy', untilMs: null });
  await unpin(await about('first'), 'hold');
  await lab.run();

  const { snapshots } = await lab.prune({ keepLast: 1 });
  expect(snapshots[0]?.reasons).toEqual(['pinned: of the copy']);
});

it('what the copy did not want comes once it is pinned', async () => {
  await lab.days(3);
  await lab.run({ keepLast: 1 });
  expect(await lab.copied()).toEqual([3]);
  await pin(await about('first'), { kind: 'pin', reason: 'before the move', untilMs: null });

  expect(await lab.run({ keepLast: 1 })).toMatchObject({ copied: 1, lacking: 0, error: null });
  expect(await lab.copied()).toEqual([1, 3]);
});

it('a put-only copy is sent each of them once', async () => {
  const puts: string[] = [];
  const copy = withMethods(lab.copy, {
    capabilities: { ...lab.copy.capabilities, putOnly: true },
    put: (request) => {
      if (request.key.startsWith('events/')) puts.push(request.key);
      return lab.copy.put(request);
    },
  });
  await lab.days(1);
  await pin(await about('all'), hold);
  await lab.run(null, { copy });
  await lab.run(null, { copy });

  expect(puts).toEqual(await events(lab.main));
});

it('what nobody trusted signed stays behind; a damaged one is named, and the snapshots come', async () => {
  const trust = { keys: new Set<string>() };
  await lab.days(1);
  await pin(await about('all'), hold);
  const damaged = `events/${lab.server}/${owner}/20261121T031500Z-hold-${'0'.repeat(12)}.json`;
  expect(await lab.run(null, { trust })).toMatchObject({ untrusted: 1, error: null });
  expect(await events(lab.copy)).toEqual([]);
  await put(lab.main, damaged, '{');

  const report = await lab.run();
  expect(report).toMatchObject({ copied: 1, lacking: 0, failures: [{ snapshot: damaged }] });
  expect(report.error?.message).toContain('lacks what protects snapshots');
});

it('a copy whose credentials take no events gets the snapshots, and it is said', async () => {
  const copy = withMethods(lab.copy, {
    put: (request) =>
      request.key.startsWith('events/')
        ? Promise.reject(new HoldfastError('STORE_DENIED', 'no'))
        : lab.copy.put(request),
  });
  await lab.days(1);
  await pin(await about('all'), hold);

  expect(await lab.run(null, { copy })).toMatchObject({ copied: 1, deniedEvents: 1, error: null });
});
