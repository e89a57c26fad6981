/** `pin --until` takes days that there are. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CliSite, makeDirectory, makeSite } from '../support/cli.ts';

let site: CliSite;
beforeAll(() => {
  const dir = makeDirectory();
  mkdirSync(join(dir, 'home/anna'), { recursive: true });
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
});
afterAll(() => site.remove());

it('refuses a day that no calendar has', async () => {
  expect((await site.holdfast('backup')).status).toBe(0);
  const target = ['latest', '--account', 'anna', '--reason', 'a move'];
  const { status, stdout, stderr } = await site.holdfast('pin', ...target, '--until', '2999-02-30');

  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toContain('is neither a day nor an instant');
});
