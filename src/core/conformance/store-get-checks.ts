/** Checks of `Store.get`, `head` and `remove`: ranges, absent keys, and never a short answer. */

import { deepEqual, equal, ok } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { isHoldfastError } from '../errors.ts';
import type { StoreCheck } from './check.ts';
import * as probe from './probes.ts';

/** Clocks of two machines differ, and some services round. */
const clockToleranceMs = 5 * 60_000;

/** FAT tells every other second. */
const longestTickMs = 2100;
const pauseMs = 20;

export const storeGetChecks: readonly StoreCheck[] = [
  {
    name: 'gives ranges from the start, the middle and the last byte',
    async run(subject, context) {
      const key = `${context.prefix}ranges`;
      const size = 3 * probe.mebibyte + 11;
      const bytes = context.randomBytes(size);
      await probe.put(subject, context, key, bytes);
      for (const [offset, length] of [
        [0, 1],
        [0, size],
        [1, size - 1],
        [probe.mebibyte - 3, probe.mebibyte + 7],
        [size - 1, 1],
      ] as const) {
        const part = await probe.read(subject, context, key, { offset, length });
        probe.sameBytes(part, bytes.subarray(offset, offset + length), `range ${offset}+${length}`);
      }
    },
  },
  {
    name: 'calls a range that ends beyond the object OBJECT_DAMAGED',
    async run(subject, context) {
      const key = `${context.prefix}beyond`;
      await probe.put(subject, context, key, context.randomBytes(1000));
      for (const [offset, length] of [
        [0, 1001],
        [999, 2],
        [1000, 1],
        [5_000_000_000, 10],
      ] as const) {
        const part = probe.read(subject, context, key, { offset, length });
        await probe.rejectsWith('OBJECT_DAMAGED', part, `range ${offset}+${length} of 1000 bytes`);
      }
    },
  },
  {
    name: 'calls an absent key OBJECT_MISSING',
    async run(subject, context) {
      await probe.put(subject, context, `${context.prefix}there/object`, context.randomBytes(10));
      for (const name of ['absent', 'there', 'there/objec', 'there/object1', 'no/such/place']) {
        const key = `${context.prefix}${name}`;
        await probe.rejectsWith('OBJECT_MISSING', probe.read(subject, context, key), `get of ${name}`);
        const part = probe.read(subject, context, key, { offset: 0, length: 1 });
        await probe.rejectsWith('OBJECT_MISSING', part, `range of ${name}`);
      }
    },
  },
  {
    name: 'answers null to head of an absent key',
    async run(subject, context) {
      await probe.put(subject, context, `${context.prefix}there/object`, context.randomBytes(10));
      for (const name of ['absent', 'there', 'there/objec', 'there/object1', 'no/such/place']) {
        const key = `${context.prefix}${name}`;
        equal(await subject.head({ key, signal: context.signal }), null, `head of ${name}`);
      }
    },
  },
  {
    name: 'tells the same of an object in head and in list',
    async run(subject, context) {
      const key = `${context.prefix}told`;
      const result = await probe.put(subject, context, key, context.randomBytes(4321));
      const head = await subject.head({ key, signal: context.signal });
      // Locks are told by head alone.
      const told = (one: typeof head) => ({ ...one, lockedUntilMs: null });
      deepEqual((await probe.listAll(subject, context, key)).map(told), [told(head)]);
      equal(head?.key, key);
      equal(head.version, result.version);
      equal(head.readable, true);
    },
  },
  {
    // By it `prune` tells what a backup under way has just stored from what nobody needs any more.
    name: 'tells when an object was stored',
    async run(subject, context) {
      const key = `${context.prefix}when`;
      const from = context.now() - clockToleranceMs;
      const { storedAtMs } = await probe.put(subject, context, key, context.randomBytes(10));
      const to = context.now() + clockToleranceMs;
      const head = await subject.head({ key, signal: context.signal });
      const [listed] = await probe.listAll(subject, context, key);
      const told = { put: storedAtMs, head: head?.modifiedAtMs, list: listed?.modifiedAtMs };
      for (const [call, atMs] of Object.entries(told)) {
        if (atMs === null) continue;
        const isNear = atMs !== undefined && atMs >= from && atMs <= to;
        ok(
          isNear,
          `${call} tells ${atMs} ms since 1970, and it was stored ${from + clockToleranceMs} ms since then`,
        );
      }
    },
  },
  {
    // An object that was replaced is as young as its new bytes, and none gets younger by being looked at.
    name: 'tells the time of the last put, and the same whenever it is asked',
    async run(subject, context) {
      const { signal } = context;
      const [kept, replaced] = [`${context.prefix}kept`, `${context.prefix}replaced`];
      const told = async (key: string): Promise<number> => {
        const head = await subject.head({ key, signal });
        const [listed] = await probe.listAll(subject, context, key);
        equal(listed?.modifiedAtMs, head?.modifiedAtMs, 'what list and head tell');
        return head?.modifiedAtMs ?? Number.NaN;
      };
      for (const key of [replaced, kept]) await probe.put(subject, context, key, context.randomBytes(10));
      const first = await told(kept);
      ok((await told(replaced)) <= first, 'the older object is the younger one');
      // Some services tell whole seconds: as long as it takes until theirs is another.
      for (let waitedMs = 0; (await told(replaced)) <= first; waitedMs += pauseMs) {
        ok(waitedMs < longestTickMs, 'an object that was replaced keeps its old time');
        await sleep(pauseMs, undefined, { signal });
        await probe.put(subject, context, replaced, context.randomBytes(10));
      }
      equal(await told(kept), first, 'the time of an object that nobody has changed');
    },
  },
  {
    name: 'removes an object, and removes it again without complaint',
    async run(subject, context) {
      const { signal } = context;
      const key = `${context.prefix}gone/object`;
      const neighbour = `${context.prefix}gone/object.2`;
      await probe.put(subject, context, key, context.randomBytes(10));
      await probe.put(subject, context, neighbour, context.randomBytes(20));
      await subject.remove({ key, signal });
      await subject.remove({ key, signal });
      await subject.remove({ key: `${context.prefix}never/was/there`, signal });
      await probe.invisible(subject, context, key);
      equal((await probe.keysBelow(subject, context, context.prefix)).join(), neighbour, 'what is left');
    },
  },
  {
    name: 'puts a removed key once more',
    async run(subject, context) {
      const key = `${context.prefix}again/object`;
      await probe.put(subject, context, key, context.randomBytes(10), { createOnly: true });
      await subject.remove({ key, signal: context.signal });
      const bytes = context.randomBytes(20);
      await probe.put(subject, context, key, bytes, { createOnly: true });
      probe.sameBytes(await probe.read(subject, context, key), bytes, 'the second object');
    },
  },
  {
    name: 'never ends short in silence when an object goes while it is read',
    async run(subject, context) {
      const { signal } = context;
      const key = `${context.prefix}going`;
      const bytes = context.randomBytes(10 * probe.mebibyte);
      for (const change of ['remove', 'replace'] as const) {
        await probe.put(subject, context, key, bytes);
        const chunks: Uint8Array[] = [];
        try {
          for await (const chunk of subject.get({ key, signal })) {
            if (chunks.length === 0) {
              if (change === 'remove') await subject.remove({ key, signal });
              else await probe.put(subject, context, key, context.randomBytes(5000));
            }
            chunks.push(chunk);
          }
        } catch (error) {
          ok(isHoldfastError(error), String(error));
          continue;
        }
        probe.sameBytes(Buffer.concat(chunks), bytes, `an object read during ${change}`);
      }
    },
  },
  {
    name: 'lets a reader leave early, any number of times',
    async run(subject, context) {
      const key = `${context.prefix}left`;
      const bytes = context.randomBytes(4 * probe.mebibyte);
      await probe.put(subject, context, key, bytes);
      for (let turn = 0; turn < 40; turn += 1) {
        for await (const chunk of subject.get({ key, signal: context.signal })) {
          probe.sameBytes(chunk, bytes.subarray(0, chunk.length), 'the first chunk');
          break;
        }
      }
    },
  },
  {
    name: 'stops an interrupted get with INTERRUPTED',
    async run(subject, context) {
      const key = `${context.prefix}interrupted`;
      await probe.put(subject, context, key, context.randomBytes(10 * probe.mebibyte));
      const stop = new AbortController();
      const reading = (async () => {
        for await (const _ of subject.get({ key, signal: stop.signal })) stop.abort();
      })();
      await probe.rejectsWith('INTERRUPTED', reading, 'an interrupted get');
    },
  },
];
