/** Names of databases as names of files, by us and by the second reader alike. */

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { encodeFileName } from '../../../src/core/archive/keys.ts';

const rescue = join(import.meta.dirname, '../../../src/core/archive');
const names = [
  'shop_wp',
  'odd_a/b',
  '..',
  `odd_${'日'.repeat(21)}`,
  `odd_${'日'.repeat(22)}`,
  `odd_${'日'.repeat(50)}`,
];

it('fit into a file system, differ, and are the same from rescue.py', () => {
  const ours = names.map(encodeFileName);
  expect(Math.max(...ours.map((name) => name.length))).toBeLessThanOrEqual(200);
  expect(new Set(ours).size).toBe(names.length);
  expect(ours[1]).toBe('odd_a%2Fb');
  expect(ours[4]).toMatch(/^odd_(%E6%97%A5)+[%0-9A-F]*~[0-9a-f]{16}$/);
  const script =
    'import json,sys,rescue; print(json.dumps([rescue.file_name(n).decode() for n in json.load(sys.stdin)]))';
  const theirs = execFileSync('python3', ['-B', '-c', script], { cwd: rescue, input: JSON.stringify(names) });
  expect(JSON.parse(theirs.toString())).toEqual(ours);
});
