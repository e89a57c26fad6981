/** The panel's bridge: installed by its role into the likeness of a panel, driven as the panel drives scopes. */

import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SnapshotsDocument } from '../../../src/cli/documents/snapshots.ts';
import { builtinScopes } from '../../../src/core/scopes/builtin.ts';
import { parseScopeValue } from '../../../src/core/scopes/value-grammar.ts';
import { type CliSite, documentOf, main, makeDirectory, makeSite } from '../../support/cli.ts';

const run = promisify(execFile);
const bridge = 'integrations/apiscp';
let site: CliSite;
let root: string;

const env = { ...process.env, ANSIBLE_PIPELINING: '1', ANSIBLE_PYTHON_INTERPRETER: '/usr/bin/python3' };

/** What the play says at its end. */
async function play(...more: string[]): Promise<string> {
  const command = ['/usr/bin/env', process.execPath, main, '--config', site.config];
  const vars = JSON.stringify({ addin: 'holdfast', apnscp_root: root, holdfast_command: command });
  const { stdout } = await run(
    'ansible-playbook',
    ['-i', 'localhost,', `${bridge}/addin.yml`, '-e', vars, ...more],
    { env },
  );
  return stdout.split('\n').findLast((line) => line.startsWith('localhost')) ?? '';
}

interface Answer {
  readonly answer: unknown;
  readonly errors: readonly string[];
}

async function panel(...args: string[]): Promise<Answer> {
  const [verb, ...rest] = args as [string, ...string[]];
  const standIn = 'test/integrations/apiscp/stand-in.php';
  const { stdout } = await run('php', [standIn, verb, root, ...rest]);
  return JSON.parse(stdout) as Answer;
}

beforeAll(async () => {
  const dir = makeDirectory();
  mkdirSync(join(dir, 'home/site1'), { recursive: true });
  writeFileSync(join(dir, 'home/site1/file'), 'text');
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  root = join(dir, 'apnscp');
  mkdirSync(join(root, 'config/custom'), { recursive: true });
  writeFileSync(join(root, 'config/custom/boot.php'), '<?php\n// of the administrator\n');
}, 120_000);
afterAll(() => site.remove());

