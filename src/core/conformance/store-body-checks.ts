/** Checks of what `Store.put` takes and `get` gives back: sizes at which buffers and parts end, odd chunks, bulk. */

import { equal } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { StoreCheck } from './check.ts';
import * as probe from './probes.ts';

/** Where buffers, pipes and parts of uploads usually end. */
const edges = [65_536, probe.mebibyte, 5 * probe.mebibyte] as const;

/** More parts than a store is likely to hold at once. */
const bulkChunks = 20;

export const storeBodyChecks: readonly StoreCheck[] = [
  {
    name: 'gives back objects of the sizes at which buffers and parts end',
    async run(subject, context) {
      const sizes = edges.flatMap((edge) => [edge - 1, edge, edge + 1]);
      const longest = context.randomBytes(edges.at(-1)! + 1);
      await probe.inParallel(sizes, 3, async (size) => {
        const key = `${context.prefix}edge-${size}`;
        const bytes = longest.subarray(longest.length - size);
        const { sizeBytes } = await probe.put(subject, context, key, bytes);
        equal(sizeBytes, size, 'size told by put');
        probe.sameBytes(await probe.read(subject, context, key), bytes, `an object of ${size} bytes`);
        await subject.remove({ key, signal: context.signal });
      });
    },
  },
  {
    name: 'takes empty chunks, and views into larger buffers, for what they are',
    async run(subject, context) {
      const key = `${context.prefix}chunks`;
      const bytes = context.randomBytes(300_000);
      async function* body() {
        const nothing = new Uint8Array(0);
        yield nothing;
        for (let at = 0; at < bytes.length; at += 70_001) {
          const end = Math.min(bytes.length, at + 70_001);
          const larger = new Uint8Array(end - at + 20).fill(0xee);
          larger.set(bytes.subarray(at, end), 10);
          yield larger.subarray(10, 10 + end - at);
          yield nothing;
        }
      }
      for (const declared of [{}, { sizeBytes: bytes.length }]) {
        await subject.put({ key, body: body(), signal: context.signal, ...declared });
        probe.sameBytes(await probe.read(subject, context, key), bytes, 'get');
      }
    },
  },
  {
    name: 'streams tens of mebibytes of unknown length there and back',
    async run(subject, context) {
      const key = `${context.prefix}bulk`;
      const [there, back] = [createHash('sha256'), createHash('sha256')];
      let sent = 0;
      async function* body() {
        for (let turn = 0; turn < bulkChunks; turn += 1) {
          const bytes = context.randomBytes(probe.mebibyte - turn);
          there.update(bytes);
          sent += bytes.length;
          yield bytes;
        }
      }
      const { sizeBytes } = await subject.put({ key, body: body(), signal: context.signal });
      equal(sizeBytes, sent, 'size told by put');
      for await (const chunk of subject.get({ key, signal: context.signal })) back.update(chunk);
      equal(back.digest('hex'), there.digest('hex'), 'SHA-256 of what came back');
      await subject.remove({ key, signal: context.signal });
    },
  },
];
