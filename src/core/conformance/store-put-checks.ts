/** Checks of `Store.put`: what is stored, what is refused, and what a failure leaves behind. */

import { equal, fail, ok } from 'node:assert/strict';
import { HoldfastError, isHoldfastError } from '../errors.ts';
import type { StoreCheck } from './check.ts';
import * as probe from './probes.ts';

/** More than a store is likely to buffer before it begins to write. */
const unfinishedBytes = 9 * probe.mebibyte + 17;

const roundTrips: StoreCheck[] = [
  { label: 'an empty object', length: 0 },
  { label: 'an object of one byte', length: 1 },
  { label: 'ten mebibytes in odd chunks', length: 10 * probe.mebibyte + 1 },
].flatMap(({ label, length }) =>
  [false, true].map((declared) => ({
    name: `gives back ${label} put with ${declared ? 'its size declared' : 'its size unknown'}`,
    async run(subject, context) {
      const key = `${context.prefix}object`;
      const bytes = context.randomBytes(length);
      const result = await probe.put(subject, context, key, bytes, declared ? { sizeBytes: length } : {});
      equal(result.sizeBytes, length, 'size told by put');
      equal(typeof result.version === 'string', subject.capabilities.versions, 'version told by put');
      equal((await subject.head({ key, signal: context.signal }))?.sizeBytes, length, 'size told by head');
      probe.sameBytes(await probe.read(subject, context, key), bytes, 'get');
    },
  })),
);

const wrongSizes: StoreCheck[] = [-1, 1].map((difference) => ({
  name: `refuses a body ${difference < 0 ? 'longer' : 'shorter'} than declared and shows nothing of it`,
  async run(subject, context) {
    for (const length of [1000, unfinishedBytes]) {
      const key = `${context.prefix}wrong-${length}`;
      const put = probe.put(subject, context, key, context.randomBytes(length), {
        sizeBytes: length + difference,
      });
      await probe.rejects(put, `put of ${length} bytes declared as ${length + difference}`);
      await probe.invisible(subject, context, key);
    }
  },
}));