describe('the bridge to ApisCP', () => {
  it('is sound PHP and a sound play', async () => {
    const files = readdirSync(bridge, { recursive: true, encoding: 'utf8' }).filter((one) =>
      one.endsWith('.php'),
    );
    for (const file of files) await run('php', ['-l', join(bridge, file)]);

    expect(files.length).toBeGreaterThan(5);
    await play('--syntax-check');
  });

  it('is installed by its role, and a second run changes nothing', async () => {
    const first = await play();
    const second = await play();

    expect(first).toMatch(/changed=[1-9].* failed=0/);
    expect(second).toMatch(/changed=0 .*failed=0/);
    expect(readFileSync(join(root, 'config/custom/boot.php'), 'utf8')).toContain('// of the administrator');
  }, 180_000);

  it('calls Holdfast where the README puts it', () => {
    const [, program] = /> (\S+)\nchmod/.exec(readFileSync('README.md', 'utf8'))!;

    expect(readFileSync(`${bridge}/holdfast/defaults/main.yml`, 'utf8')).toContain(`[${program}]`);
    expect(readFileSync('docs/apiscp.md', 'utf8')).toContain(`["${program}"]`);
  });

  it('says what holdfast says of a backup that failed', async () => {
    const copy = join(site.dir, 'bridge');
    const [php, document] = [join(copy, 'Command.php'), join(copy, 'document.json')];
    cpSync(`${bridge}/holdfast/files/custom/holdfast`, copy, { recursive: true });
    const error = { code: 'TREE_UNREADABLE', message: 'no such directory' };
    writeFileSync(document, JSON.stringify({ failed: [{ error }], snapshots: [], copies: [] }));
    writeFileSync(join(copy, 'command.json'), JSON.stringify(['/bin/sh', '-c', `cat ${document}; exit 22`]));
    const code = `require '${php}'; try { Holdfast\\Command::run('backup'); } catch (Exception $e) { echo $e->getMessage(); }`;
    const { stdout } = await run('php', ['-r', code]);

    expect(stdout).toBe('it ended with status 22; TREE_UNREADABLE: no such directory');
  });

  it('shows every scope of ours but the one that is the panel’s', async () => {
    const { answer } = await panel('list');
    const ours = builtinScopes.filter(({ name }) => name !== 'backups.automatic-database-exports');

    expect(Object.keys(answer as object).sort()).toEqual(ours.map(({ name }) => name));
    for (const { name, help, values } of ours) {
      expect((answer as Record<string, unknown>)[name]).toMatchObject({ info: help, settings: values });
    }
  }, 180_000);

  it('sets scopes, and hands on what is wrong', async () => {
    const value = JSON.stringify(parseScopeValue("[[level: full, cron: '0 3 * * 0']]"));
    const set = await panel('set', 'backups.schedule', value);
    const got = await panel('get', 'backups.schedule');
    const refused = await panel('set', 'backups.concurrency', '99');
    const history = readFileSync(join(site.config, 'scopes.history.jsonl'), 'utf8');

    expect(set).toEqual({ answer: true, errors: [] });
    expect(got.answer).toMatchObject({ value: [{ level: 'full', cron: '0 3 * * 0' }], default: null });
    expect(refused.answer).toBe(false);
    expect(refused.errors[0]).toContain('takes a whole number from 1 to 64');
    expect(JSON.parse(history)).toMatchObject({ by: 'panel' });
  });

  it('backs up what was created, edited or suspended, and pins the last snapshot of what is deleted', async () => {
    const hook = (name: string, ...args: string[]): Promise<{ stderr: string }> =>
      run('php', [join(root, `config/custom/hooks/${name}Domain.php`), ...args]);
    const snapshots = async (): Promise<SnapshotsDocument['snapshots']> =>
      documentOf<SnapshotsDocument>('snapshots', await site.holdfast('snapshots', '--json')).snapshots;
    const runs = (): number => {
      const below = join(site.store, 'runs');
      const names = existsSync(below) ? readdirSync(below, { recursive: true, encoding: 'utf8' }) : [];
      return names.filter((name) => name.endsWith('.json')).length;
    };
    for (const [index, event] of ['create', 'edit', 'suspend'].entries()) {
      await hook(event, 'site1');
      await expect.poll(runs, { timeout: 60_000 }).toBe(index + 1);
    }
    await hook('delete', 'site1');
    const strange = await hook('delete', '--all; rm');
    const pruned = await site.holdfast('prune', '--json');

    expect(await snapshots()).toHaveLength(3);
    expect(pruned.stdout).toContain('the account was deleted in the panel');
    expect(strange.stderr).toContain('this is no site');
  }, 120_000);

  it('says what is wrong with the configuration instead of doing nothing', async () => {
    writeFileSync(join(site.config, 'addins.d/half.json'), '{');

    const { stderr } = await run('php', [join(root, 'config/custom/hooks/deleteDomain.php'), 'site1']);

    expect(stderr).toContain('half.json : line 1, column 2:');
    expect(stderr).toContain('nothing is backed up or pinned');
    rmSync(join(site.config, 'addins.d/half.json'));
  });

  it('is taken away again, but for what is not ours', async () => {
    const removed = await play('-e', '{"holdfast_enabled": false}');

    expect(removed).toMatch(/failed=0/);
    expect(readdirSync(join(root, 'config/custom/hooks'))).toEqual([]);
    expect(existsSync(join(root, 'config/custom/holdfast'))).toBe(false);
    expect(readFileSync(join(root, 'config/custom/boot.php'), 'utf8')).toBe(
      '<?php\n// of the administrator\n',
    );

    rmSync(join(root, 'config/custom/boot.php'));
    expect(await play('-e', '{"holdfast_enabled": false}')).toMatch(/changed=0 .*failed=0/);
  }, 180_000);
});
