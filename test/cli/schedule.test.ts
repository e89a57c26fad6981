/** The daemon and what belongs to it, as real processes. */

import { type ChildProcess, execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DoctorDocument } from '../../src/cli/documents/doctor.ts';
import type {
  InstallDocument,
  ScheduleDocument,
  UninstallDocument,
} from '../../src/cli/documents/schedule.ts';
import type { SnapshotsDocument, StatusDocument } from '../../src/cli/documents/snapshots.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { lockRun } from '../../src/core/jobs/account-lock.ts';
import { rememberRun } from '../../src/core/state/run-history.ts';
import {
  type CliSite,
  documentOf,
  ended,
  main,
  makeDirectory,
  makeSite,
  startHoldfast,
  writeJson,
} from '../support/cli.ts';

/** Half a day away, so that none of its times passes while we look. */
const hour = (new Date().getUTCHours() + 12) % 24;
const two = (number: number): string => String(number).padStart(2, '0');
const cron = `0 ${hour} * * *`;
const key = `nightly full ${cron}`;
let site: CliSite;
const daemons: ChildProcess[] = [];

const configure = (extra: Readonly<Record<string, unknown>>): void =>
  writeJson(join(site.config, 'addins.d/nightly.json'), {
    name: 'nightly',
    provider: { use: 's3-tar' },
    store: { use: 'local', path: site.store },
    encryption: 'none',
    schedule: [{ level: 'full', cron }],
    timeZone: 'UTC',
    ...extra,
  });

/** As if the daemon had been down for so long. */
function owe(days: number): void {
  const doneThroughMs = Date.now() - days * 86_400_000;
  mkdirSync(site.state, { recursive: true });
  writeJson(join(site.state, 'schedule.json'), {
    version: 1,
    states: { [key]: { doneThroughMs, begun: null } },
  });
}

const shown = async (): Promise<ScheduleDocument> =>
  documentOf<ScheduleDocument>('schedule', await site.holdfast('schedule', '--json'));
const snapshots = async (): Promise<number> => {
  const listed = await site.holdfast('snapshots', '--json');
  return documentOf<SnapshotsDocument>('snapshots', listed).snapshots.length;
};

function startDaemon(): ChildProcess {
  const daemon = site.start('serve');
  daemons.push(daemon);
  return daemon;
}

/** Also where nobody has asked for its status yet. */
function isGone(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return true;
  }
}

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 600 && !what(); i++) await sleep(50);
  expect(what()).toBe(true);
}

/** What a program in place of ours sees of the file of secrets, as cron begins it. */
function underCron(text: string, { secrets } = { secrets: true }): { stdout: string; stderr: string } {
  const [program, file] = [join(site.dir, 'program.mjs'), join(site.dir, 'environment')];
  writeFileSync(program, "process.stdout.write(process.env.CRON_SECRET ?? 'none')\n");
  if (secrets) writeFileSync(file, `# ours\nCRON_SECRET="p#s'$HOME and more"\n`, { mode: 0o600 });
  else rmSync(file, { force: true });
  const line = text.split('\n').find((one) => one.startsWith('*/5'))!;
  const command = line.replace(/^.* root /, '').replaceAll('/etc/holdfast/environment', file);
  const { stdout, stderr } = spawnSync('/bin/sh', ['-c', command.replace(main, program)], {
    env: { PATH: '/usr/bin:/bin' },
    encoding: 'utf8',
  });
  return { stdout, stderr };
}

beforeAll(() => {
  const dir = makeDirectory();
  for (const name of ['anna', 'ben']) {
    mkdirSync(join(dir, 'home', name), { recursive: true });
    writeFileSync(join(dir, 'home', name, 'file'), name);
  }
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  configure({});
});
afterEach(() => {
  for (const daemon of daemons.splice(0)) daemon.kill('SIGKILL');
});
afterAll(() => site.remove());

