/** Changes bytes of a file behind the file system's back, as a failing disk does: nothing else about it changes. */

import { execFileSync } from 'node:child_process';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';

const blockBytes = 4096;

/** `file` lies on an ext4 that is mounted from a block device, and has content in its first block. */
export function corruptSilently(file: string, bytes: string): void {
  const run = (command: string, ...args: string[]): string =>
    execFileSync(command, args, { encoding: 'utf8' });
  run('sync', '-f', file);
  const device = run('findmnt', '-n', '-o', 'SOURCE', '-T', file).trim();
  const [, first] = /^ *0: +0\.\. +\d+: +(\d+)\.\./m.exec(run('filefrag', '-v', file)) ?? [];
  if (first === undefined) throw new Error(`cannot find the blocks of ${file}`);
  const fd = openSync(device, 'r+');
  writeSync(fd, bytes, Number(first) * blockBytes);
  fsyncSync(fd);
  closeSync(fd);
  // What the kernel has read of the file before is forgotten.
  run('dd', `if=${file}`, 'iflag=nocache', 'count=0', 'status=none');
}
