/** Names of databases as names of files, by us and by the second reader alike; numbers in names of keys. */

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeFileName, ownerKeyKey, parseOwnerKeyKey } from '../../../src/core/archive/keys.ts';
import { nextNumber } from '../../../src/core/archive/next-number.ts';

const rescue = join(import.meta.dirname, '../../../src/core/archive');
const names = [
  'shop_wp',
  'odd_a/b',
  '..',
  `odd_${'日'.repeat(21)}`,
  `odd_${'日'.repeat(22)}`,
  `odd_${'日'.repeat(50)}`,
  'shop_wp.grants',
  'shop_wp%2Egrants',
  '_joint',
  `odd_${'.'.repeat(100)}`,
];

it('fit into a file system, differ, and are the same from rescue.py', () => {
  const ours = names.map(encodeFileName);
  expect(Math.max(...ours.map((name) => name.length))).toBeLessThanOrEqual(200);
  expect(new Set(ours).size).toBe(names.length);
  expect(ours[1]).toBe('odd_a%2Fb');
  expect(ours[6]).toBe('shop_wp%2Egrants');
  expect(ours[8]).toBe('%5Fjoint');
  expect(ours[4]).toMatch(/^odd_(%E6%97%A5)+[%0-9A-F]*~[0-9a-f]{16}$/);
  const script =
    'import json,sys,rescue; print(json.dumps([rescue.database_file_name(n).decode() for n in json.load(sys.stdin)]))';
  const theirs = execFileSync('python3', ['-B', '-c', script], { cwd: rescue, input: JSON.stringify(names) });
  expect(JSON.parse(theirs.toString())).toEqual(ours);
});

describe('the name of a key object', () => {
  const uuid = '11111111-1111-4111-8111-111111111111';
  const name = { server: uuid, owner: uuid, epoch: 99_999, revision: 99_999, pair: '0123abcd' };
  const key = ownerKeyKey(name);

  it('comes back whole up to its highest numbers', () => {
    expect(parseOwnerKeyKey(key)).toEqual(name);
  });

  it.each([
    ['99999-99999', '9007199254740993-0'],
    ['99999-99999', '100000-0'],
    ['99999-99999', '00000-0'],
    ['99999-99999', '00001-00'],
    ['99999-99999', '00001-100000'],
  ])('is none with other numbers than it holds: %s, %s', (from, to) => {
    expect(parseOwnerKeyKey(key.replace(from, to))).toBe(null);
  });

  it.each([{ epoch: 0 }, { epoch: 100_000 }, { epoch: 2 ** 53 }, { revision: 100_000 }, { revision: -1 }])(
    'is not made of %o',
    (numbers) => {
      expect(() => ownerKeyKey({ ...name, ...numbers })).toThrow(TypeError);
    },
  );
});

describe('the next number', () => {
  const following = (last: number, ...taken: number[]) => nextNumber({ last, highest: 9 }, taken, 'keys/');

  it('follows what is trusted, past what follows it without a gap', () => {
    expect(following(0)).toBe(1);
    expect(following(3, 1, 2, 3)).toBe(4);
    expect(following(3, 5, 4, 9)).toBe(6);
    expect(following(3, 9, 2 ** 53, Number.POSITIVE_INFINITY)).toBe(4);
  });

  it('is refused where none is left', () => {
    for (const refused of [() => following(9), () => following(7, 8, 9)])
      expect(refused).toThrow('no number is left below keys/');
  });
});
