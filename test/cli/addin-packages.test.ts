/** Addin packages on the command line: a provider and a scope that work, and what is refused beside them. */

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rememberVerification } from '../../src/core/state/verifications.ts';
import { manifestOf, writePackage } from '../support/addin-packages.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

// Both import the Holdfast that runs them: there is none beside them.
const provider = (name: string): string => `
import { HoldfastError, isHoldfastError } from 'holdfast';
if (!isHoldfastError(new HoldfastError('USAGE', 'x'))) throw new Error('another Holdfast');
const capabilities = { levels: ['full'] };
export default {
  kind: 'provider', name: '${name}', version: '1.2.3', contract: 1, settingsSchema: {}, capabilities,
  open: async ({ store }) => ({
    name: '${name}', capabilities,
    plan: async () => ({ level: 'full', parents: [], reason: 'always' }),
    put: ({ kind, ...request }) => store.put(request),
    get: (request) => store.get(request),
  }),
};`;

const kept = `
import { memoryStore } from 'holdfast/conformance';
export default {
  kind: 'store', name: 'kept', version: '1.2.3', contract: 1, settingsSchema: {},
  open: async () => ({ ...memoryStore(), name: 'kept' }),
};`;

const scope = `
import { readFileSync, writeFileSync } from 'node:fs';
export default {
  kind: 'scope', name: 'relay', version: '1.2.3', contract: 1, settingsSchema: {},
  open: async ({ file }) => [{
    name: 'relay.host', help: 'Who relays.', values: 'string', default: null,
    get: async () => JSON.parse(readFileSync(file, 'utf8')),
    set: async (value) => writeFileSync(file, JSON.stringify(value)),
  }],
};`;

let site: CliSite;
let mark: string;

beforeAll(() => {
  const dir = makeDirectory();
  const accounts = join(dir, 'home');
  mkdirSync(join(accounts, 'shop'), { recursive: true });
  writeFileSync(join(accounts, 'shop/index.html'), 'hello');
  mark = join(dir, 'was-run');
  const packages = {
    plain: { addins: [manifestOf('provider', 'plain')], files: { 'index.js': provider('plain') } },
    relay: {
      addins: [
        manifestOf('scope', 'relay', { capabilities: { names: ['relay.host', 'relay.port'] } }),
        manifestOf('store', 'future', { contract: 2 }),
        manifestOf('notifier', 'pager', { contract: 2 }),
      ],
      files: { 'index.js': scope },
    },
    kept: { addins: [manifestOf('store', 'kept')], files: { 'index.js': kept } },
    shelf: {
      addins: [
        manifestOf('store', 'shelf', {
          permissions: { network: ['shelf.example:443'], programs: ['mount'] },
        }),
      ],
      files: { 'index.js': `import { writeFileSync } from 'node:fs'; writeFileSync('${mark}', '');` },
    },
  };
  const config = {
    panel: { use: 'generic', accounts: [{ path: `${accounts}/*` }] },
    addins: [...Object.keys(packages), 'absent'],
    notify: [{ use: 'pager', on: ['success'] }],
    scopes: [{ use: 'relay', file: join(dir, 'relay.json') }],
  };
  site = makeSite(config, dir);
  writeFileSync(join(dir, 'relay.json'), '"mx1"');
  for (const [name, files] of Object.entries(packages)) {
    writePackage(join(site.config, 'node_modules', name), files);
  }
  writeJson(join(site.config, 'addins.d/nightly.json'), {
    name: 'nightly',
    provider: { use: 'plain' },
    store: { use: 'local', path: site.store },
    encryption: 'none',
  });
});
afterAll(() => site.remove());

interface Listed {
  readonly addins: readonly Readonly<Record<string, unknown>>[];
  readonly problems: readonly { readonly message: string }[];
}

