import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { localStore } from '../../../src/addins/local/index.ts';
import { s3TarProvider } from '../../../src/addins/s3-tar/index.ts';
import { memoryStore, providerChecks } from '../../../src/core/conformance/index.ts';
import { runProviderCheck } from '../../support/run-checks.ts';
import { scratchDirectory } from '../local/scratch.ts';

const { signal } = new AbortController();

describe('s3-tar', () => {
  describe('keeps the provider contract: it', () => {
    it.each(providerChecks)('$name', async (check) => {
      using scratch = scratchDirectory();
      await runProviderCheck(check, s3TarProvider, memoryStore());
      const path = join(scratch.path, 'store');
      await runProviderCheck(check, s3TarProvider, await localStore.open({ use: 'local', path }));
    });
  });

  it.each(['differential', 'incremental'] as const)(
    'names the provider that can write a %s',
    async (requested) => {
      const provider = await s3TarProvider.open({ store: memoryStore(), settings: { use: 's3-tar' } });

      const plan = provider.plan({ owner: 'o', requested, history: [], nowMs: 0, signal });

      await expect(plan).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(requested),
        hint: expect.stringContaining('provider chain'),
      });
    },
  );

  it('takes no settings but its name', () => {
    const validate = new Ajv2020().compile(s3TarProvider.settingsSchema);
    expect(validate({ use: 's3-tar' })).toBe(true);
    expect(validate({ use: 's3-tar', level: 'full' })).toBe(false);
  });
});
