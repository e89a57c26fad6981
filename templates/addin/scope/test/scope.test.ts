import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { scopeChecks } from 'holdfast/conformance';
import definition from '../src/index.ts';

const directory = mkdtempSync(join(tmpdir(), '{{name}}-'));
after(() => rmSync(directory, { recursive: true }));

const open = async () => {
  const scopes = await definition.open({ use: '{{name}}', path: join(directory, 'setting.json') });
  return scopes[0]!;
};

describe('the scope {{name}} keeps the scope contract: it', () => {
  for (const check of scopeChecks) {
    it(check.name, async () => {
      const legal = ['none', 'night', 'office-hours'];
      await check.run(await open(), { legal, illegal: ['noon', 3, true, null, ['night']], reopen: open });
    });
  }
});
