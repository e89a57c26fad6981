/** Checks with much at once: work of every kind over many keys, and listings of a place that changes. */

import { deepEqual, ok } from 'node:assert/strict';
import type { StoreCheck } from './check.ts';
import * as probe from './probes.ts';

const lanes = 5;
const turns = 4;

export const storeCrowdChecks: readonly StoreCheck[] = [
  {
    name: 'stays right while objects are put, read, listed and removed all at once',
    async run(subject, context) {
      const { signal } = context;
      const lane = async (number: number): Promise<void> => {
        const below = `${context.prefix}lane-${number}/`;
        const there = new Map<string, Uint8Array>();
        for (let turn = 0; turn < turns; turn += 1) {
          const key = `${below}${turn}`;
          const bytes = context.randomBytes(1 + turn * 9001);
          await probe.put(subject, context, key, bytes);
          there.set(key, bytes);
          if (turn % 2 === 1) {
            const gone = `${below}${turn - 1}`;
            await subject.remove({ key: gone, signal });
            there.delete(gone);
            await probe.invisible(subject, context, gone);
          }
          deepEqual(await probe.keysBelow(subject, context, below), [...there.keys()], `keys of ${below}`);
          for (const [one, expected] of there) {
            probe.sameBytes(await probe.read(subject, context, one), expected, one);
          }
        }
      };
      await Promise.all(Array.from({ length: lanes }, (_, number) => lane(number)));
    },
  },
  {
    name: 'gives many readers of one object each the bytes they asked for',
    async run(subject, context) {
      const key = `${context.prefix}popular`;
      const bytes = context.randomBytes(probe.mebibyte + 13);
      await probe.put(subject, context, key, bytes);
      const ranges = Array.from({ length: 16 }, (_, index) => ({
        offset: index * 60_007,
        length: 1 + index * 7919,
      }));
      await Promise.all(
        ranges.map(async ({ offset, length }) => {
          const part = await probe.read(subject, context, key, { offset, length });
          probe.sameBytes(part, bytes.subarray(offset, offset + length), `range ${offset}+${length}`);
        }),
      );
    },
  },
  {
    name: 'lists what stays exactly once while other objects come and go',
    async run(subject, context) {
      const { signal } = context;
      const stays = Array.from({ length: 24 }, (_, index) => `${context.prefix}${100 + index}-stays`);
      await probe.inParallel(stays, 8, (key) => probe.put(subject, context, key, context.randomBytes(1)));
      const seen: string[] = [];
      let after: string | undefined;
      for (let turn = 0; ; turn += 1) {
        const request = { prefix: context.prefix, limit: 5, signal };
        const page = await subject.list(after === undefined ? request : { ...request, after });
        seen.push(...page.objects.map(({ key }) => key));
        if (page.next === null) break;
        after = page.next;
        ok(turn < 40, 'the listing comes to no end');
        // One behind the cursor, one ahead of it: neither may move what the next page holds.
        for (const name of ['000-behind', '1235-ahead']) {
          const key = `${context.prefix}${name}-${turn % 2}`;
          if (turn % 2 === 0) await probe.put(subject, context, key, context.randomBytes(1));
          else await subject.remove({ key: `${context.prefix}${name}-0`, signal });
        }
      }
      deepEqual(
        seen.filter((key) => key.endsWith('-stays')),
        stays,
      );
    },
  },
];