describe('addin packages', () => {
  it('are listed with what they ask for, and those that are refused with the reason', async () => {
    const counts = { checks: 60, failed: 0, sound: true, holdfast: '0.1.0', endedAtMs: 1_800_000_000_000 };
    const version = { version: '1.2.2', contract: 1, configuration: 'nightly' };
    await rememberVerification(site.state, { kind: 'provider', name: 'plain', ...version, ...counts });
    const result = await site.holdfast('--json', 'addin', 'list');
    const { addins, problems } = documentOf<Listed>('addins', result);
    const named = (name: string | null) => addins.find((one) => one['name'] === name);

    expect(result.status).toBe(0);
    expect(problems).toEqual([]);
    expect(named('plain')).toMatchObject({
      kind: 'provider',
      version: '1.2.3',
      state: 'ok',
      levels: ['full'],
      verification: { at: '2027-01-15T08:00:00.000Z', sound: true, current: false },
    });
    expect(named('shelf')).toMatchObject({
      state: 'ok',
      from: join(site.config, 'node_modules/shelf'),
      permissions: { network: ['shelf.example:443'], programs: ['mount'], paths: [] },
      verification: null,
    });
    expect(named('future')).toMatchObject({ state: 'refused', reason: 'contract-too-new', contract: 2 });
    expect(named(null)).toMatchObject({ state: 'refused', reason: 'not-found', from: 'absent' });
    expect(named('local')).toMatchObject({ state: 'ok', from: null, permissions: null });
  });

  it('are checked by doctor, which runs no store of theirs', async () => {
    const { status, stdout } = await site.holdfast('doctor');

    expect(status).toBe(7);
    expect(stdout).toMatch(
      /^ok +addin shelf +store, version 1\.2\.3, in .*, gets a uid of its own when it is first/m,
    );
    expect(stdout).toMatch(/^error +addin future +refused: it needs contract 2 of a store/m);
    expect(stdout).toMatch(/^error +addin absent +refused: the package "absent" is installed neither/m);
    expect(existsSync(mark)).toBe(false);
  });

  it('back up into a store that imports from the Holdfast that runs it, as a user that doctor shows', async () => {
    const file = join(site.config, 'addins.d/kept.json');
    writeJson(file, {
      name: 'kept',
      provider: { use: 's3-tar' },
      store: { use: 'kept' },
      encryption: 'none',
    });
    const backup = await site.holdfast('backup', '--addin', 'kept');
    const { stdout } = await site.holdfast('doctor');
    rmSync(file);

    expect(backup).toMatchObject({ status: 0 });
    expect(stdout).toMatch(/^ok +processes of packages +see no process but their own/m);
    expect(stdout).toMatch(/^ok +addin kept +store, .*, runs as uid 65\d{3} alone$/m);
  });

  it('back up with a provider', async () => {
    const backup = await site.holdfast('--json', 'backup');
    const list = await site.holdfast('--json', 'snapshots');

    // A notifier that cannot be used costs no backup.
    expect([backup.status, backup.stderr]).toEqual([
      0,
      'note: notifier 0 (pager): it is refused: it needs contract 2 of a notifier, and this Holdfast has 1\n',
    ]);
    expect(documentOf<{ snapshots: readonly unknown[] }>('snapshots', list).snapshots).toHaveLength(1);
  });

  it('contribute scopes, of which one that does not work costs the others nothing', async () => {
    const set = await site.holdfast('scope', 'set', 'relay.host', 'mx2');
    const list = await site.holdfast('--quiet', 'scope', 'list');
    const broken = await site.holdfast('scope', 'get', 'relay.port');

    expect([set.status, set.stderr]).toEqual([0, '']);
    expect(readFileSync(join(site.dir, 'relay.json'), 'utf8')).toBe('"mx2"');
    expect(list.stdout).toMatch(/^relay\.host +mx2 +Who relays\.$/m);
    expect(list.stderr).toContain(
      'warning: relay.port: the addin relay does not offer the scope relay.port\n',
    );
    expect(list.status).toBe(100);
    expect(broken.status).toBe(7);
  });
});

describe('a configuration', () => {
  const using = async (store: object, provider: object = { use: 's3-tar' }): Promise<string> => {
    const file = join(site.dir, 'other.json');
    writeJson(file, { name: 'other', provider, store, encryption: 'none' });
    return (await site.holdfast('addin', 'validate', file)).stderr;
  };

  it('that names a refused addin is told the reason', async () => {
    expect(await using({ use: 'future' })).toMatch(
      /store\/use: the store "future" is refused: it needs contract 2 of a store, and this Holdfast has 1\nhint: Update Holdfast/,
    );
    expect(await using({ use: 'lost' })).toMatch(
      /there is no store "lost"; .*the package absent is refused: /,
    );
  });

  it('is judged by the schema that a package brings', async () => {
    expect(await using({ use: 'shelf', room: 1 })).toMatch(/unknown property "room"; known are use, file/);
    expect(await using({ use: 'shelf', file: 'x' })).toBe('');
  });
});
