/** Checks of a provider with the whole engine over it: what is restored, and what `verify` finds. */

import { deepEqual, equal, ok } from 'node:assert/strict';
import type { Store } from '../../contracts/store.ts';
import { bytesOf, collect } from '../../streams.ts';
import { type EngineBench, type EngineWorld, withEngineBench } from './engine-bench.ts';

export interface EngineCheck {
  /** Completes "the provider …". */
  readonly name: string;
  run(world: EngineWorld): Promise<void>;
}

const stored = ['data/', 'index/', 'manifests/'] as const;
const mostBytes = 64 * 1024 * 1024;

export const engineChecks: readonly EngineCheck[] = [
  {
    name: 'gives back two snapshots in a row, each as the account was then',
    run: (world) =>
      withEngineBench(world, async (bench) => {
        const before = await bench.seen();
        const first = await bench.backUp();
        await bench.change();
        const after = await bench.seen();
        const second = await bench.backUp();
        deepEqual(await bench.restored(second), after, 'the second snapshot');
        deepEqual(await bench.restored(first), before, 'the first snapshot');
        ok(await bench.isSound(), 'verify finds fault with sound snapshots');
      }),
  },
  {
    name: 'lets verify find every damage to what it has stored',
    run: (world) =>
      withEngineBench(world, async (bench) => {
        await bench.backUp();
        ok(await bench.isSound(), 'verify finds fault with a sound snapshot');
        for (const prefix of stored) await damageEach(bench, prefix, world.signal);
        ok(await bench.isSound(), 'verify finds fault with what was mended');
      }),
  },
];

async function damageEach(
  { store, isSound }: EngineBench,
  prefix: string,
  signal: AbortSignal,
): Promise<void> {
  const { objects } = await store.list({ prefix, signal });
  ok(objects.length > 0, `nothing was stored below ${prefix}`);
  for (const { key } of objects) {
    const bytes = await collect(store.get({ key, signal }), mostBytes);
    const middle = bytes.length >> 1;
    await replace(store, key, bytes.with(middle, bytes[middle]! ^ 1), signal);
    equal(await isSound(), false, `verify is content with a flipped bit in ${key}`);
    await replace(store, key, bytes.subarray(0, -1), signal);
    equal(await isSound(), false, `verify is content with ${key} cut short`);
    // A manifest that is gone is a snapshot that is not there: nothing that one snapshot can tell.
    if (prefix !== 'manifests/') {
      await store.remove({ key, signal });
      equal(await isSound(), false, `verify is content without ${key}`);
    }
    await replace(store, key, bytes, signal);
  }
}

async function replace(store: Store, key: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  await store.put({ key, body: bytesOf(bytes), signal });
}
