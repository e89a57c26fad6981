/** Hooks around real backups and restores. */

import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BackupDocument } from '../../src/cli/documents/backup.ts';
import type { HooksDocument } from '../../src/cli/documents/schedule.ts';
import type { StatusDocument } from '../../src/cli/documents/snapshots.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

let site: CliSite;
let told: string;
let program: string;

/** The program notes the event, and fails on the one that it is given. */
const hook = (on: string, onFailure = 'warn', failing = 'none'): object => ({
  on,
  command: [program, failing],
  onFailure,
});
const configure = (...hooks: readonly object[]): void =>
  writeJson(join(site.config, 'config.json'), {
    panel: { use: 'generic', accounts: [{ path: join(site.dir, 'home/*') }] },
    concurrency: 1,
    hooks,
  });
const events = (): string[] =>
  existsSync(told)
    ? readFileSync(told, 'utf8')
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[0]!)
    : [];

beforeAll(() => {
  const dir = makeDirectory();
  mkdirSync(join(dir, 'home/anna'), { recursive: true });
  writeFileSync(join(dir, 'home/anna/file'), 'anna');
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  told = join(dir, 'told');
  program = join(dir, 'hook');
  writeFileSync(
    program,
    `#!/bin/sh\necho "$HOLDFAST_EVENT $(cat)" >> ${told}\n[ "$1" != "$HOLDFAST_EVENT" ]\n`,
  );
  chmodSync(program, 0o755);
});
beforeEach(() => rmSync(told, { force: true }));
afterAll(() => site.remove());

describe('hooks of a backup', () => {
  it('come in their order, with what they need to know', async () => {
    const all = ['before-run', 'before-account', 'before-export', 'after-export', 'before-upload'];
    const rest = ['after-upload', 'after-account', 'after-run'];
    configure(...[...all, ...rest, 'failure'].map((on) => hook(on)));
    const { status } = await site.holdfast('backup');
    const [last] = readFileSync(told, 'utf8').trim().split('\n').slice(-1);

    expect(status).toBe(0);
    expect(events()).toEqual([...all, ...rest]);
    expect(JSON.parse(last!.slice(last!.indexOf('{')))).toMatchObject({
      addin: 'nightly',
      exitStatus: 0,
      snapshots: 1,
    });
  });

  it('that could not run are found by doctor beforehand, and those for nobody by a backup, too', async () => {
    const missing = { on: 'before-run', command: ['/nonexistent/hook'], onFailure: 'stop' };
    const plain = join(site.dir, 'plain');
    writeFileSync(plain, '#!/bin/sh\n');
    const stray = { ...hook('after-run'), addins: ['nigthly'] };
    configure(hook('before-account'), { on: 'after-run', command: [plain] }, missing, stray);
    const found = await site.holdfast('doctor');
    const listed = await site.holdfast('accounts');
    configure(stray);
    const typo = await site.holdfast('backup');

    expect(found.status).toBe(errorCodes.HOOK_FAILED.exit);
    expect(found.stdout).toMatch(/^ok +before-account hook /m);
    expect(found.stdout).toMatch(/^warn +after-run hook +.*\/plain is not executable$/m);
    expect(found.stdout).toMatch(/^error +before-run hook +\/nonexistent\/hook cannot be found: ENOENT$/m);
    expect(found.stdout).toMatch(/^warn +after-run hook +is for an addin configuration "nigthly", which/m);
    expect([listed.status, typo.status]).toEqual([0, 0]);
    expect(typo.stderr).toContain(
      'the after-run hook is for an addin configuration "nigthly", which there is not',
    );
  });

  it('can keep a run from beginning, and the failure is told', async () => {
    configure(hook('before-run', 'stop', 'before-run'), hook('before-account'), hook('failure'));
    const result = await site.holdfast('backup');

    expect(result.status).toBe(errorCodes.HOOK_FAILED.exit);
    expect(result.stderr).toContain(`the before-run hook ${program} ended with status 1`);
    expect(events()).toEqual(['before-run', 'failure']);
  });

  it('are told of a run that fails before it has looked up an account, and so is its record', async () => {
    const panel = { use: 'generic', accounts: [{ path: join(site.dir, 'nowhere/*') }] };
    const hooks = [hook('before-run'), hook('after-run'), hook('failure')];
    writeJson(join(site.config, 'config.json'), { panel, hooks });
    const none = await site.holdfast('backup');
    configure(hook('failure'));
    const addin = join(site.config, 'addins.d/nightly.json');
    const as = readFileSync(addin, 'utf8');
    writeJson(addin, { ...JSON.parse(as), store: { use: 'local', path: join(site.dir, 'home') } });
    const noStore = await site.holdfast('backup');
    writeFileSync(addin, as);
    const status = documentOf<StatusDocument>('status', await site.holdfast('status', '--json'));

    expect(none.status).toBe(errorCodes.PANEL_UNREADABLE.exit);
    expect(noStore.status).toBe(errorCodes.STORE_FOREIGN.exit);
    expect(events()).toEqual(['before-run', 'after-run', 'failure', 'failure']);
    expect(readFileSync(told, 'utf8')).toContain('"problems":["PANEL_UNREADABLE: ');
    // Runs of one second stand in any order, those of other tests among them.
    expect(status.ended.map(({ exitStatus }) => exitStatus)).toEqual(
      expect.arrayContaining([none.status, noStore.status]),
    );
  });

  it('may put the disk of a store away after a run, however it ends: nobody has it open', async () => {
    const seen = join(site.dir, 'seen');
    const looks = join(site.dir, 'looks');
    const stores = `for p in $(cat /proc/$PPID/task/*/children); do grep -c isolation/child /proc/$p/cmdline; done`;
    writeFileSync(
      looks,
      `#!/bin/sh\necho "$HOLDFAST_EVENT $(${stores} | grep -c 1)" >> ${seen}\ncat > ${told}\n`,
    );
    chmodSync(looks, 0o755);
    const looking = ['before-run', 'before-account', 'after-run'].map((on) => ({ on, command: [looks] }));
    configure(...looking);
    const done = await site.holdfast('backup');
    const failed = await site.holdfast('backup', '--account', 'nobody');

    expect([done.status, failed.status]).toEqual([0, errorCodes.ACCOUNT_NOT_FOUND.exit]);
    expect(readFileSync(seen, 'utf8')).toBe(
      'before-run 0\nbefore-account 1\nafter-run 0\nbefore-run 0\nafter-run 0\n',
    );
  });

  it('that come too late to stop anything end the run with their error, and warnings with a warning', async () => {
    configure(hook('after-account', 'stop', 'after-account'));
    const stop = await site.holdfast('backup');
    configure(hook('after-account', 'warn', 'after-account'));
    const warn = await site.holdfast('backup', '--json');
    const [problem] = documentOf<BackupDocument>('backup', warn).hookProblems;

    expect(stop.status).toBe(errorCodes.HOOK_FAILED.exit);
    expect(stop.stdout).toMatch(/^anna .* complete /m);
    expect(stop.stderr).toContain(`the after-account hook ${program} ended with status 1`);
    expect(warn.status).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
    expect(problem).toBe(`the after-account hook ${program} ended with status 1`);
    expect(warn.stderr).toContain(problem);
  });
});

