import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { storeChecks, sweep } from 'holdfast/conformance';
import definition from '../src/index.ts';

// Run the checks against the real service, never against an imitation of it.
const directory = mkdtempSync(join(tmpdir(), '{{name}}-'));
const open = () => definition.open({ use: '{{name}}', path: join(directory, 'store.sqlite') });
const store = await open();
const { signal } = new AbortController();

after(async () => {
  await store.close();
  rmSync(directory, { recursive: true });
});

describe('the store {{name}} keeps the store contract: it', () => {
  for (const check of storeChecks) {
    const skip = check.when?.(store.capabilities) === false && 'not claimed';
    it(check.name, { skip }, async () => {
      const prefix = `checks/${randomUUID()}/`;
      try {
        await check.run(store, {
          prefix,
          signal,
          randomBytes: (length) => randomBytes(length),
          now: Date.now,
          reopen: open,
        });
      } finally {
        await sweep(store, prefix, signal);
      }
    });
  }
});