export const storePutChecks: readonly StoreCheck[] = [
  ...roundTrips,
  ...wrongSizes,
  {
    name: 'shows nothing of a put whose body breaks',
    async run(subject, context) {
      for (const length of [0, 1000, unfinishedBytes]) {
        const key = `${context.prefix}broken-${length}`;
        const body = probe.breaking(
          context.randomBytes(length),
          new HoldfastError('EXPORT_FAILED', 'planted'),
        );
        await probe.rejects(subject.put({ key, body, signal: context.signal }), 'put of a body that breaks');
        await probe.invisible(subject, context, key);
      }
    },
  },
  {
    name: 'keeps what was there when a body breaks',
    async run(subject, context) {
      const key = `${context.prefix}kept`;
      const before = context.randomBytes(5000);
      await probe.put(subject, context, key, before);
      const body = probe.breaking(context.randomBytes(unfinishedBytes), new Error('planted'));
      await probe.rejects(subject.put({ key, body, signal: context.signal }), 'put of a body that breaks');
      probe.sameBytes(await probe.read(subject, context, key), before, 'the object from before');
    },
  },
  {
    name: 'shows an object only when its put has finished',
    async run(subject, context) {
      const key = `${context.prefix}slow/object`;
      const bytes = context.randomBytes(2 * unfinishedBytes);
      const body = probe.pausing(bytes, async () => {
        await probe.invisible(subject, context, key);
        equal(
          (await probe.keysBelow(subject, context, context.prefix)).length,
          0,
          'objects listed meanwhile',
        );
      });
      await subject.put({ key, body, signal: context.signal });
      equal((await probe.keysBelow(subject, context, context.prefix)).join(), key, 'objects listed after');
    },
  },
  {
    name: 'stops an interrupted put with INTERRUPTED and shows nothing of it',
    async run(subject, context) {
      const key = `${context.prefix}interrupted`;
      const stop = new AbortController();
      const bytes = context.randomBytes(probe.mebibyte);
      // Bounded, so that a store which ignores the signal fails here instead of hanging.
      async function* body() {
        for (let turn = 0; turn < 24; turn += 1) {
          if (turn === 8) stop.abort();
          yield bytes;
        }
      }
      const put = subject.put({ key, body: body(), signal: stop.signal });
      await probe.rejectsWith('INTERRUPTED', put, 'an interrupted put');
      await probe.invisible(subject, context, key);
      const again = probe.put(subject, { ...context, signal: stop.signal }, key, bytes);
      await probe.rejectsWith('INTERRUPTED', again, 'a put with a signal that has already fired');
      await probe.invisible(subject, context, key);
    },
  },
  {
    name: 'stops an interrupted put although its body stalls',
    async run(subject, context) {
      const key = `${context.prefix}stalled`;
      const stop = new AbortController();
      const stall = Promise.withResolvers<void>();
      const body = probe.pausing(context.randomBytes(2 * probe.mebibyte), () => {
        setImmediate(() => stop.abort());
        return stall.promise;
      });
      const timer = setTimeout(() => stall.reject(new Error('the put still waits for its body')), 5000);
      try {
        const put = subject.put({ key, body, signal: stop.signal });
        await probe.rejectsWith('INTERRUPTED', put, 'an interrupted put with a stalled body');
      } finally {
        clearTimeout(timer);
        stall.resolve();
      }
      await probe.invisible(subject, context, key);
    },
  },
  {
    name: 'refuses to create an object twice and keeps the first',
    async run(subject, context) {
      const key = `${context.prefix}once`;
      const first = context.randomBytes(3000);
      await probe.put(subject, context, key, first, { createOnly: true });
      const second = probe.put(subject, context, key, context.randomBytes(3000), { createOnly: true });
      await probe.rejectsWith('OBJECT_EXISTS', second, 'the second put');
      probe.sameBytes(await probe.read(subject, context, key), first, 'the first object');
    },
  },
  {
    name: 'lets exactly one of eight racing puts create an object',
    when: (capabilities) => capabilities.conditionalCreate,
    async run(subject, context) {
      for (const length of [10, 100_000]) {
        const key = `${context.prefix}race-${length}`;
        const bodies = Array.from({ length: 8 }, () => context.randomBytes(length));
        const outcomes = await Promise.allSettled(
          bodies.map((bytes) => probe.put(subject, context, key, bytes, { createOnly: true })),
        );
        const winner = outcomes.findIndex((outcome) => outcome.status === 'fulfilled');
        for (const [index, outcome] of outcomes.entries()) {
          if (index === winner) continue;
          if (outcome.status === 'fulfilled') fail(`puts ${winner} and ${index} both created ${key}`);
          ok(isHoldfastError(outcome.reason), String(outcome.reason));
          equal(outcome.reason.code, 'OBJECT_EXISTS', 'the error of a put that lost');
        }
        ok(winner >= 0, `none of the puts created ${key}`);
        probe.sameBytes(await probe.read(subject, context, key), bodies[winner]!, 'the object of the winner');
      }
    },
  },
  {
    name: 'replaces an object so that a reader sees all of the old or all of the new',
    async run(subject, context) {
      const key = `${context.prefix}replaced`;
      const variants = [
        Buffer.alloc(3 * probe.mebibyte, 0xaa),
        Buffer.alloc(2 * probe.mebibyte, 0xbb),
      ] as const;
      await probe.put(subject, context, key, variants[0]);
      let writing = true;
      const writer = (async () => {
        for (let turn = 1; turn <= 6; turn += 1) await probe.put(subject, context, key, variants[turn % 2]!);
        writing = false;
      })();
      const reader = (async () => {
        do {
          const seen = await probe.read(subject, context, key);
          probe.sameBytes(seen, variants[seen[0] === 0xaa ? 0 : 1], 'an object read while it is replaced');
        } while (writing);
      })();
      await Promise.all([writer, reader]);
      probe.sameBytes(await probe.read(subject, context, key), variants[0], 'the object after all puts');
    },
  },
  {
    name: 'takes many puts at once',
    async run(subject, context) {
      const objects = Array.from({ length: 64 }, (_, index) => ({
        key: `${context.prefix}many/${index % 5}/${index}`,
        bytes: context.randomBytes(index * 1571),
      }));
      await Promise.all(objects.map(({ key, bytes }) => probe.put(subject, context, key, bytes)));
      for (const { key, bytes } of objects) {
        probe.sameBytes(await probe.read(subject, context, key), bytes, key);
      }
    },
  },
];