describe('holdfast serve', () => {
  it('makes good once what was missed, and a run by hand changes nothing of that', async () => {
    await site.holdfast('backup');
    const count = await snapshots();
    owe(5);
    const before = await shown();
    const first = await site.holdfast('serve', '--once');
    const again = await site.holdfast('serve', '--once');
    const after = await shown();

    expect(before.schedules[0]?.owedSince).not.toBeNull();
    expect([first.status, again.status]).toEqual([0, 0]);
    expect(first.stdout).toMatch(new RegExp(`^nightly: begins, full, for .*T${two(hour)}:00:00`, 'm'));
    expect(again.stdout).toBe('');
    expect(await snapshots()).toBe(count + 2);
    expect(after.schedules[0]).toMatchObject({ owedSince: null, last: { scheduled: true, exitStatus: 0 } });
    expect(after.schedules[0]?.next[0]).toContain(`T${two(hour)}:00:00.000Z`);
  });

  it('begins nothing while it is paused, and one run after', async () => {
    owe(3);
    const paused = await site.holdfast('schedule', 'pause');
    const idle = await site.holdfast('serve', '--once');
    const count = await snapshots();
    const alone = await site.holdfast('schedule', 'resume', '--addin', 'nightly');
    await site.holdfast('schedule', 'resume');
    await site.holdfast('serve', '--once');

    expect(paused.stdout).toContain('paused');
    expect(alone.stdout).not.toContain('resumed');
    expect(alone.stderr).toContain(
      'nightly has no pause of its own any more, and stays paused as everything is',
    );
    expect(idle.stdout).toBe('');
    expect(await snapshots()).toBe(count + 2);
  });

  it('begins nothing out of its window', async () => {
    configure({ window: `${two(hour)}:00-${two((hour + 1) % 24)}:00` });
    owe(3);
    const idle = await site.holdfast('serve', '--once');
    const [entry] = (await shown()).schedules;
    configure({});

    expect(idle.stdout).toBe('');
    expect(entry?.owedSince).not.toBeNull();
    expect(entry?.next[0]).toContain(`T${two(hour)}:00`);
  });

  it('leaves the second daemon no place, and says who has it', async () => {
    owe(0);
    const daemon = startDaemon();
    const over = ended(daemon);
    const lock = join(site.state, 'daemon.lock');
    await until(() => readFileSync(lock, 'utf8') === `${daemon.pid}\n`);
    const second = await site.holdfast('serve');
    const once = await site.holdfast('serve', '--once');
    const { runner, daemonPid } = await shown();
    const status = documentOf<StatusDocument>('status', await site.holdfast('status', '--json'));
    const doctor = await site.holdfast('doctor');
    daemon.kill('SIGTERM');

    expect(second.status).toBe(errorCodes.DAEMON_RUNNING.exit);
    expect(second.stderr).toContain(`process ${daemon.pid} runs the schedules`);
    expect(once.status).toBe(0);
    expect({ runner, daemonPid }).toEqual({ runner: 'daemon', daemonPid: daemon.pid });
    expect(status.runner).toBe('daemon');
    expect(status.ended[0]).toMatchObject({ scheduled: true, exitStatus: 0 });
    expect(doctor.stdout).toMatch(/^ok +schedule of nightly +is run by the daemon/m);
    expect((await over).status).toBe(0);
  });

  it('outlives a run that is killed, and begins again what was killed with it', async () => {
    const hook = join(site.dir, 'hold');
    writeFileSync(hook, '#!/bin/sh\nexec sleep 30\n');
    chmodSync(hook, 0o755);
    const panel = { use: 'generic', accounts: [{ path: join(site.dir, 'home/*') }] };
    const hooks = [{ on: 'before-account', command: [hook], onFailure: 'stop' }];
    writeJson(join(site.config, 'config.json'), { panel, hooks });
    owe(2);
    const count = await snapshots();
    const daemon = startDaemon();
    const over = ended(daemon);
    const runs = join(site.state, 'runs');
    const underWay = (): string[] => readdirSync(runs).filter((name) => name.endsWith('.json'));
    const old = new Set(underWay());
    await until(() => underWay().some((name) => !old.has(name)));
    const name = underWay().find((one) => !old.has(one))!;
    const { pid } = JSON.parse(readFileSync(join(runs, name), 'utf8')) as { pid: number };
    daemon.kill('SIGKILL');
    process.kill(pid, 'SIGKILL');
    await over;
    await until(() => isGone(pid));
    const status = documentOf<StatusDocument>('status', await site.holdfast('status', '--json'));
    writeJson(join(site.config, 'config.json'), { panel });
    const { schedules } = await shown();
    const check = await site.holdfast('status', '--check');
    const next = await site.holdfast('serve', '--once');
    const again = await site.holdfast('serve', '--once');

    const interrupted = /a run of nightly that began at \S+ was interrupted after about 0 of 2 accounts/;
    expect(check.stdout).toMatch(interrupted);
    expect(next.stderr).toMatch(interrupted);
    expect(again.stderr).not.toMatch(interrupted);
    expect(status.runs.map((run) => run.state)).toContain('interrupted');
    expect(schedules[0]?.owedSince).not.toBeNull();
    expect(next.stdout).toContain('nightly: ended, status 0');
    expect(await snapshots()).toBe(count + 2);
  });

  it('lets a run wait for one by hand that nobody has noted yet', async () => {
    owe(2);
    const byHand = lockRun(site.state, 'nightly');
    const daemon = site.start('serve', '--once');
    const over = ended(daemon);
    // Nothing tells that it has met the lock: long enough for a daemon to begin a run.
    await sleep(2500);
    byHand.release();

    expect((await over).stdout).toContain('nightly: ended, status 0');
  });

  it('keeps a log and a record of each run', async () => {
    const { ended: runs } = documentOf<StatusDocument>('status', await site.holdfast('status', '--json'));
    const lines = readFileSync(runs[0]!.log, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string });

    expect(lines[0]?.msg).toBe('run begins');
    expect(lines.at(-1)?.msg).toBe('run ended');
    expect(lines.filter(({ msg }) => msg === 'account done')).toHaveLength(2);
  });

  it('ends with the status of a run that failed', async () => {
    configure({ budget: { inodes: 1 } });
    owe(3);
    const failed = await site.holdfast('serve', '--once');
    configure({});

    expect(failed.status).toBe(errorCodes.RUN_FAILED.exit);
    expect((await site.holdfast('serve', '--once', '--json')).status).toBe(errorCodes.USAGE.exit);
  });

  it('tells of a run that cannot tell itself, once, and of no other', async () => {
    const [told, tell] = [join(site.dir, 'told'), join(site.dir, 'tell')];
    writeFileSync(
      tell,
      `#!/bin/sh\nread -r line\nprintf '%s\\n' "$line" >> ${told}\n[ "$HOLDFAST_EVENT" = failure ]\n`,
    );
    chmodSync(tell, 0o755);
    rmSync(told, { force: true });
    const panel = { use: 'generic', accounts: [{ path: join(site.dir, 'home/*') }] };
    const settings = { panel, isolation: 'off', hooks: [{ on: 'failure', command: [tell] }] };
    const once = ['--config', site.config, 'serve', '--once'];
    writeJson(join(site.config, 'config.json'), { ...settings, limits: { ioClass: 'idle' } });
    owe(2);
    const notStarted = await ended(startHoldfast(once, { ...process.env, PATH: '/nowhere' }));
    const { schedules } = await shown();
    // A run by hand that began later than the scheduled one, and ended before it.
    const startedAtMs = Date.now() + 60_000;
    const byHand = { id: '0123456789ab', addin: 'nightly', level: 'auto', scheduled: false } as const;
    const times = { startedAtMs, endedAtMs: startedAtMs, exitStatus: 0 };
    await rememberRun(site.state, { ...byHand, ...times, accounts: 1, snapshots: 1, partial: 0, failed: 0 });
    const stop = { on: 'before-account', command: [tell], onFailure: 'stop' };
    writeJson(join(site.config, 'config.json'), { ...settings, hooks: [...settings.hooks, stop] });
    owe(2);
    await site.holdfast('serve', '--once');
    writeJson(join(site.config, 'config.json'), { panel });
    const events = readFileSync(told, 'utf8')
      .split('\n')
      .filter((line) => line.includes('"failure"'));

    expect(notStarted.stdout).toContain('nightly: ended, cannot start ionice: ENOENT');
    expect(schedules[0]?.last).toMatchObject({ exitStatus: errorCodes.INTERNAL.exit, accounts: 0 });
    expect(events).toHaveLength(2);
    expect(events[0]).toContain('the run ended before it could report: cannot start ionice: ENOENT');
    expect(events[1]).toContain('HOOK_FAILED');
  });
});

