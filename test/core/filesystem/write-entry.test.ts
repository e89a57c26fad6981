/** What is made of an entry where its owner cannot be given. */

import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Entry } from '../../../src/core/archive/entry.ts';
import { applyToDescriptor } from '../../../src/core/filesystem/write-entry.ts';
import { systemXattrs } from '../../../src/core/filesystem/xattrs.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-write-entry-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const nobody = 65534;

describe('a file of root that nobody restores', () => {
  it('does not get the setuid and setgid bits that were for its owner', () => {
    chmodSync(directory, 0o777);
    const entry: Entry = {
      path: Buffer.from('shadow/su'),
      flags: 0,
      mode: 0o106755,
      uid: 0,
      gid: 0,
      mtimeSeconds: 1,
      mtimeNanoseconds: 0,
      ctimeSeconds: 1,
      ctimeNanoseconds: 0,
      inode: 1n,
      xattrs: [],
      target: null,
      rdevMajor: 0,
      rdevMinor: 0,
      content: null,
    };
    const told: string[] = [];
    let fd = -1;
    process.setegid!(nobody);
    process.seteuid!(nobody);
    try {
      const path = mkdtempSync(join(directory, 'try-'));
      fd = openSync(join(path, 'su'), 'w');
      applyToDescriptor(fd, entry, systemXattrs, (code, message) => told.push(`${code}: ${message}`));
      expect(statSync(join(path, 'su')).mode & 0o7777).toBe(0o755);
    } finally {
      process.seteuid!(0);
      process.setegid!(0);
      if (fd >= 0) closeSync(fd);
    }
    expect(told).toEqual(['owner-refused: owner 0:0: EPERM, so setuid and setgid are dropped']);
  });
});
