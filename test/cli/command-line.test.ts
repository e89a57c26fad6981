import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { commandTable } from '../../src/cli/command-table.ts';
import type { AccountsDocument } from '../../src/cli/documents/accounts.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { holdfastVersion } from '../../src/core/jobs/addin.ts';
import {
  type CliSite,
  documentOf,
  ended,
  holdfast,
  main,
  makeDirectory,
  makeSite,
  startHoldfast,
  writeJson,
} from '../support/cli.ts';
import { unpackedSdk } from '../support/packed-sdk.ts';

let site: CliSite;
beforeAll(() => {
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: '/nonexistent/*' }] } });
});
afterAll(() => site.remove());

describe('the command line', () => {
  it('prints its version', async () => {
    expect(await holdfast('--version')).toMatchObject({
      status: 0,
      stdout: `${holdfastVersion}\n`,
      stderr: '',
    });
  });

  it('loads nothing heavy to do so', async () => {
    const env = { ...process.env, NODE_DEBUG: 'esm' };
    const { stderr } = await ended(startHoldfast(['--version'], env));

    expect(stderr).toMatch(/\/(jobs|joined)\/addin/);
    expect(stderr).not.toMatch(/node_modules\/(?!\.cache)/);
  });

  it('is built of files in ASCII, which Node takes as they are', async () => {
    const isBuilt = process.env['HOLDFAST_TEST_MAIN'] !== undefined;
    const built = isBuilt ? dirname(dirname(main)) : join(await unpackedSdk(), 'dist');
    const entries = readdirSync(built, { recursive: true, withFileTypes: true });
    const files = entries.filter((one) => one.isFile() && /\.c?js$/.test(one.name));
    const others = files.filter((one) =>
      readFileSync(join(one.parentPath, one.name)).some((byte) => byte > 0x7f),
    );

    expect(files.filter(({ name }) => name.endsWith('.cjs')).length).toBeGreaterThan(5);
    expect(others.map(({ name }) => name)).toEqual([]);
  });

  it('says all to a reader that takes its time', async () => {
    const dir = makeDirectory();
    const many = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
    onTestFinished(() => many.remove());
    for (let at = 0; at < 2000; at += 1) mkdirSync(join(dir, `home/account${at}`), { recursive: true });
    const child = many.start('accounts', '--json');
    // A pipe and the reader's first piece hold a quarter of it: who does not wait for the reader is gone soon after that.
    const patience = once(child.stdout!, 'readable').then(() => sleep(500));
    await Promise.race([once(child, 'exit'), patience]);
    const { accounts } = documentOf<AccountsDocument>('accounts', await ended(child));

    expect(accounts).toHaveLength(2000);
  });

  it('says on an old Node which one it needs', async () => {
    const start = join(import.meta.dirname, '../../src/cli/start.ts');
    const old = "data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.1.0'})";
    const { status, stderr } = await new Promise<{ status: unknown; stderr: string }>((resolve) =>
      execFile(process.execPath, ['--import', old, start, '--version'], (error, _, stderr) =>
        resolve({ status: error?.code, stderr }),
      ),
    );

    expect(status).toBe(errorCodes.PREREQUISITE_MISSING.exit);
    expect(stderr).toContain('Node 20.1.0 is too old\nhint: Install Node 24 or newer');
    // What comes before that must run there.
    expect(await readFile(start, 'utf8')).not.toMatch(/^import |^export |\bawait /m);
  });

  it.each([
    [['nonsense'], "unknown command 'nonsense'"],
    [['backup', '--levle', 'full'], "unknown option '--levle'"],
    [['backup', '--level', 'daily'], 'is invalid'],
    [['restore'], "missing required argument 'snapshot'"],
    [['ls', 'a', 'b', 'c'], 'too many arguments'],
    [['restore', 'latest', '--account', 'a'], 'not said where to restore to'],
    [['restore', 'latest', '--in-place', '--to', '/x'], '--in-place and --to exclude each other'],
    [['restore', 'latest', '--account', 'a', '--in-place', '--path', ''], 'a path is empty'],
    [['restore', 'latest', '--account', 'a', '--in-place', '--path-percent', '%2F'], 'a path is empty'],
    [['restore', 'latest', '--to', '/x', '--delete'], '--delete belongs to --in-place'],
    [['ls', 'latest'], '"latest" needs an account'],
    [['snapshots', '--addin', 'nihgtly'], 'there is no addin configuration "nihgtly"'],
    [[], 'no command was given'],
    [['addin'], 'no command was given'],
    [['addin', 'create', 'x'], 'Add --kind, one of store, provider, notifier or scope.'],
    [['addin', 'create', 'x', '--kind', 'panel'], 'is invalid'],
    [['addin', 'create', '../x', '--kind', 'store'], '"../x" is no name for an addin'],
    [['addin', 'create', 's3', '--kind', 'store'], 'holdfast itself has a store s3'],
    [['addin', 'create', 'x', '--kind', 'store', '--sdk', 'package.json'], 'is no packed holdfast'],
  ])('refuses %j with status 2 and says why', async (args, message) => {
    const { status, stdout, stderr } = await site.holdfast(...args);

    expect(status).toBe(errorCodes.USAGE.exit);
    expect(stdout).toBe('');
    expect(stderr).toContain(`holdfast: `);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^hint: /m);
  });

  it('calls a file that is not there a file', async () => {
    const asked = ['db', 'import', 'dumps/a.sql', '--account', 'a', '--database', 'd'];
    const { status, stderr } = await site.holdfast(...asked);

    expect(status).toBe(errorCodes.PATH_NOT_FOUND.exit);
    expect(stderr).toContain('there is no file "dumps/a.sql"');
  });

  it('guesses what was meant', async () => {
    expect((await holdfast('backpu')).stderr).toContain('hint: Did you mean backup?');
  });

  it('prints errors as a document with --json, which may stand anywhere', async () => {
    for (const args of [
      ['--json', 'nonsense'],
      ['ls', '--json', 'latest'],
      ['snapshots', '--config=/none', '--json'],
    ]) {
      const result = await site.holdfast(...args);
      const { error } = documentOf<{ error: { code: string; hint: string } }>('error', result);

      expect(result.status).toBe(errorCodes[error.code as 'USAGE'].exit);
      expect(error.hint).not.toBe('');
    }
  });

  it('takes the configuration from --config, else from the environment', async () => {
    const env = { ...process.env, HOLDFAST_CONFIG_DIR: '/nonexistent/by-environment' };
    const fromEnvironment = await ended(startHoldfast(['accounts'], env));
    const fromOption = await ended(startHoldfast(['accounts', '--config', '/nonexistent/by-option'], env));

    expect(fromEnvironment).toMatchObject({ status: errorCodes.CONFIG_INVALID.exit });
    expect(fromEnvironment.stderr).toContain('/nonexistent/by-environment/config.json');
    expect(fromOption.stderr).toContain('/nonexistent/by-option/config.json');
  });

  it.each(commandTable.map(({ words }) => words))('%s --help lists its exit statuses', async (words) => {
    const { status, stdout } = await holdfast(...words.split(' '), '--help');

    expect(status).toBe(0);
    expect(stdout).toMatch(/^ +2 {2}USAGE$/m);
    expect(stdout).toContain('--json');
  });

  it('lists every command in its help', async () => {
    const { stdout } = await holdfast('--help');

    for (const { words } of commandTable) expect(stdout).toContain(`  ${words.split(' ')[0]} `);
  });
});

