/** What an export has whole and an import may not give back is told when it is new, not each night. */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DatabaseEngine } from '../../../../src/core/contracts/database.ts';
import { openLab } from '../../../support/backup.ts';
import { cannedEngine, cannedSelector } from '../../../support/canned-engine.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-notes-'));
  mkdirSync(join(directory, 'tree'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Null: its dump breaks off. */
function notedEngine(said: string | null, joint: boolean): DatabaseEngine {
  const engine = cannedEngine({ 'a b': said === null ? null : 'INSERT 1;\n', other: '' });
  const notes = [{ code: 'definer-foreign', database: 'a b', message: said ?? '' }];
  return {
    ...engine,
    exports: async (request) => {
      const set = await engine.exports(request);
      const [one, ...others] = set.exports.map((each) =>
        each.databases[0] === 'a b'
          ? { ...each, result: async () => ({ ...(await each.result()), notes }) }
          : each,
      );
      const all = { ...one!, databases: ['a b', 'other'] as [string, string] };
      return { ...set, exports: joint ? [all] : [one!, ...others] };
    },
  };
}

it('a note on a database makes a warning once, also after a night without its export', async () => {
  const lab = await openLab(directory, { chain: {} });
  const night = async (said: string | null, joint = false): Promise<readonly string[]> => {
    const engines = [notedEngine(said, joint)];
    const { snapshot } = await lab.backUp({}, { engines, databases: [cannedSelector] });
    expect(snapshot.header.state).toBe(said === null ? 'partial' : 'complete');
    return snapshot.body.warnings.map(({ code, component, message }) => `${code} ${component} ${message}`);
  };

  expect(await night('view "v" as "root"')).toEqual(['definer-foreign canned/a%20b view "v" as "root"']);
  expect(await night('view "v" as "root"')).toEqual([]);
  expect(await night(null)).toEqual([]);
  expect(await night('view "v" as "root"', true)).toEqual([]);
  expect(await night('view "w" as "root"')).toEqual(['definer-foreign canned/a%20b view "w" as "root"']);
  await lab.close();
});
