/** The panel's own export of databases, through a program that answers as cpcmd does. */

import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackupDocument } from '../../src/cli/documents/backup.ts';
import type { DoctorDocument } from '../../src/cli/documents/doctor.ts';
import type { ScopeSetDocument, ScopesDocument } from '../../src/cli/documents/scopes.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { type CliSite, documentOf, makeDirectory, makeSite } from '../support/cli.ts';
import { buildSamplePanel } from '../support/sample-panel.ts';

const name = 'backups.automatic-database-exports';
let site: CliSite;
let cpcmd: string;
let tries = 0;

/** Keeps the value in a file, notes each call, and answers in JSON. */
const answer = (dir: string): string => `#!/bin/sh
echo "$@" >> ${dir}/calls
[ -e ${dir}/down ] && { echo 'apnscpd is not running' >&2; exit 1; }
[ "$3" = scope:set ] && { echo "$5" > ${dir}/value; echo true; exit 0; }
cat ${dir}/value
`;

const exportsCheck = async (): Promise<string[]> => {
  const { checks } = documentOf<DoctorDocument>('doctor', await site.holdfast('doctor', '--json'));
  return checks.filter((check) => check.name === 'exports').map(({ detail }) => detail);
};
interface Told {
  readonly stderr: string;
  readonly codes: readonly string[];
  readonly findings: readonly string[];
}
const backUp = async (): Promise<Told> => {
  const printed = await site.holdfast('backup', '--json');
  const { snapshots } = documentOf<BackupDocument>('backup', printed);
  return {
    stderr: printed.stderr,
    codes: snapshots.flatMap((one) => one.warnings.map(({ code }) => code)),
    findings: snapshots.flatMap((one) => one.findings.map(({ code, message }) => `${code}: ${message}`)),
  };
};

beforeAll(async () => {
  const dir = makeDirectory();
  const { root } = await buildSamplePanel(join(dir, 'panel'), { accounts: 1, filesPerAccount: 20 });
  cpcmd = join(dir, 'cpcmd');
  writeFileSync(cpcmd, answer(dir));
  chmodSync(cpcmd, 0o755);
  writeFileSync(join(dir, 'value'), 'true\n');
  const database = { name: 'mariadb', engine: 'mariadb', socket: join(dir, 'nowhere.sock'), user: 'root' };
  site = makeSite({ panel: { use: 'apiscp', root, cpcmd }, databases: [database] }, dir);
});
afterAll(() => site.remove());

describe(name, () => {
  it('is said to be out of step by doctor, the run and the manifest while both export', async () => {
    const checks = await exportsCheck();
    const { stderr, codes } = await backUp();

    expect(checks).toEqual([expect.stringContaining('exports run twice and out of step')]);
    expect(stderr).toContain('exports run twice and out of step');
    expect(codes).toContain('exported-twice');
  });

  it('is set in the panel, once, and noted in our history', async () => {
    const printed = await site.holdfast('scope:set', name, 'false', '--json');
    const again = await site.holdfast('scope:set', name, 'false', '--json');
    const calls = readFileSync(join(site.dir, 'calls'), 'utf8');
    const history = readFileSync(join(site.config, 'scopes.history.jsonl'), 'utf8');
    const { stderr, codes } = await backUp();

    expect(documentOf<ScopeSetDocument>('scope-set', printed)).toMatchObject({ from: true, value: false });
    expect(documentOf<ScopeSetDocument>('scope-set', again).changed).toBe(false);
    expect(calls.match(/scope:set/g)).toHaveLength(1);
    expect(calls).toContain(`-o json scope:set ${name} false`);
    expect(JSON.parse(history)).toMatchObject({ name, from: true, to: false });
    expect(await exportsCheck()).toEqual([]);
    expect(stderr).not.toContain('out of step');
    expect(codes).not.toContain('exported-twice');
  });

  it('is followed by a finding where exclusions changed, in the next snapshot alone', async () => {
    // Another one at each try.
    tries += 1;
    await site.holdfast('scope:set', 'backups.exclude', `[shadow/var/www, shadow/tmp${tries}]`);
    const first = await backUp();
    const second = await backUp();

    expect(first.findings).toContainEqual(
      expect.stringMatching(/^exclusions-changed: newly left out: shadow/),
    );
    expect(first.codes.filter((code) => code === 'exclusions-changed')).toEqual(['exclusions-changed']);
    expect(second.codes).not.toContain('exclusions-changed');
    expect(second.findings).toEqual([]);
  });

  it('fails with what the panel said, and stops no backup', async () => {
    writeFileSync(join(site.dir, 'down'), '');
    const { status, stderr } = await site.holdfast('scope:get', name);
    const listed = await site.holdfast('scope:list', '--json');
    const run = await backUp();

    expect(status).toBe(errorCodes.PANEL_UNREADABLE.exit);
    expect(stderr).toContain('apnscpd is not running');
    expect(listed.status).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
    expect(documentOf<ScopesDocument>('scopes', listed).scopes.length).toBeGreaterThan(12);
    expect(run.stderr).toContain('warning: cpcmd scope:get failed');
  });
});
