/** A real HTTP server, a real program in place of sendmail's, real files. */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NotifySettings } from '../../../src/core/config/operations-schema.ts';
import type { Notification } from '../../../src/core/index.ts';
import { notifyAll } from '../../../src/core/notify/notifiers.ts';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-notify-'));
let server: Server;
let base = '';
let answers: number[] = [];
let requests: { readonly path: string; readonly body: string }[] = [];

const failure: Notification = {
  event: 'failure',
  server: 'b7b70fca-3bb8-409a-b5ee-e98768b2f652',
  host: 'panel.example',
  addin: 'nightly',
  run: '0123456789ab',
  scheduled: true,
  atMs: 1_800_000_000_000,
  exitStatus: 26,
  durationMs: 65_000,
  figures: { accounts: 3, snapshots: 2, partial: 1, failed: 1, warnings: 4, bytes: 12 },
  details: ['site1: RUN_FAILED: nothing'],
};

const tell = (
  settings: NotifySettings,
  change: Partial<Notification> = {},
  timeoutMs = 30_000,
): Promise<readonly string[]> => {
  const env = { URL: `${base}/secret-token`, DEAD: 'http://127.0.0.1:1/secret-token', BAD: 'no url' };
  return notifyAll([settings], { ...failure, ...change }, { env, timeoutMs });
};

