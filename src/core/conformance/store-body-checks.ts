/** Checks of what `Store.put` takes and `get` gives back: sizes at which buffers and parts end, odd chunks, bulk. */

import { equal } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { StoreCheck } from './check.ts';
import * as probe from './probes.ts';

/** Where buffers, pipes and parts of uploads usually end. */
const edges = [65_536, probe.mebibyte, 5 * probe.mebibyte] as const;

/** More parts than a store is likely to hold at once. */
const bulkBytes = 20 * probe.mebibyte + 17;
/** Where parts of usual sizes end. */
const bulkEdges = [5, 8, 16].map((count) => count * probe.mebibyte);

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
    name: 'streams tens of mebibytes of unknown length there and back, and gives ranges from anywhere in them',
    async run(subject, context) {
      const { prefix, signal } = context;
      const key = `${prefix}bulk`;
      const bytes = context.randomBytes(bulkBytes);
      async function* body() {
        for (let at = 0; at < bytes.length; at += 1_000_003) yield bytes.subarray(at, at + 1_000_003);
      }
      const { sizeBytes } = await subject.put({ key, body: body(), signal });
      equal(sizeBytes, bytes.length, 'size told by put');
      const back = createHash('sha256');
      for await (const chunk of subject.get({ key, signal })) back.update(chunk);
      equal(
        back.digest('hex'),
        createHash('sha256').update(bytes).digest('hex'),
        'SHA-256 of what came back',
      );
      const ranges = bulkEdges.flatMap((edge) => [
        { offset: edge - 3, length: 7 },
        { offset: edge, length: 1000 },
      ]);
      await probe.inParallel(ranges, 4, async ({ offset, length }) => {
        const part = await probe.read(subject, context, key, { offset, length });
        probe.sameBytes(part, bytes.subarray(offset, offset + length), `range ${offset}+${length}`);
      });
      await subject.remove({ key, signal });
    },
  },
];
