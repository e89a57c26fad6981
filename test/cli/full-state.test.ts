/** A state directory on a file system of its own that becomes full. */

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { BackupDocument } from '../../src/cli/documents/backup.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';
import { type MountedFilesystem, mountFilesystem } from '../support/filesystems.ts';

let site: CliSite;
let mounted: MountedFilesystem;
const accounts = ['anna', 'bert', 'carl'];

beforeAll(() => {
  mounted = mountFilesystem('tmpfs', { mebibytes: 4 });
  site = makeSite({}, makeDirectory());
  for (const name of accounts) mkdirSync(join(site.dir, 'home', name), { recursive: true });
  program('fill', `cat /dev/zero > ${mounted.path}/fill 2>/dev/null; exit 0`);
  program('tell', `cat > ${site.dir}/told`);
});
afterAll(() => {
  site.remove();
  mounted.unmount();
});
beforeEach(() => {
  rmSync(join(mounted.path, 'fill'), { force: true });
  rmSync(join(site.dir, 'told'), { force: true });
});

function program(name: string, text: string): void {
  writeFileSync(join(site.dir, name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(site.dir, name), 0o755);
}

const configure = (event: string, name: string, notify: readonly object[] = []): void =>
  writeJson(join(site.config, 'config.json'), {
    panel: { use: 'generic', accounts: [{ path: join(site.dir, 'home/*') }] },
    isolation: 'off',
    concurrency: 1,
    stateDir: join(mounted.path, 'state'),
    hooks: [{ on: event, command: [join(site.dir, name)] }],
    notify,
  });

it('during a run costs a warning, and no snapshot that is committed', async () => {
  configure('before-upload', 'fill');
  const run = await site.holdfast('backup', '--json');
  const { snapshots, failed } = documentOf<BackupDocument>('backup', run);
  const listed = await site.holdfast('snapshots');

  expect(run.status).not.toBe(errorCodes.INTERNAL.exit);
  expect(snapshots.length).toBeGreaterThan(0);
  expect(snapshots.length + failed.length).toBe(accounts.length);
  for (const { error } of failed) expect(error.code).toBe('STATE_UNWRITABLE');
  for (const { id } of snapshots) expect(listed.stdout).toContain(id);
});

it('before a run is named, and told', async () => {
  configure('failure', 'tell');
  await site.holdfast('backup');
  execFileSync(join(site.dir, 'fill'));
  const run = await site.holdfast('backup');

  expect(run.status).toBe(errorCodes.STATE_UNWRITABLE.exit);
  expect(run.stderr).toContain('hint: Make room where the state directory lies');
  expect(JSON.parse(readFileSync(join(site.dir, 'told'), 'utf8'))).toMatchObject({
    event: 'failure',
    exitStatus: 8,
  });
});

it('keeps the schedule from beginning a run, and that is told', async () => {
  program('sendmail', `cat >> ${site.dir}/told`);
  configure('after-run', 'tell', [
    { use: 'mail', to: ['root@localhost'], sendmail: join(site.dir, 'sendmail'), on: ['failure'] },
  ]);
  const key = 'nightly full 0 3 * * *';
  writeJson(join(mounted.path, 'state/schedule.json'), {
    version: 1,
    states: { [key]: { doneThroughMs: 0, begun: null } },
  });
  writeJson(join(site.config, 'addins.d/nightly.json'), {
    name: 'nightly',
    provider: { use: 's3-tar' },
    store: { use: 'local', path: site.store },
    encryption: 'none',
    schedule: [{ level: 'full', cron: '0 3 * * *' }],
  });
  execFileSync(join(site.dir, 'fill'));
  const serve = await site.holdfast('serve', '--once');

  expect(serve.status).toBe(errorCodes.STATE_UNWRITABLE.exit);
  expect(serve.stdout).not.toContain('begins');
  expect(readFileSync(join(site.dir, 'told'), 'utf8')).toContain('STATE_UNWRITABLE');
});
