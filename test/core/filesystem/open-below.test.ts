import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { closeFd, errno, O } from '../../../src/core/filesystem/native.ts';
import { openBelow } from '../../../src/core/filesystem/open-below.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-open-below-'));
afterAll(() => rmSync(directory, { recursive: true }));

it('opens no path with a component that leads elsewhere', () => {
  mkdirSync(join(directory, 'root/..name'), { recursive: true });
  writeFileSync(join(directory, 'secret'), '');
  const opened = (path: string): number => openBelow(join(directory, 'root'), Buffer.from(path), O.RDONLY);

  for (const path of ['../secret', '..name/../../secret', '..', '.', './..name', '..name/..'])
    expect([path, opened(path)]).toEqual([path, -errno.EINVAL]);
  const fd = opened('..name');
  expect(fd).toBeGreaterThan(0);
  closeFd(fd);
});