describe('holdfast schedule', () => {
  it('says that nothing runs what is scheduled', async () => {
    const result = await site.holdfast('schedule');

    expect(result.status).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
    expect(result.stderr).toContain('nothing runs them');
  });

  it.each(['daemon', 'timer', 'cron'])('makes files for a %s that the system takes', async (kind) => {
    const panel = { use: 'generic', accounts: [{ path: join(site.dir, 'home/*') }] };
    writeJson(join(site.config, 'config.json'), { panel, limits: { nice: 10, ioClass: 'idle' } });
    const result = await site.holdfast('schedule', 'install', '--as', kind, '--print', '--json');
    const { files, written } = documentOf<InstallDocument>('schedule-install', result);
    const paths = files.map(({ path, text }) => {
      const copy = join(site.dir, path.split('/').at(-1)!);
      writeFileSync(copy, text);
      return copy;
    });

    expect(written).toBe(false);
    if (kind === 'cron') {
      expect(files[0]?.text).toMatch(/^\*\/5 \* \* \* \* root \/\S+ .* serve --once$/m);
      expect(underCron(files[0]!.text)).toEqual({ stdout: "p#s'$HOME and more", stderr: '' });
      expect(underCron(files[0]!.text, { secrets: false })).toEqual({ stdout: 'none', stderr: '' });
      return;
    }
    const said = execFileSync('systemd-analyze', ['verify', ...paths], { encoding: 'utf8', stdio: 'pipe' });
    const service = files.find(({ path }) => path.endsWith('.service'))!.text;
    expect(said).toBe('');
    // Each run is given them, and niceness adds up.
    expect(service).not.toMatch(/Nice|IOScheduling/);
    expect(service).toContain('\nKillMode=mixed\n');
    expect(service).toMatch(kind === 'timer' ? /serve --once$/m : /serve$/m);
    const exposure = execFileSync('systemd-analyze', [
      'security',
      '--offline=true',
      '--threshold=50',
      paths[0]!,
    ]);
    expect(exposure.toString()).toContain('OK');
  });

  it('takes nothing away where nothing was installed, and asks for no configuration', async () => {
    const result = await site.holdfast(
      '--config',
      join(site.dir, 'gone'),
      'schedule',
      'uninstall',
      '--print',
      '--json',
    );
    const document = documentOf<UninstallDocument>('schedule-uninstall', result);
    expect(document).toEqual({ removed: false, files: [], commands: [] });
    expect(result.status).toBe(0);
  });

  it('leaves a service what addins in processes of their own need', async () => {
    const printed = await site.holdfast('schedule', 'install', '--print', '--json');
    const { text } = documentOf<InstallDocument>('schedule-install', printed).files[0]!;
    const allowed = /^CapabilityBoundingSet=(.+)$/m.exec(text)?.[1]?.toLowerCase().replaceAll('cap_', '+');
    const bounding = `--bounding-set=-all,${allowed?.replaceAll(' ', ',')}`;
    const doctor = [process.execPath, main, 'doctor', '--json'];
    const { stdout } = spawnSync(
      'setpriv',
      [bounding, '--inh-caps=-all', '--no-new-privs', '--', ...doctor],
      {
        encoding: 'utf8',
        env: { ...process.env, HOLDFAST_CONFIG_DIR: site.config },
      },
    );
    const { checks } = documentOf<DoctorDocument>('doctor', { stdout });

    expect(checks.find(({ name }) => name === 'isolation')).toMatchObject({
      state: 'ok',
      detail: expect.stringContaining('without capabilities, without sight of the accounts'),
    });
    expect(text).toContain('\nRestrictNamespaces=mnt net pid\n');
    expect(text).toContain('\nSystemCallFilter=@system-service @mount\n');
  });
});

describe('a budget', () => {
  it('costs an account its trees, says why, and costs the others nothing', async () => {
    for (let i = 0; i < 60; i++) writeFileSync(join(site.dir, 'home/anna', String(i)), 'x');
    configure({ budget: { inodes: 50 } });
    const result = await site.holdfast('backup');
    const check = await site.holdfast('verify');
    configure({});

    expect(result.status).toBe(errorCodes.RUN_FAILED.exit);
    expect(result.stdout).toMatch(/^ben .* complete /m);
    expect(result.stdout).toContain('over its budget: it has more than 50 inodes');
    expect(check.status).toBe(0);
  });
});
