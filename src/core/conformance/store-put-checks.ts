/** Checks of `Store.put`: what is stored, what is refused, and what a failure leaves behind. */

import { equal } from 'node:assert/strict';
import { HoldfastError } from '../errors.ts';
import type { StoreCheck } from './check.ts';
import * as probe from './probes.ts';
import { unfinishedBytes } from './probes.ts';

/** Stores tend to create and to replace in two ways, and nearly every put of the engine creates. */
const ways = [
  { way: 'replace', createOnly: false },
  { way: 'create', createOnly: true },
] as const;

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
    for (const { way, createOnly } of ways) {
      for (const length of [1000, unfinishedBytes]) {
        const key = `${context.prefix}wrong-${length}-${way}`;
        const sizeBytes = length + difference;
        const put = probe.put(subject, context, key, context.randomBytes(length), { sizeBytes, createOnly });
        await probe.rejects(put, `put of ${length} bytes declared as ${sizeBytes}`);
        await probe.nothingOf(subject, context, { key, createOnly });
      }
    }
  },
}));

export const storePutChecks: readonly StoreCheck[] = [
  ...roundTrips,
  ...wrongSizes,
  {
    name: 'shows nothing of a put whose body breaks',
    async run(subject, context) {
      for (const { way, createOnly } of ways) {
        for (const length of [0, 1000, unfinishedBytes]) {
          const key = `${context.prefix}broken-${length}-${way}`;
          const error = new HoldfastError('EXPORT_FAILED', 'planted');
          const body = probe.breaking(context.randomBytes(length), error);
          const put = subject.put({ key, body, createOnly, signal: context.signal });
          await probe.rejects(put, `put of a body that breaks after ${length} bytes`);
          await probe.nothingOf(subject, context, { key, createOnly });
        }
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
      for (const { way, createOnly } of ways) {
        const directory = `${context.prefix}${way}/`;
        const key = `${directory}slow/object`;
        const bytes = context.randomBytes(2 * unfinishedBytes);
        const body = probe.pausing(bytes, async () => {
          await probe.invisible(subject, context, key);
          equal((await probe.keysBelow(subject, context, directory)).length, 0, 'objects listed meanwhile');
        });
        await subject.put({ key, body, createOnly, signal: context.signal });
        equal((await probe.keysBelow(subject, context, directory)).join(), key, 'objects listed after');
      }
    },
  },
  {
    name: 'stops an interrupted put with INTERRUPTED and shows nothing of it',
    async run(subject, context) {
      for (const { way, createOnly } of ways) {
        const key = `${context.prefix}interrupted-${way}`;
        const stop = new AbortController();
        const bytes = context.randomBytes(probe.mebibyte);
        // Bounded, so that a store which ignores the signal fails here instead of hanging.
        const body = async function* () {
          for (let turn = 0; turn < 24; turn += 1) {
            if (turn === 8) stop.abort();
            yield bytes;
          }
        };
        const put = subject.put({ key, body: body(), createOnly, signal: stop.signal });
        await probe.rejectsWith('INTERRUPTED', put, 'an interrupted put');
        await probe.invisible(subject, context, key);
        const again = probe.put(subject, { ...context, signal: stop.signal }, key, bytes, { createOnly });
        await probe.rejectsWith('INTERRUPTED', again, 'a put with a signal that has already fired');
        await probe.nothingOf(subject, context, { key, createOnly });
      }
    },
  },
  {
    name: 'stops an interrupted put although its body stalls',
    async run(subject, context) {
      for (const { way, createOnly } of ways) {
        const key = `${context.prefix}stalled-${way}`;
        const stop = new AbortController();
        const stall = Promise.withResolvers<void>();
        const body = probe.pausing(context.randomBytes(2 * probe.mebibyte), () => {
          setImmediate(() => stop.abort());
          return stall.promise;
        });
        const timer = setTimeout(() => stall.reject(new Error('the put still waits for its body')), 5000);
        try {
          const put = subject.put({ key, body, createOnly, signal: stop.signal });
          await probe.rejectsWith('INTERRUPTED', put, 'an interrupted put with a stalled body');
        } finally {
          clearTimeout(timer);
          stall.resolve();
        }
        await probe.nothingOf(subject, context, { key, createOnly });
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
