import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { checkNotifiers } from '../../../src/cli/checks/notifiers.ts';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-notifiers-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it('says which notifiers find nothing to work with, and where others could write beside them', async () => {
  const shared = join(dir, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o777);
  const textfile = (...names: string[]): { use: string; path: string } => ({
    use: 'textfile',
    path: join(dir, ...names, 'holdfast.prom'),
  });
  const checks = await checkNotifiers({
    notify: [
      { use: 'mail', to: ['root@localhost'], sendmail: join(dir, 'absent') },
      { use: 'mail', to: ['root@localhost'], sendmail: '/usr/bin/true' },
      { use: 'ping', url: 'env:NONE' },
      textfile(),
      textfile('absent'),
      textfile('shared'),
    ],
  });

  expect(checks.map(({ name, state }) => `${state} ${name}`)).toEqual([
    'warn notifier 0 (mail)',
    'ok notifier 1 (mail)',
    'ok notifier 3 (textfile)',
    'warn notifier 4 (textfile)',
    'warn notifier 5 (textfile)',
  ]);
  expect(checks.at(-1)?.detail).toContain('can be changed by its group or by everybody');
});
