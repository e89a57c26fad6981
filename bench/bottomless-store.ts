/** A store that keeps nothing and gives back as many zeros as one asks for: what is left is the way there. */

import { memoryStore } from '../src/core/conformance/memory-store.ts';
import type { StoreDefinition } from '../src/core/index.ts';

const piece = Buffer.alloc(1_000_000);

export const bottomlessStore: StoreDefinition = {
  kind: 'store',
  name: 'bottomless',
  version: '1.0.0',
  contract: 1,
  settingsSchema: {},
  open: async () => ({
    ...memoryStore(),
    async put({ body }) {
      let sizeBytes = 0;
      for await (const chunk of body) sizeBytes += chunk.length;
      return { sizeBytes, version: null, storedAtMs: null };
    },
    async *get({ range }) {
      for (let left = range?.length ?? 0; left > 0; left -= piece.length) yield piece.subarray(0, left);
    },
  }),
};
