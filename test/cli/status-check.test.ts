/** The monitoring plugin, on real stores; old snapshots are made by moving their instants. */

import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AccountsDocument } from '../../src/cli/documents/accounts.ts';
import type { SnapshotsDocument, StatusDocument } from '../../src/cli/documents/snapshots.ts';
import type { StatusCheckDocument } from '../../src/cli/documents/status-check.ts';
import { compactUtc } from '../../src/core/archive/keys.ts';
import { decodeManifest, encodeManifest } from '../../src/core/archive/manifest.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { openSigner } from '../../src/core/state/signing-key.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

const utcPattern = /\d{8}T\d{6}Z/;
let site: CliSite;
const panel = (): unknown => ({
  use: 'generic',
  accounts: [{ path: join(site.dir, 'home/*'), trees: { one: { path: 'one' }, two: { path: 'two' } } }],
});
const configure = (extra: Readonly<Record<string, unknown>> = {}): void =>
  writeJson(join(site.config, 'config.json'), { panel: panel(), ...extra });
const check = async (): Promise<{ status: number | null; document: StatusCheckDocument; text: string }> => {
  const json = await site.holdfast('status', '--check', '--json');
  const text = await site.holdfast('status', '--check');
  expect(text.status).toBe(json.status);
  return { status: json.status, document: documentOf('status-check', json), text: text.stdout };
};

const told = async (): Promise<StatusCheckDocument> =>
  documentOf('status-check', await site.holdfast('status', '--check', '--json'));

beforeAll(() => {
  const dir = makeDirectory();
  for (const name of ['one', 'two']) {
    mkdirSync(join(dir, 'home/anna', name), { recursive: true });
    writeFileSync(join(dir, 'home/anna', name, 'file'), name);
  }
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  configure();
});
afterAll(() => site.remove());

describe('status --check', () => {
  it('is unknown where it cannot look', async () => {
    rmSync(join(site.config, 'config.json'));
    const { status, document, text } = await check();
    configure();

    expect(status).toBe(3);
    expect(document).toMatchObject({ status: 'UNKNOWN', overdue: [] });
    expect(text).toMatch(/^HOLDFAST UNKNOWN - CONFIG_INVALID: /);
  });

  it('is at ease with young snapshots, and with accounts that are younger than the limit', async () => {
    const before = await check();
    await site.holdfast('backup');
    const after = await check();

    expect([before.status, after.status]).toEqual([0, 0]);
    expect(before.text).toMatch(/^HOLDFAST OK - 1 account, no snapshot yet \| /);
    expect(after.text).toMatch(/^HOLDFAST OK - 1 account, .* \| overdue=0;;0 oldest=0\.0h;;30 accounts=1$/m);
  });

  it('is critical when the last good snapshot of everything is too old', async () => {
    await makeOld();
    const old = await check();
    renameSync(join(site.dir, 'home/anna/two'), join(site.dir, 'home/anna/away'));
    await site.holdfast('backup');
    const half = await check();
    renameSync(join(site.dir, 'home/anna/away'), join(site.dir, 'home/anna/two'));
    renameSync(join(site.dir, 'home/anna/one'), join(site.dir, 'home/anna/away'));
    await site.holdfast('backup');
    const both = await check();
    renameSync(join(site.dir, 'home/anna/away'), join(site.dir, 'home/anna/one'));

    expect([old.status, half.status, both.status]).toEqual([2, 2, 1]); // the last: a run that failed
    expect(old.text).toMatch(/^HOLDFAST CRITICAL - 1 of 1 account without a good snapshot for 30 h \| /);
    expect(old.text).toMatch(/^nightly: anna: last good 48\.\d h ago$/m);
    expect(half.document.overdue[0]).toMatchObject({ account: 'anna', lacking: ['two'] });
  });

  it('warns where the newest snapshot looks wrong, unless for other exclusions, and where the last run failed', async () => {
    const [newest] = readdirSync(join(site.state, 'newest'));
    const path = join(site.state, 'newest', newest!);
    const kept = readFileSync(path, 'utf8');
    const { owners, ...rest } = JSON.parse(kept) as { owners: Record<string, object> };
    const found = (...codes: readonly string[]) => {
      const findings = codes.map((code) => ({ code, message: 'half | gone' }));
      const changed = Object.entries(owners).map(([owner, one]) => [owner, { ...one, findings }]);
      writeJson(path, { ...rest, owners: Object.fromEntries(changed) });
    };
    found('exclusions-changed');
    const quiet = await told();
    found('exclusions-changed', 'shrunk');
    const { status, text } = await check();
    writeFileSync(path, kept);

    // The run above was without one of the trees.
    const failure =
      /^the last run by hand of nightly <1 min ago ended with exit status 25 \(SNAPSHOT_PARTIAL\): 1 snapshot, 1 of /;
    expect(quiet.warnings).toEqual([expect.stringMatching(failure)]);
    expect(status).toBe(1);
    expect(text).toContain(
      '; the newest snapshot of anna looks wrong: shrunk: half \\u{7c} gone; the last run by hand',
    );
    const { stdout, status: plain } = await site.holdfast('status');
    expect([plain, stdout]).toEqual([100, expect.stringContaining('exit status 25')]);
    await site.holdfast('backup');
    expect((await told()).status).toBe('OK');
  });

  it('names accounts that the panel no longer has, and is not at ease where there is none at all', async () => {
    renameSync(join(site.dir, 'home/anna'), join(site.dir, 'anna'));
    const shown = await site.holdfast('status');
    const { status, stdout } = await site.holdfast('status', '--json');
    renameSync(join(site.dir, 'anna'), join(site.dir, 'home/anna'));

    expect(shown.stdout).toContain('\nthe panel no longer has 1 account with snapshots: anna\n');
    expect(shown.stdout).toContain(
      '\nthe configuration nightly selects no account: is what they lie on mounted?\n',
    );
    expect(status).toBe(100);
    expect(documentOf<StatusDocument>('status', { stdout })).toMatchObject({
      accounts: [],
      gone: [{ account: 'anna', snapshots: 4 }],
    });
  });

  it('warns where something is scheduled and nothing runs it, or backups are switched off', async () => {
    const addin = { name: 'nightly', provider: { use: 's3-tar' }, encryption: 'none' };
    const store = { use: 'local', path: site.store };
    const schedule = [{ level: 'full', cron: '0 3 * * *' }];
    writeJson(join(site.config, 'addins.d/nightly.json'), { ...addin, store, schedule });
    const { status, document } = await check();

    await site.holdfast('scope', 'set', 'backups.enabled', 'false');
    const off = await check();
    await site.holdfast('scope', 'set', 'backups.enabled', 'null');

    expect(status).toBe(1);
    expect(document.warnings).toEqual(['nothing runs the schedules']);
    expect(off.status).toBe(1);
    expect(off.document.warnings).toEqual(['backups are switched off by the scope backups.enabled']);
  });
});

