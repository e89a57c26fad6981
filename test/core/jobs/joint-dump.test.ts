/** One dump of several databases: what a backup and a restore say of it. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { noteJoint } from '../../../src/cli/joint-dumps.ts';
import { Output } from '../../../src/cli/output.ts';
import type { DatabaseEngine } from '../../../src/core/contracts/database.ts';
import { openLab } from '../../support/backup.ts';
import { cannedEngine, cannedSelector } from '../../support/canned-engine.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-joint-'));
  mkdirSync(join(directory, 'tree'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function jointEngine(): DatabaseEngine {
  const engine = cannedEngine({ one: 'INSERT 1;\n', 'the two': '' });
  const warning = { code: 'view-broken', database: 'the two', message: 'view "v" is broken' };
  return {
    ...engine,
    exports: async (request) => {
      const set = await engine.exports(request);
      const [first] = set.exports;
      const result = async () => ({ ...(await first!.result()), warnings: [warning] });
      const joint = { ...first!, databases: ['one', 'the two'] as [string, string], result };
      const why = { code: 'export-joint', database: 'one', message: 'both are in one' };
      return { ...set, consistency: 'joint', exports: [joint], warnings: [why] };
    },
  };
}

it('a joint dump goes by one name, and names its databases', async () => {
  const lab = await openLab(directory, { chain: {} });
  const { snapshot } = await lab.backUp({}, { engines: [jointEngine()], databases: [cannedSelector] });
  const to = join(mkdtempSync(join(directory, 'to-')), 'restored');
  const { databaseFiles, warnings } = await lab.restore(to);
  await lab.close();
  const stderr = new PassThrough();
  noteJoint(new Output({ stdout: stderr, stderr }, { json: false, quiet: true }), snapshot, databaseFiles);
  stderr.end();

  expect(snapshot.body.warnings.map(({ component, message }) => [component, message])).toEqual([
    ['canned/_joint', 'both are in one'],
    ['canned/_joint', 'database "the two": view "v" is broken'],
  ]);
  expect(warnings).toMatchObject([{ code: 'view-broken', component: 'canned', path: 'canned/_joint' }]);
  expect(readFileSync(join(to, 'databases/canned/_joint.sql'), 'utf8')).toBe('INSERT 1;\n');
  expect(await text(stderr)).toMatch(
    /^note: databases\/canned\/_joint.sql holds "one", "the two", and its statements make/,
  );
});