describe('hooks of a restore', () => {
  it('stand around it, and not around a dry run', async () => {
    configure(hook('before-restore', 'stop'), hook('after-restore'));
    const to = (name: string): string[] => [
      'restore',
      'latest',
      '--account',
      'anna',
      '--to',
      join(site.dir, name),
    ];
    await site.holdfast(...to('dry'), '--dry-run');
    expect(events()).toEqual([]);
    const done = await site.holdfast(...to('whole'));
    configure(hook('before-restore', 'stop', 'before-restore'), hook('failure'));
    const refused = await site.holdfast(...to('none'));

    configure(hook('before-restore', 'stop'), hook('after-restore'), hook('failure'));
    const failed = await site.holdfast(...to('whole'));
    const [, , , , ...undone] = events();

    expect(done.status).toBe(0);
    expect(events().slice(0, 4)).toEqual(['before-restore', 'after-restore', 'before-restore', 'failure']);
    expect(failed.status).toBe(errorCodes.TARGET_NOT_EMPTY.exit);
    expect(undone).toEqual(['before-restore', 'after-restore', 'failure']);
    expect(readFileSync(told, 'utf8')).toContain(`"exitStatus":${failed.status},"error":{`);
    expect(refused.status).toBe(errorCodes.HOOK_FAILED.exit);
    expect(existsSync(join(site.dir, 'none'))).toBe(false);
  });

  it('and rules at fault stop no restore into a directory, but a backup and a restore in place', async () => {
    writeJson(join(site.config, 'config.json'), {
      panel: { use: 'generic', accounts: [{ path: join(site.dir, 'home/*') }] },
      hooks: [hook('after-restore'), { on: 'before-restore', command: ['relative'] }],
      policy: [{ account: 'anna', destination: 'gone' }],
    });
    const to = join(site.dir, 'by-half');
    const half = await site.holdfast('restore', 'latest', '--account', 'anna', '--to', to);
    const refused = [
      await site.holdfast('restore', 'latest', '--account', 'anna', '--in-place'),
      await site.holdfast('backup'),
    ];

    expect(half.status).toBe(0);
    expect(half.stderr).toContain('/hooks/1/command/0: must begin with the absolute path');
    expect(half.stderr).toContain('/policy/0/destination: there is no addin configuration "gone"');
    expect(readFileSync(join(to, 'files/file'), 'utf8')).toBe('anna');
    expect(events()).toEqual(['after-restore']);
    expect(refused.map(({ status }) => status)).toEqual([3, 3]);
  });
});

describe('holdfast hooks', () => {
  it('lists them, and tries those of an event', async () => {
    configure(hook('before-run', 'stop'), hook('failure', 'warn', 'failure'));
    const listed = documentOf<HooksDocument>('hooks', await site.holdfast('hooks', '--json'));
    const good = await site.holdfast('hooks', '--test', 'before-run');
    const bad = await site.holdfast('hooks', '--test', 'failure', '--json');

    expect(listed.hooks.map(({ on }) => on)).toEqual(['before-run', 'failure']);
    expect(good.status).toBe(0);
    expect(bad.status).toBe(errorCodes.HOOK_FAILED.exit);
    expect(documentOf<HooksDocument>('hooks', bad).hooks[0]?.failure).toBe('ended with status 1');
  });
});
