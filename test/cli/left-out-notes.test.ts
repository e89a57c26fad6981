/** What look-ups by a name leave out, and how it is found all the same. */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RestoreAllDocument } from '../../src/cli/documents/restore-all.ts';
import type { SnapshotsDocument } from '../../src/cli/documents/snapshots.ts';
import { type CliSite, documentOf, makeDirectory, makeSite } from '../support/cli.ts';

let site: CliSite;
let home: string;
beforeAll(() => {
  const dir = makeDirectory();
  home = join(dir, 'home/anna');
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'letter'), 'dear all');
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
});
afterAll(() => site.remove());

const stateFile = (name: string) => JSON.parse(readFileSync(join(site.state, `${name}.json`), 'utf8'));
const document = async (...args: string[]) =>
  documentOf<SnapshotsDocument>('snapshots', await site.holdfast('snapshots', '--json', ...args));

it('names the UUID before, and the server before, whose snapshots a name no longer means', async () => {
  expect((await site.holdfast('backup')).status).toBe(0);
  const owner = stateFile('accounts').accounts[0].uuid;
  rmSync(home, { recursive: true });
  mkdirSync(home);
  await site.holdfast('backup');

  const { stdout, stderr } = await site.holdfast('snapshots', '--account', 'anna');
  expect(stdout.match(/^anna-/gm)).toHaveLength(1);
  expect((await document('--account', 'anna')).leftOut).toEqual({ servers: [], accounts: [owner] });
  expect(stderr).toBe(
    `note: 1 snapshot of another account that was anna before left out; --account ${owner} shows them\n`,
  );
  const before = stateFile('server').uuid;
  rmSync(join(site.state, 'server.json'));
  const past = `the store has snapshots of 1 account of this server made under another UUID, which neither its state nor "trustedSigners" names: ${before}`;
  expect((await site.holdfast('doctor')).stdout).toContain(`warn   snapshots of nightly      ${past}\n`);
  const anew = await site.holdfast('backup');
  expect(anew.stderr).toContain(`warning: state-anew: ${past}\nhint: Where this server has lost its state`);
  expect(anew.status, 'somebody is told').toBe(100);
  expect((await site.holdfast('status')).stderr).toContain(`note: ${past}; holdfast snapshots --server UUID`);
  expect((await site.holdfast('snapshots')).stderr).toBe(
    `note: snapshots of other servers left out; --server UUID shows them: ${before}\n`,
  );
  const again = await site.holdfast('snapshots', '--account', 'anna');
  expect(again.stderr).toContain(
    `of this account that other servers made left out; --server UUID shows them: ${before}`,
  );
  const { snapshots, leftOut } = await document('--server', before, '--account', owner);
  expect(snapshots).toHaveLength(1);
  expect(leftOut).toEqual({ servers: [], accounts: [] });

  const to = join(site.dir, 'all');
  const all = await site.holdfast('restore', 'latest', '--all', '--to', to, '--json');
  expect(documentOf<RestoreAllDocument>('restore-all', all).leftOut).toEqual({
    servers: [before],
    accounts: [],
  });
  expect(all.status, 'servers may share a store on purpose').toBe(0);
  expect(all.stderr).toContain(
    `note: snapshots of other servers left out; --server UUID shows them: ${before}`,
  );
  const unknown = await site.holdfast('snapshots', '--account', 'bert');
  expect(unknown.stderr).toContain(`name one with --server UUID: ${before}.`);
});

it('names other servers also where a name means an account of which they have nothing', async () => {
  const servers = readdirSync(join(site.store, 'manifests'));
  rmSync(site.state, { recursive: true });
  rmSync(home, { recursive: true });
  mkdirSync(home);
  const { status } = await site.holdfast('backup');
  expect(status, 'no account of these servers is one of this server').toBe(0);
  const { stderr } = await site.holdfast('snapshots', '--account', 'anna');
  expect(stderr).toContain(
    'note: snapshots of other servers left out, perhaps of this account; --server UUID',
  );
  for (const server of servers) expect(stderr).toContain(server);

  for (let number = 10; number <= 60; number++) {
    const of = join(site.store, `manifests/00000000-0000-4000-8000-0000000000${number}/x`);
    mkdirSync(of, { recursive: true });
    writeFileSync(join(of, 'y'), '');
  }
  expect((await site.holdfast('status')).stderr).toContain('note: more than 50 servers share the store');
});
