import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { isPackageNumber } from '../../../src/core/isolation/addin-user.ts';
import { addinNumber, knownAddinNumber } from '../../../src/core/state/addin-users.ts';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-addin-users-'));
const state = join(dir, 'state');

afterAll(() => rmSync(dir, { recursive: true, force: true }));

it('gives each addin a number of its own, also to many at once, and always the same', async () => {
  const names = Array.from({ length: 15 }, (_, index) => `store number${index}`);
  expect(await knownAddinNumber(state, names[0]!)).toBeNull();
  const numbers = await Promise.all(names.map((name) => addinNumber(state, name)));

  expect(new Set(numbers).size).toBe(names.length);
  expect(numbers.every((number) => isPackageNumber(number) && number !== 65_521 && number < 80_000)).toBe(
    true,
  );
  expect(await Promise.all(names.map((name) => addinNumber(state, name)))).toEqual(numbers);
  expect(await Promise.all(names.map((name) => knownAddinNumber(state, name)))).toEqual(numbers);
  expect(statSync(state).mode & 0o777).toBe(0o700);
});

it('gives one number where one addin is opened several times at once', async () => {
  const numbers = await Promise.all(
    Array.from({ length: 4 }, () => addinNumber(join(dir, 'other'), 'store x')),
  );
  expect(new Set(numbers).size).toBe(1);
});

it('believes no state directory that others can write into', async () => {
  const open = mkdtempSync(join(dir, 'open-'));
  chmodSync(open, 0o777);
  await expect(addinNumber(open, 'store x')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
