/** Addins outside the source: as `addin create` begins them, as the guide builds one, and against the packed SDK alone. */

import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorCodes } from '../../../src/core/errors.ts';
import { type AddinWorkspace, created, makeAddinWorkspace } from '../../support/addin-workspace.ts';
import { documentOf, ended, makeSite, startHoldfast, writeJson } from '../../support/cli.ts';
import { packedSdk } from '../../support/packed-sdk.ts';
import { startWebdav, type WebdavService } from '../rclone/services.ts';

interface Verdict {
  readonly checks: readonly {
    readonly name: string;
    readonly state: string;
    readonly reason: string | null;
  }[];
}

interface Listed {
  readonly addins: readonly { readonly name: string }[];
}

const execute = promisify(execFile);

let workspace: AddinWorkspace;
let webdav: WebdavService;
beforeAll(async () => {
  workspace = await makeAddinWorkspace();
  webdav = await startWebdav(join(workspace.path, '.dav'));
}, 240_000);
afterAll(async () => {
  await webdav?.stop();
  workspace?.remove();
});

const failures = (output: string): string[] => output.split('\n').filter((line) => /✖/.test(line));
const passed = (output: string): number => Number(/^ℹ pass (\d+)$/m.exec(output)?.[1] ?? 0);

describe('addin create', () => {
  it.concurrent('writes a store that keeps its contract as generated', { timeout: 120_000 }, async () => {
    const output = await workspace.npm('holdfast-webdav', ['test']);

    expect(failures(output)).toEqual([]);
    expect(passed(output)).toBeGreaterThan(40);
  });

  it.concurrent.each(Object.values(created))('writes a package %s that passes as generated', async (name) => {
    const output = await workspace.npm(name, ['test']);

    expect(failures(output)).toEqual([]);
    expect(passed(output)).toBeGreaterThan(3);
  });

  it('writes everything a package needs, and leaves no placeholder in it', async () => {
    const root = join(workspace.path, created.provider);
    const files = await Array.fromAsync(glob('**', { cwd: root, exclude: ['node_modules', 'sdk'] }));

    expect(files).toEqual(expect.arrayContaining(['README.md', 'package.json', 'src/index.ts']));
    expect(readdirSync(root)).toEqual(expect.arrayContaining(['.github', '.gitignore', 'sdk']));
    expect(existsSync(join(root, '.github/workflows/test.yml'))).toBe(true);
    for (const name of files.filter((one) => /\.\w+$/.test(one))) {
      expect(readFileSync(join(root, name), 'utf8')).not.toContain('{{');
    }
  });

  it('overwrites nothing', async () => {
    const target = join(workspace.path, created.scope);
    const before = readFileSync(join(target, 'package.json'), 'utf8');
    const { status, stderr } = await ended(
      startHoldfast(['addin', 'create', 'other', '--kind', 'store', '--to', target]),
    );

    expect(status).toBe(errorCodes.TARGET_NOT_EMPTY.exit);
    expect(stderr).toContain('is not an empty directory');
    expect(readFileSync(join(target, 'package.json'), 'utf8')).toBe(before);
  });
});

