import { mkdir, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { knownError } from '../../src/core/system-error.ts';

const refusal = (action: Promise<unknown>): Promise<unknown> => action.catch((error: unknown) => error);

it('takes a file where a directory is to be, and a disk that fails, for what they are', async () => {
  const plain = await refusal(mkdir('/proc/version/state', { recursive: true }));
  const there = await refusal(mkdir('/proc/version'));
  const long = await refusal(readFile(`/${'a'.repeat(300)}`));
  const broken = Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });

  for (const error of [plain, there, long])
    expect(knownError(error)).toMatchObject({ code: 'PREREQUISITE_MISSING' });
  expect(knownError(broken)).toMatchObject({ code: 'STATE_UNWRITABLE' });
  expect(knownError(new TypeError('no such method'))).toBeNull();
});