beforeAll(async () => {
  server = createServer((request, response) => {
    void text(request).then((body) => {
      requests.push({ path: request.url ?? '', body });
      response.writeHead(answers.shift() ?? 200).end('thanks');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  requests = [];
  answers = [];
});
afterAll(() => {
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('a webhook', () => {
  it('gets JSON, of the events that were asked for', async () => {
    const hook: NotifySettings = { use: 'webhook', url: 'env:URL' };

    expect(await tell(hook, { event: 'success', exitStatus: 0 })).toEqual([]);
    expect(await tell(hook)).toEqual([]);
    expect(requests.map(({ path }) => path)).toEqual(['/secret-token']);
    expect(JSON.parse(requests[0]!.body)).toMatchObject({
      holdfast: 1,
      event: 'failure',
      subject: 'Holdfast on panel.example: backup nightly failed',
      durationSeconds: 65,
      figures: { failed: 1 },
    });
  });

  it('is tried again where the server stumbles, not where it refuses', async () => {
    answers = [503, 200];
    expect(await tell({ use: 'webhook', url: 'env:URL' })).toEqual([]);
    answers = [404, 200];
    expect(await tell({ use: 'webhook', url: 'env:URL' })).toEqual([
      'notifier 0 (webhook): the server answered with status 404',
    ]);
    expect(requests).toHaveLength(3);
  });

  it.each(['env:DEAD', 'env:BAD', 'env:NOT_SET'])(
    'costs nothing where %s leads nowhere, and never shows it',
    async (url) => {
      const failures = await tell({ use: 'webhook', url }, {}, 2000);

      expect(failures).toHaveLength(1);
      expect(failures[0]).not.toMatch(/secret-token|no url/);
    },
  );
});

describe('a ping', () => {
  it('says start, success and fail of scheduled runs only', async () => {
    const ping: NotifySettings = { use: 'ping', url: 'env:URL' };
    for (const event of ['start', 'success', 'warning', 'failure', 'alarm'] as const)
      await tell(ping, { event });
    await tell(ping, { event: 'success', scheduled: false });

    expect(requests.map(({ path }) => path)).toEqual([
      '/secret-token/start',
      '/secret-token',
      '/secret-token',
      '/secret-token/fail',
    ]);
  });
});

describe('mail', () => {
  it('goes to sendmail with headers nobody can add to', async () => {
    const program = join(dir, 'sendmail');
    writeFileSync(program, `#!/bin/sh\n{ echo "args: $*"; cat; } > ${dir}/mail\n`);
    chmodSync(program, 0o755);
    const settings: NotifySettings = {
      use: 'mail',
      to: ['root@localhost'],
      from: 'b@x.test',
      sendmail: program,
    };
    const failures = await tell(settings, { host: 'x\nBcc: evil@y.test' });
    const mail = readFileSync(join(dir, 'mail'), 'utf8');

    expect(failures).toEqual([]);
    expect(mail).toMatch(/^args: .*-f b@x\.test root@localhost$/m);
    expect(mail).toMatch(/^Subject: Holdfast on /m);
    expect(mail).toMatch(/^To: root@localhost$/m);
    expect(mail).not.toMatch(/^Bcc:/m);
    expect(mail).toContain('site1: RUN_FAILED: nothing');
  });

  it('says when there is no such program', async () => {
    expect(await tell({ use: 'mail', to: ['root@localhost'], sendmail: join(dir, 'absent') })).toEqual([
      `notifier 0 (mail): ${dir}/absent is not there`,
    ]);
  });
});

describe('a metrics file', () => {
  it('has the last run of each configuration, and when the last one succeeded', async () => {
    const path = join(dir, 'holdfast.prom');
    const settings: NotifySettings = { use: 'textfile', path };
    await tell(settings, { event: 'success', exitStatus: 0, atMs: 1_700_000_000_000 });
    await tell(settings, { event: 'warning', exitStatus: 100, addin: 'weekly' });
    await tell(settings);
    await tell(settings, { event: 'start', exitStatus: null, durationMs: null, figures: null });
    const lines = readFileSync(path, 'utf8').split('\n');

    expect(lines).toContain('holdfast_last_run_exit_status{addin="nightly"} 26');
    expect(lines).toContain('holdfast_last_run_success_timestamp_seconds{addin="nightly"} 1700000000');
    expect(lines).toContain('holdfast_last_run_end_timestamp_seconds{addin="nightly"} 1800000000');
    expect(lines).toContain('holdfast_last_run_exit_status{addin="weekly"} 100');
    expect(statSync(path).mode & 0o777).toBe(0o644);
  });

  it('loses nothing where runs of several configurations end at once', async () => {
    const path = join(dir, 'together.prom');
    const addins = Array.from({ length: 12 }, (_, i) => `nightly-${i}`);
    const said = await Promise.all(addins.map((addin) => tell({ use: 'textfile', path }, { addin })));
    const text = readFileSync(path, 'utf8');

    expect(said.flat()).toEqual([]);
    for (const addin of addins) expect(text).toContain(`holdfast_last_run_exit_status{addin="${addin}"} 26`);
  });

  it('follows no link and waits for no writer that somebody has put there', async () => {
    const [path, theirs] = [join(dir, 'planted.prom'), join(dir, 'theirs')];
    execFileSync('mkfifo', [path]);
    writeFileSync(theirs, 'theirs', { mode: 0o600 });
    symlinkSync(theirs, `${path}.${process.pid}.tmp`);
    const first = await tell({ use: 'textfile', path });
    const text = readFileSync(path, 'utf8');
    rmSync(path);
    symlinkSync(theirs, path);
    const second = await tell({ use: 'textfile', path });

    expect([first, second]).toEqual([[], []]);
    expect(readFileSync(path, 'utf8')).toBe(text);
    expect([readFileSync(theirs, 'utf8'), statSync(theirs).mode & 0o777]).toEqual(['theirs', 0o600]);
    expect(lstatSync(path).isFile()).toBe(true);
  });

  it('is left as it is while another process holds its directory', async () => {
    const held = mkdtempSync(join(dir, 'held-'));
    const path = join(held, 'holdfast.prom');
    const holder = spawn('flock', [held, 'sh', '-c', 'echo held; exec sleep 60'], {
      stdio: 'pipe',
      detached: true,
    });
    const ended = once(holder, 'close');
    await once(holder.stdout, 'data');
    try {
      const said = tell({ use: 'textfile', path });
      await sleep(200); // in which it would be written
      expect(existsSync(path)).toBe(false);
      process.kill(-holder.pid!);
      await ended;
      expect(await said).toEqual([]);
    } finally {
      holder.kill();
    }
    expect(readFileSync(path, 'utf8')).toContain('holdfast_last_run_exit_status');
  });
});
