/** Hints that fit what happened. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VerifyDocument } from '../../src/cli/documents/verify.ts';
import { errorCodes } from '../../src/core/errors.ts';
import {
  type CliSite,
  documentOf,
  holdfast,
  main,
  makeDirectory,
  makeSite,
  writeJson,
} from '../support/cli.ts';

let site: CliSite;
let panel: object;

beforeAll(async () => {
  const dir = makeDirectory();
  mkdirSync(join(dir, 'home/anna'), { recursive: true });
  writeFileSync(join(dir, 'home/anna/a'), 'a');
  panel = { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] };
  site = makeSite({ panel }, dir);
  await site.holdfast('backup');
});
afterAll(() => site.remove());

describe('a hint', () => {
  it.each([
    ['/proc/sys/x', 'whose parent exists'],
    ['FILE', 'Name a directory; the path'],
    ['FILE/below', 'Name a directory; the path'],
  ])('for the target %s names what is wrong with it', async (target, words) => {
    const file = join(site.dir, 'file');
    writeFileSync(file, '');
    const to = target.replace('FILE', file);
    const { status, stderr } = await site.holdfast('restore', 'latest', '--account', 'anna', '--to', to);

    expect(status).toBe(errorCodes.TARGET_UNWRITABLE.exit);
    expect(stderr).toContain(words);
  });

  it('for a database server that is down says so', async () => {
    const down = { name: 'mariadb', engine: 'mariadb', socket: '/nonexistent/socket', user: 'root' };
    writeJson(join(site.config, 'config.json'), { panel, databases: [down] });
    const { stdout } = await site.holdfast('doctor');
    writeJson(join(site.config, 'config.json'), { panel });

    expect(stdout).toContain('hint: Start the server, or correct its entry');
  });

  it('for a configuration that is not there names the file and nothing more', async () => {
    const { stdout } = await holdfast('--config', '/nonexistent', 'doctor');

    expect(stdout).toContain('/nonexistent/config.json: there is no such file');
  });

  it.each([[['bogus', '--help']], [['store', 'bogus', '-h']], [['--config', 'x', 'restor', '--help']]])(
    'comes for the unknown command in %j, in place of help',
    async (args) => {
      const { status, stdout, stderr } = await holdfast(...args);

      expect({ status, stdout }).toEqual({ status: errorCodes.USAGE.exit, stdout: '' });
      expect(stderr).toContain('unknown command');
    },
  );
});

describe('verify', () => {
  it('counts a missing index once', async () => {
    const index = readdirSync(site.store, { recursive: true, encoding: 'utf8' }).find((key) =>
      key.endsWith('.idx'),
    )!;
    rmSync(join(site.store, index));
    const result = await site.holdfast('verify', '--read-data', '--json');

    expect(result.status).toBe(errorCodes.OBJECT_MISSING.exit);
    const { problems } = documentOf<VerifyDocument>('verify', result).snapshots[0]!;
    expect(problems.filter(({ object }) => object === index)).toHaveLength(1);
  });

  it('says on a terminal, too, that it cannot read the state', () => {
    const lineages = join(site.state, 'lineages');
    const [file] = readdirSync(lineages, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.json'),
    );
    rmSync(join(lineages, file!));
    mkdirSync(join(lineages, file!));
    const line = `${process.execPath} ${main} --config ${site.config} verify`;
    const { status, stdout } = spawnSync('script', ['-qec', line, '/dev/null'], { encoding: 'utf8' });

    expect(status).toBe(errorCodes.PREREQUISITE_MISSING.exit);
    expect(stdout).toContain('hint: Look at the path that the message names');
  });
});
