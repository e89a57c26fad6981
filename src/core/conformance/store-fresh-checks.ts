/**
 * Checks that a store answers from what is there now: after a replacement, after a removal, and through
 * another opening of the same place, as another process would see it.
 */

import { deepEqual, equal } from 'node:assert/strict';
import type { StoreCheck } from './check.ts';
import * as probe from './probes.ts';

const turns = 6;

export const storeFreshChecks: readonly StoreCheck[] = [
  {
    name: 'gives the new bytes, size and range as soon as a put has replaced the old ones',
    async run(subject, context) {
      const key = `${context.prefix}replaced`;
      for (let turn = 0; turn < turns; turn += 1) {
        const bytes = context.randomBytes(2000 + (turn % 2 === 0 ? turn : -turn));
        await probe.put(subject, context, key, bytes);
        probe.sameBytes(await probe.read(subject, context, key), bytes, 'get after a replacement');
        const range = { offset: 1000, length: 900 };
        const part = await probe.read(subject, context, key, range);
        probe.sameBytes(part, bytes.subarray(1000, 1900), 'a range after a replacement');
        const head = await subject.head({ key, signal: context.signal });
        equal(head?.sizeBytes, bytes.length, 'size told by head after a replacement');
        const [listed, ...more] = await probe.listAll(subject, context, context.prefix);
        equal(listed?.sizeBytes, bytes.length, 'size told by list after a replacement');
        equal(more.length, 0, 'other objects listed');
      }
    },
  },
  {
    name: 'forgets a removed object at once, in every answer',
    async run(subject, context) {
      const kept = `${context.prefix}gone/kept`;
      await probe.put(subject, context, kept, context.randomBytes(1));
      for (let turn = 0; turn < turns; turn += 1) {
        const key = `${context.prefix}gone/${turn % 3}`;
        await probe.put(subject, context, key, context.randomBytes(1000));
        probe.sameBytes(
          await probe.read(subject, context, key),
          await probe.read(subject, context, key),
          'an object read twice',
        );
        await subject.remove({ key, signal: context.signal });
        await probe.invisible(subject, context, key);
        deepEqual(await probe.keysBelow(subject, context, context.prefix), [kept], 'what is left');
      }
    },
  },
  {
    name: 'shows to another opening of the same place what was put, replaced and removed',
    async run(subject, context) {
      const other = await context.reopen();
      try {
        const key = `${context.prefix}shared`;
        await probe.invisible(other, context, key);
        for (const length of [5000, 100, 0]) {
          const bytes = context.randomBytes(length);
          await probe.put(subject, context, key, bytes);
          probe.sameBytes(await probe.read(other, context, key), bytes, 'get by the other');
          equal((await other.head({ key, signal: context.signal }))?.sizeBytes, length, 'head by the other');
          deepEqual(await probe.keysBelow(other, context, context.prefix), [key], 'list by the other');
        }
        const second = probe.put(other, context, key, context.randomBytes(10), { createOnly: true });
        await probe.rejectsWith('OBJECT_EXISTS', second, 'a second creation by the other');
        await other.remove({ key, signal: context.signal });
        await probe.invisible(subject, context, key);
      } finally {
        await other.close();
        await other.close();
      }
    },
  },
];