describe('addin', () => {
  it('lists what is installed and what is configured', async () => {
    const result = await site.holdfast('addin', 'list', '--json');
    const { addins, configurations } = documentOf<{
      addins: { name: string }[];
      configurations: { name: string }[];
    }>('addins', result);

    expect(addins.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['apiscp', 'generic', 'local', 's3', 's3-tar']),
    );
    expect(configurations).toMatchObject([
      { name: 'nightly', provider: 's3-tar', store: 'local', encrypted: false },
    ]);
    expect((await site.holdfast('addin', 'list')).stdout).toMatch(/^nightly +s3-tar +local +no/m);
  });

  it('validates a configuration', async () => {
    expect(await site.holdfast('addin', 'validate', 'addin.example.json')).toMatchObject({
      status: 0,
      stdout: 'addin.example.json is valid\n',
    });
  });

  it('names every problem of one that is wrong', async () => {
    const file = `${site.dir}/wrong.json`;
    writeJson(file, { name: 'Wrong', provider: { use: 's3-tra' }, store: { use: 'local' } });
    const result = await site.holdfast('addin', 'validate', file, '--json');
    const { valid, problems } = documentOf<{ valid: boolean; problems: { pointer: string }[] }>(
      'validation',
      result,
    );

    expect(result.status).toBe(errorCodes.CONFIG_INVALID.exit);
    expect(valid).toBe(false);
    expect(problems.map(({ pointer }) => pointer)).toEqual(
      expect.arrayContaining(['/name', '/provider/use', '/store']),
    );
  });
});