describe('addins written against the packed SDK alone', () => {
  it.concurrent('keep the notifier contract', async () => {
    const output = await workspace.npm('ntfy', ['test']);

    expect(failures(output)).toEqual([]);
    expect(passed(output)).toBeGreaterThan(5);
  });

  it.concurrent('keep backups on a WebDAV server, and tell how they ended', {
    timeout: 240_000,
  }, async () => {
    await Promise.all(['webdav', 'ntfy'].map((name) => workspace.npm(name, ['run', 'build'])));
    const heard: string[] = [];
    const receiver = createServer(async (request, response) => {
      heard.push(`${request.headers.authorization} ${await text(request)}`);
      response.end();
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', () => resolve()));
    const { port } = receiver.address() as AddressInfo;
    const site = makeSite({
      panel: { use: 'generic', accounts: [{ path: join(workspace.path, '.accounts/*') }] },
      addins: ['webdav', 'ntfy'].map((name) => join(workspace.path, name)),
      notify: [
        {
          use: 'ntfy',
          server: `http://127.0.0.1:${port}`,
          topic: 'backups',
          token: 'env:TOKEN',
          on: ['success'],
        },
      ],
    });
    rmSync(join(site.config, 'addins.d/nightly.json'));
    const { url, user } = webdav.remote;
    const store = { use: 'webdav', url, user, password: 'env:PASSWORD' };
    const offsite = { name: 'offsite', provider: { use: 's3-tar' }, store, encryption: 'none' };
    writeJson(join(site.config, 'addins.d/offsite.json'), offsite);
    mkdirSync(join(workspace.path, '.accounts/site1/web'), { recursive: true });
    writeFileSync(join(workspace.path, '.accounts/site1/web/index.html'), 'hello');
    const env = { ...process.env, TOKEN: 'tk_secret', PASSWORD: webdav.password };
    const run = (...args: readonly string[]) => ended(startHoldfast(['--config', site.config, ...args], env));
    try {
      const verified = await run('addin', 'verify', 'offsite', '--json');
      const verdict = documentOf<Verdict>('addin-verification', verified);
      expect(verdict.checks.filter(({ state }) => state === 'failed')).toEqual([]);
      expect(verdict).toMatchObject({
        sound: true,
        leftBehind: null,
        store: { name: 'webdav', version: '1.0.0' },
      });
      const listed = documentOf<Listed>('addins', await run('addin', 'list', '--json'));
      expect(listed.addins.filter(({ name }) => name === 'webdav' || name === 'ntfy')).toEqual([
        expect.objectContaining({ kind: 'notifier', state: 'ok' }),
        expect.objectContaining({
          kind: 'store',
          state: 'ok',
          verification: expect.objectContaining({ sound: true, current: true }),
        }),
      ]);
      expect((await run('backup')).status).toBe(0);
      expect(heard).toEqual([expect.stringMatching(/^Bearer tk_secret \{"topic":"backups".*succeeded/)]);
      const out = join(site.dir, 'out');
      expect((await run('restore', 'latest', '--account', 'site1', '--to', out)).status).toBe(0);
      expect(readFileSync(join(out, 'files/web/index.html'), 'utf8')).toBe('hello');
    } finally {
      receiver.close();
      receiver.closeAllConnections();
      site.remove();
    }
  });
});

describe('docs/write-an-addin.md', () => {
  const guide = readFileSync('docs/write-an-addin.md', 'utf8');
  const blocks = [...guide.matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
    ([, language, place, piece = '']) => ({ language, place, piece }),
  );
  // Where lines end is the formatter's affair.
  const trimmed = (piece: string): string => piece.replace(/\s+/g, '');

  it('shows only pieces of packages that are compiled and run here', () => {
    const pieces = blocks.filter(({ language }) => language === 'ts' || language === 'json');

    expect(pieces.length).toBeGreaterThan(10);
    for (const { place = '', piece } of pieces.filter((one) => one.place !== 'config')) {
      const root = ['test/fixtures/addins', 'templates/addin'].find((one) => existsSync(join(one, place)));
      expect(root, `${place} is no file of a package`).toBeDefined();
      expect(trimmed(readFileSync(join(root!, place), 'utf8'))).toContain(trimmed(piece));
    }
  });

  it('gives no commands but those that are run here', () => {
    const commands = blocks
      .filter(({ language }) => language === 'sh')
      .flatMap(({ piece }) => piece.trim().split('\n'));

    expect(commands).toEqual([
      'holdfast addin create webdav --kind store',
      'cd holdfast-webdav',
      'npm install',
      'npm test',
      'npm run build',
      'holdfast addin list',
      'holdfast addin verify offsite',
    ]);
  });
});

describe('the packed package', () => {
  it('can be imported as its manifest says, and no deeper', async () => {
    const deeper = "import('holdfast/dist/core/errors.js').catch((error) => console.log(error.code))";
    const imported = await execute(process.execPath, ['-e', deeper], { cwd: workspace.path });

    expect(imported.stdout.trim()).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED');
    // publint and Are The Types Wrong; it rejects where either finds anything.
    await execute(process.execPath, ['scripts/check-package.mjs', await packedSdk()]);
  });

  it('works where it is installed, also without what a compiler would have built', async () => {
    const installed = (...args: readonly string[]) =>
      ended(
        spawn(process.execPath, [join(workspace.path, 'node_modules/.bin/holdfast'), ...args], {
          cwd: workspace.path,
          stdio: ['ignore', 'pipe', 'pipe'],
        }),
      );
    const home = join(workspace.path, '.home');
    mkdirSync(join(home, 'site1'), { recursive: true });
    const site = makeSite({ panel: { use: 'generic', accounts: [{ path: `${home}/*` }] } });
    try {
      const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
      expect((await installed('--version')).stdout.trim()).toBe(version);
      expect((await installed('--config', site.config, 'backup')).status).toBe(0);
      const doctor = await installed('--config', site.config, 'doctor');
      expect(doctor.stdout).toMatch(/^ok +system calls +koffi works$/m);
      expect(doctor.stdout).not.toMatch(/^error/m);
    } finally {
      site.remove();
    }
  });
});
