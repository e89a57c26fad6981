/** What can happen to an account: files deleted, overwritten, opened to everybody, access lists dropped. */

import { execFile } from 'node:child_process';
import { appendFileSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SampleAccount } from '../../test/support/sample-panel.ts';

const execute = promisify(execFile);

export async function damageTrees(accounts: readonly SampleAccount[]): Promise<void> {
  for (const { shadow, info } of accounts) {
    const html = join(shadow, 'var/www/html');
    for (const [i, entry] of readdirSync(html, { withFileTypes: true }).entries()) {
      const path = join(html, entry.name);
      if (i % 3 === 0) rmSync(path, { recursive: true });
      else if (entry.isFile() && i % 3 === 1) appendFileSync(path, '<?php /* not ours */');
      else if (entry.isFile()) truncateSync(path, 0);
    }
    await execute('setfacl', [
      '--recursive',
      '--remove-all',
      '--remove-default',
      '--',
      join(shadow, 'var/www'),
    ]);
    await execute('chmod', ['--recursive', '0777', '--', html]);
    await execute('chown', ['--recursive', '--no-dereference', 'root:root', '--', join(shadow, 'home')]);
    rmSync(join(info, 'users'), { recursive: true });
  }
}
