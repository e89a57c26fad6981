/** Runs what README.md tells people to type, so that it never goes stale. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { commandTable } from '../src/cli/command-table.ts';
import { withDefaults } from '../src/core/databases/mysql/defaults.ts';

const page = readFileSync('README.md', 'utf8');
const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text]) => text!);
/** Instead of the place that the page names, where somebody may be taking the tour. */
const tour = mkdtempSync(join(tmpdir(), 'holdfast-tour-'));

const clean = (): void => rmSync(tour, { recursive: true, force: true });
afterAll(clean);

describe('README.md', () => {
  it('leads from nothing to a restored file', () => {
    // The checkout that runs this test has its packages already.
    const here = blocks.join('\n').replaceAll('/tmp/holdfast-tour', tour);
    const script = here.replace(/^npm install.*$/m, '');
    const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-euo', 'pipefail', '-c', script], {
      encoding: 'utf8',
    });

    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^anna {2}- {2}full {2}complete {2}14 B, \d+ B stored {2}3 entries/m);
    expect(stdout).toMatch(/^restored 1 entry, 14 B from anna-/m);
    expect(stdout).toContain('\n<h1>Anna</h1>\n');
    expect(stdout).toMatch(/: no problem\n$/);
    expect(existsSync(tour)).toBe(false);
  });

  it('makes a command of a checkout', () => {
    const text = page.split('```').find((one) => one.includes('/usr/local/bin/holdfast'))!;
    const lines = text.trim().split('\n').slice(1).join('\n');
    mkdirSync(tour, { recursive: true });
    const script = lines.replaceAll('/opt/holdfast', process.cwd()).replaceAll('/usr/local/bin', tour);
    const { stdout, status } = spawnSync(
      'bash',
      ['--norc', '-euc', `${script}\ncd /; ${tour}/holdfast --version`],
      {
        encoding: 'utf8',
      },
    );
    clean();

    expect(status).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('names only commands that exist', () => {
    const known = new Set(commandTable.map(({ words }) => words.split(' ')[0]));
    const named = [...page.matchAll(/(?:^|`)holdfast ([a-z]+)/gm)].map(([, name]) => name);

    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('links to pages that exist', () => {
    const links = [...page.matchAll(/\]\(([^)#]+)\)/g)].map(([, target]) => target!);

    expect(links.filter((target) => !target.startsWith('http') && !existsSync(target))).toEqual([]);
  });
});

it.each(['README.md', 'src/core/archive/RESTORE.md'])(
  '%s makes a database with the defaults that it had',
  async (name) => {
    const script = /CREATE DATABASE .*\$\(sed -n '([^']+)' .*\)"$/m.exec(readFileSync(name, 'utf8'))?.[1];
    const defaults = { charset: 'latin1', collation: 'latin1_german2_ci' };
    const chunks = [Buffer.from('-- MariaDB dump\n-- Host: localhost\n')].values();
    const written = withDefaults({ next: async () => chunks.next() as IteratorResult<Buffer> }, defaults);
    const dump = join(tour, 'dump.sql');
    mkdirSync(tour, { recursive: true });
    writeFileSync(dump, (await written.next()).value as Buffer);

    const { stdout } = spawnSync('sed', ['-n', script ?? '', dump], { encoding: 'utf8' });

    expect(stdout).toBe('CHARACTER SET latin1 COLLATE latin1_german2_ci\n');
  },
);