describe('an alarm', () => {
  const addin = (name: string, store: string): void =>
    writeJson(join(site.config, `addins.d/${name}.json`), {
      name,
      provider: { use: 's3-tar' },
      store: { use: 'local', path: store },
      encryption: 'none',
    });
  let asked: string[] = [];
  const server = createServer(async (request, response) => {
    asked.push(await text(request));
    response.end();
  });

  beforeAll(async () => {
    addin('nightly', site.store);
    addin('weekly', join(site.dir, 'weekly'));
    configure();
    await site.holdfast('backup', '--addin', 'nightly');
    await site.holdfast('backup', '--addin', 'weekly');
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve));
    rmSync(join(site.config, 'addins.d/weekly.json'));
    configure();
  });

  it('is raised only where policy and backups.destination send accounts', async () => {
    await makeOld(join(site.dir, 'weekly'));
    const both = await told();
    configure({ policy: [{ account: 'anna', destination: 'nightly' }] });
    const sent = await told();
    const weekly = await site.holdfast('status', '--addin', 'weekly', '--json');
    configure();
    await site.holdfast('scope', 'set', 'backups.destination', 'nightly');
    const resting = await told();
    await site.holdfast('scope', 'set', 'backups.destination', 'null');

    expect(both.overdue).toMatchObject([{ addin: 'weekly', account: 'anna' }]);
    expect([both.status, sent.status, resting.status]).toEqual(['CRITICAL', 'OK', 'OK']);
    expect(documentOf<StatusDocument>('status', weekly).accounts).toEqual([]);
  });

  it('has a limit for each configuration, and is raised although another one cannot be looked at', async () => {
    const file = join(site.config, 'addins.d/weekly.json');
    const store = join(site.dir, 'weekly');
    await makeOld(store);
    addin('weekly', store);
    writeJson(file, { ...JSON.parse(readFileSync(file, 'utf8')), alertAfterHours: 200 });
    const patient = await told();
    addin('weekly', store);
    addin('nightly', join(site.config, 'config.json/store'));
    const blind = await told();
    rmSync(file);
    const blinder = await told();
    addin('nightly', site.store);
    addin('weekly', store);

    expect([patient.status, blind.status, blinder.status]).toEqual(['OK', 'CRITICAL', 'UNKNOWN']);
    expect(blind.overdue).toMatchObject([{ addin: 'weekly', account: 'anna', limitHours: 30 }]);
    expect(blind.warnings[0]).toMatch(/^nightly: [A-Z_]+: /);
  });

  it('is not kept silent by snapshots of a clock that was ahead', async () => {
    await makeOld(site.store, -48);
    const { status } = await told();
    const seen = await site.holdfast('status', '--addin', 'nightly', '--json');
    const listed = await site.holdfast('accounts', '--json');
    const shown = await site.holdfast('status', '--addin', 'nightly');
    await makeOld(site.store, 0);

    expect(status).toBe('CRITICAL');
    expect(seen.status).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
    expect(documentOf<StatusDocument>('status', seen).accounts).toMatchObject([
      { account: 'anna', lastGoodAt: null, findings: [{ code: 'dated-ahead' }] },
    ]);
    const { lastGoodAt } = documentOf<AccountsDocument>('accounts', listed).accounts[0]!;
    expect(Date.parse(lastGoodAt ?? '1970-01-01T00:00:00Z')).toBeLessThan(Date.now() + 3_600_000);
    expect(shown.stdout).toMatch(/^anna .* (47 h|2 d) ahead +never$/m);
  });

  it('is told once a day, however often the schedule is looked at, and again where nobody was reached', async () => {
    const { port } = server.address() as AddressInfo;
    process.env['HOLDFAST_TEST_ALARMS'] = `http://127.0.0.1:${port}/`;
    await makeOld();
    rmSync(join(site.state, 'alarms.json'), { force: true });
    asked = [];
    configure({ notify: [{ use: 'webhook', url: 'env:HOLDFAST_TEST_ALARMS', on: ['alarm'] }] });
    await site.holdfast('serve', '--once');
    await site.holdfast('serve', '--once');
    const soon = asked.length;
    const record = JSON.parse(readFileSync(join(site.state, 'alarms.json'), 'utf8'));
    writeJson(join(site.state, 'alarms.json'), { ...record, lookedAtMs: record.lookedAtMs - 2 * 3_600_000 });
    await site.holdfast('serve', '--once');
    const later = asked.length;
    const alarms = join(site.state, 'alarms.json');
    process.env['HOLDFAST_TEST_ALARMS'] = 'http://127.0.0.1:9/';
    writeJson(alarms, { lookedAtMs: 1, toldAtMs: 1 });
    await site.holdfast('serve', '--once');
    const unheard = JSON.parse(readFileSync(alarms, 'utf8'));
    process.env['HOLDFAST_TEST_ALARMS'] = `http://127.0.0.1:${port}/`;
    writeJson(alarms, { ...unheard, lookedAtMs: 1 });
    await site.holdfast('serve', '--once');

    // No more than a warning: what is overdue after it is overdue anew.
    writeJson(alarms, { lookedAtMs: 1, toldAtMs: Date.now() });
    configure({
      notify: [{ use: 'webhook', url: 'env:HOLDFAST_TEST_ALARMS', on: ['alarm'] }],
      alertAfterHours: 8000,
    });
    await site.holdfast('scope', 'set', 'backups.enabled', 'false');
    const { status: warned } = await site.holdfast('status', '--check');
    await site.holdfast('serve', '--once');
    const mended = JSON.parse(readFileSync(alarms, 'utf8'));
    await site.holdfast('scope', 'set', 'backups.enabled', 'null');

    expect([warned, mended.toldAtMs]).toEqual([1, null]);
    expect(unheard.toldAtMs).toBe(1);
    expect([soon, later, asked.length]).toEqual([1, 1, 2]);
    expect(JSON.parse(asked[0]!)).toMatchObject({ event: 'alarm' });
    expect(asked[0]).toContain('without a good snapshot for 30 h');
  });
});

