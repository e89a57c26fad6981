/**
 * Checks that a provider shows what is in the store now: to another one of its kind, after damage, and after
 * a removal. Whatever it kept for itself would hide from `verify` what a restore will meet.
 */

import { deepEqual } from 'node:assert/strict';
import type { Provider } from '../contracts/provider.ts';
import { isHoldfastError } from '../errors.ts';
import type { CheckContext, ProviderCheck } from './check.ts';
import * as probe from './probes.ts';

const size = 200_000;

/** What may happen to an object while nobody looks. */
const damages: Readonly<Record<string, (bytes: Buffer) => Uint8Array>> = {
  'a flipped bit': (bytes) => bytes.with(size >> 1, bytes[size >> 1]! ^ 1),
  'a lost end': (bytes) => bytes.subarray(0, size - 1),
  'nothing left in it': (bytes) => bytes.subarray(0, 0),
  'bytes too many': (bytes) => Buffer.concat([bytes, bytes.subarray(0, 7)]),
  'other bytes of the same size': (bytes) => bytes.toReversed(),
};

function put(subject: Provider, context: CheckContext, key: string, bytes: Uint8Array): Promise<unknown> {
  const body = probe.oddChunks(bytes);
  return subject.put({ kind: 'segment', key, body, signal: context.signal });
}

export const providerTruthChecks: readonly ProviderCheck[] = [
  {
    name: 'keeps nothing to itself: another one over the same store reads all of it',
    async run(subject, context) {
      const key = `${context.prefix}shared`;
      const bytes = context.randomBytes(size);
      await put(subject, context, key, bytes);
      const other = await context.open(context.store);
      probe.sameBytes(await probe.read(other, context, key), bytes, 'get by the other');
      const part = await probe.read(other, context, key, { offset: 100, length: size - 101 });
      probe.sameBytes(part, bytes.subarray(100, size - 1), 'a range by the other');
    },
  },
  ...Object.entries(damages).map(
    ([damage, change]): ProviderCheck => ({
      name: `hides no damage: an object with ${damage} is given as it is, or refused`,
      async run(subject, context) {
        const key = `${context.prefix}damaged`;
        const bytes = Buffer.from(context.randomBytes(size));
        await put(subject, context, key, bytes);
        probe.sameBytes(await probe.read(subject, context, key), bytes, 'get before the damage');
        const damaged = change(bytes);
        await probe.put(context.store, context, key, damaged);
        for (const range of [undefined, { offset: 1, length: size - 2 }]) {
          const expected = range === undefined ? damaged : damaged.subarray(1, size - 1);
          const seen = await probe.read(subject, context, key, range).catch((error: unknown) => {
            if (!isHoldfastError(error)) throw error;
            return null;
          });
          if (seen !== null) probe.sameBytes(seen, expected, `an object with ${damage}`);
        }
      },
    }),
  ),
  {
    name: 'forgets what was removed from the store, and puts it once more',
    async run(subject, context) {
      const key = `${context.prefix}removed`;
      const { signal } = context;
      for (let turn = 0; turn < 2; turn += 1) {
        const bytes = context.randomBytes(1000);
        const body = probe.oddChunks(bytes);
        await subject.put({ kind: 'segment', key, body, createOnly: true, signal });
        probe.sameBytes(await probe.read(subject, context, key), bytes, 'get');
        await context.store.remove({ key, signal });
        await probe.rejectsWith(
          'OBJECT_MISSING',
          probe.read(subject, context, key),
          'get of a removed object',
        );
        const part = probe.read(subject, context, key, { offset: 0, length: 1 });
        await probe.rejectsWith('OBJECT_MISSING', part, 'a range of a removed object');
      }
      deepEqual(await probe.keysBelow(context.store, context, context.prefix), [], 'what is left');
    },
  },
  {
    name: 'puts and reads many objects at once',
    async run(subject, context) {
      const objects = Array.from({ length: 12 }, (_, index) => ({
        key: `${context.prefix}many/${index}`,
        bytes: context.randomBytes(index * 7919),
      }));
      await Promise.all(
        objects.map(async ({ key, bytes }) => {
          await put(subject, context, key, bytes);
          probe.sameBytes(await probe.read(subject, context, key), bytes, key);
        }),
      );
    },
  },
];