describe('snapshots that somebody else has put into the store', () => {
  const planted = '00000099-<now>-full-complete-dddddddddddd.manifest';
  const manifests = (): string[] =>
    readdirSync(join(site.store, 'manifests'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.manifest'))
      .map((name) => join(site.store, 'manifests', name))
      .sort();
  const plant = (name: string, bytes: string | Buffer): string => {
    const at = compactUtc(Date.now());
    const path = join(manifests().at(-1)!, '..', name.replace('<now>', at).replace(utcPattern, at));
    writeFileSync(path, bytes);
    return path;
  };
  const aside = (): string => join(site.dir, 'aside');

  beforeAll(async () => {
    configure();
    writeJson(join(site.config, 'addins.d/nightly.json'), {
      name: 'nightly',
      provider: { use: 's3-tar' },
      store: { use: 'local', path: site.store },
      encryption: 'none',
    });
    await site.holdfast('backup');
    for (const path of manifests().slice(0, -1)) rmSync(path);
    cpSync(site.store, aside(), { recursive: true });
  });
  beforeEach(() => {
    rmSync(site.store, { recursive: true });
    cpSync(aside(), site.store, { recursive: true });
  });

  it.each<[string, (ours: string) => void]>([
    ['empty', () => plant(planted, '')],
    [
      'one that nobody signed',
      (ours) => {
        const { header, body } = decodeManifest(readFileSync(ours), ours);
        const [id, at] = ['dddddddddddd', new Date().toISOString()];
        const forged = {
          ...header,
          id,
          sequence: 99,
          startedAt: at,
          level: 'full',
          state: 'complete',
        } as const;
        plant(planted, encodeManifest({ header: forged, body: body! }, null));
      },
    ],
    [
      'an old one of ours under a young name',
      (ours) => plant(ours.slice(ours.lastIndexOf('/')), readFileSync(ours)),
    ],
  ])('keep no alarm silent: %s', async (_, attack) => {
    await makeOld();
    attack(manifests()[0]!);
    const { status, overdue, warnings } = await told();

    expect(status).toBe('CRITICAL');
    expect(overdue).toMatchObject([{ account: 'anna' }]);
    expect(warnings[0]).toMatch(/^1 snapshot damaged, missing or not trusted, see holdfast verify: /);
  });

  it('and one of ours that was emptied is no good one', async () => {
    expect((await told()).status).toBe('OK');
    writeFileSync(manifests()[0]!, '');

    expect((await told()).status).toBe('CRITICAL');
  });

  it('are shown as such by snapshots, status and ls', async () => {
    const [ours] = manifests();
    const { header, body } = decodeManifest(readFileSync(ours!), ours!);
    const forged = { ...header, id: 'dddddddddddd', sequence: 99, startedAt: new Date().toISOString() };
    const path = plant(planted, encodeManifest({ header: forged, body: body! }, null));
    const listed = await site.holdfast('snapshots');
    const { untrusted } = documentOf<SnapshotsDocument>(
      'snapshots',
      await site.holdfast('snapshots', '--json'),
    );
    const status = await site.holdfast('status', '--json');
    const ls = await site.holdfast('ls', 'dddddddddddd');

    expect(listed.stdout).toMatch(/^anna-.*-dddddddddddd .* complete, untrusted /m);
    expect(listed.stdout).toMatch(new RegExp(`${header.id} +- +full +complete +`));
    expect(untrusted).toMatchObject([{ message: 'its manifest is not signed' }]);
    expect(path).toContain(untrusted[0]!.key);
    expect(status.status).toBe(100);
    const [anna] = documentOf<StatusDocument>('status', status).accounts;
    expect(anna).toMatchObject({ snapshots: 2, doubts: [{ kind: 'untrusted' }] });
    expect(Date.parse(anna!.lastGoodAt!)).toBeLessThan(Date.parse(anna!.lastAt!) + 1);
    expect(ls.stderr).toContain('is not trusted: its manifest is not signed');
  });
});

describe('an account that holds a store or the state', () => {
  it('is refused by doctor and by backup, with the reason', async () => {
    writeJson(join(site.config, 'config.json'), {
      panel: { use: 'generic', accounts: [{ path: join(site.dir, '*') }] },
    });
    const doctor = await site.holdfast('doctor');
    const backup = await site.holdfast('backup');
    configure();

    expect(doctor.stdout).toMatch(
      /^error +own directories +config: tree files, .*, holds the state of Holdfast$/m,
    );
    expect(doctor.stdout).toMatch(
      /^error +own directories +store: tree files, .*, lies in the store of nightly$/m,
    );
    expect(backup.stdout).toContain('nothing of store could be captured: tree files, ');
    expect(backup.stdout).toMatch(/^home .*complete/m);
  });
});

/** As if they had been made then; instants stand in the names of manifests as well. */
async function makeOld(store = site.store, hours = 48): Promise<void> {
  const at = new Date(Date.now() - hours * 3_600_000).toISOString();
  for (const entry of readdirSync(join(store, 'manifests'), { recursive: true, withFileTypes: true })) {
    if (!entry.name.endsWith('.manifest')) continue;
    const path = join(entry.parentPath, entry.name);
    const { header, body } = decodeManifest(readFileSync(path), entry.name);
    rmSync(path);
    const old = { header: { ...header, startedAt: at, committedAt: at }, body: body! };
    const name = entry.name.replace(utcPattern, compactUtc(Date.parse(at)));
    const signer = await openSigner(site.state, header.server);
    writeFileSync(join(entry.parentPath, name), encodeManifest(old, signer));
  }
}
