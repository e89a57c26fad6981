import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chainProvider } from '../../../src/addins/chain/index.ts';
import { s3Store } from '../../../src/addins/s3/index.ts';
import { s3TarProvider } from '../../../src/addins/s3-tar/index.ts';
import type { CliContext } from '../../../src/cli/command.ts';
import { checkConfigured, chooseAddin, chooseCopy, type Loaded } from '../../../src/cli/configuration.ts';
import { runImports } from '../../../src/cli/database-imports.ts';
import { databaseName } from '../../../src/cli/import-target.ts';
import { type InPlaceChoice, runInPlace } from '../../../src/cli/in-place.ts';
import type { StoreSession } from '../../../src/cli/store-session.ts';
import { type Configuration, checkConfiguration } from '../../../src/core/config/load-configuration.ts';
import { requireExclusions, requireSound } from '../../../src/core/config/without-faults.ts';
import type { AddinDefinition } from '../../../src/core/index.ts';
import { builtinNotifiers } from '../../../src/core/notify/builtin.ts';
import { configInvalid } from '../../../src/core/settings/problems.ts';
import { validate } from '../../../src/core/settings/validate.ts';
import { apiscpPanel } from '../../../src/panels/apiscp/index.ts';
import { genericPanel } from '../../../src/panels/generic/index.ts';

const unused = async (): Promise<never> => {
  throw new Error('nothing is opened while a configuration is read');
};
const common = { version: '1.0.0', contract: 1 };
const object = { type: 'object', additionalProperties: false, required: ['use'] };
const definitions: readonly AddinDefinition[] = [
  ...builtinNotifiers,
  apiscpPanel,
  genericPanel,
  {
    ...common,
    kind: 'provider',
    name: 's3-tar',
    capabilities: { levels: ['full'] },
    settingsSchema: { ...object, properties: { use: { const: 's3-tar' } } },
    open: unused,
  },
  {
    ...common,
    kind: 'store',
    name: 'local',
    settingsSchema: {
      ...object,
      required: ['use', 'path'],
      properties: {
        use: { const: 'local' },
        path: { type: 'string', description: 'Where to keep objects.' },
        url: { type: 'string', format: 'uri' },
        sync: { type: 'boolean', default: true },
        token: { type: 'string', 'x-secret': true },
      },
    },
    open: unused,
  },
];

const config = { panel: { use: 'apiscp', root: '/' } };
const nightly = {
  name: 'nightly',
  provider: { use: 's3-tar' },
  store: { use: 'local', path: '/backups' },
  encryption: 'none',
};

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-config-'));
  await mkdir(join(dir, 'addins.d'));
});
afterEach(() => rm(dir, { recursive: true }));

const write = (name: string, value: unknown) =>
  writeFile(join(dir, name), typeof value === 'string' ? value : JSON.stringify(value));
const problemsOf = async () =>
  (await checkConfiguration(dir, definitions)).problems.map(
    ({ file, pointer, message }) => `${file.slice(dir.length + 1)} ${pointer}: ${message}`,
  );
async function problemWith(name: string, value: unknown): Promise<string[]> {
  await write('config.json', config);
  await write(name, value);
  return problemsOf();
}

/** As the command line has it: what is wrong is one error. */
async function load(installed = definitions): Promise<Configuration> {
  const { configuration, problems } = await checkConfiguration(dir, installed);
  if (configuration === null) throw configInvalid(problems);
  return configuration;
}

describe('a configuration', () => {
  it('fills in what was left out', async () => {
    await write('config.json', config);
    await write('addins.d/nightly.json', nightly);

    const loaded = await load();

    expect(loaded).toEqual({
      dir,
      stateDir: join(dir, 'state'),
      panel: { use: 'apiscp', root: '/', dumpsKept: 5 },
      databases: [],
      concurrency: 2,
      lockWaitMinutes: 120,
      export: 'direct',
      panelExport: null,
      keepReplacedDays: 7,
      isolation: 'auto',
      trustedSigners: [],
      scopes: [],
      limits: {},
      hooks: [],
      notify: [],
      alertAfterHours: 30,
      keepRunsDays: 90,
      policy: [],
      steering: { enabled: true, destination: null, exclude: [], panelExports: false },
      faults: [],
      addins: [
        {
          file: join(dir, 'addins.d/nightly.json'),
          name: 'nightly',
          provider: { use: 's3-tar' },
          store: { use: 'local', path: '/backups', sync: true },
          accounts: { include: ['*'], exclude: [] },
          schedule: [],
          timeZone: null,
          window: null,
          randomDelayMinutes: 0,
          alertAfterHours: null,
          budget: null,
          upkeep: null,
          retention: null,
          copies: [],
          encryption: 'none',
        },
      ],
    });
  });

  it.each([
    ['config.json', 'belongs to uid 65534, who could change it', (path: string) => chown(path, 65534, 65534)],
    ['addins.d', 'can be changed by its group or by everybody', (path: string) => chmod(path, 0o777)],
    ['addins.d/nightly.json', 'can be changed by its group', (path: string) => chmod(path, 0o664)],
    ['scopes.json', 'can be changed by its group', (path: string) => chmod(path, 0o666)],
  ])('does not obey as root where others can change %s', async (name, why, open) => {
    await write('config.json', config);
    await write('addins.d/nightly.json', nightly);
    await write('scopes.json', { version: 1, values: {}, last: null });
    expect(await problemsOf()).toEqual([]);

    await open(join(dir, name));

    expect(await problemsOf()).toEqual([expect.stringContaining(`${name} : ${why}`)]);
  });

  it('takes a state directory, database servers and addins in the order of their names', async () => {
    const databases = [
      { name: 'mariadb', engine: 'mariadb', socket: '/run/m.sock', user: 'root', password: 'env:NOT_SET' },
      { name: 'pg', engine: 'postgresql', host: '127.0.0.1', port: 5432 },
    ];
    await write('config.json', { ...config, stateDir: '/srv/state', concurrency: 4, databases });
    await write('addins.d/a.json', { ...nightly, name: 'zulu' });
    await write('addins.d/b.json', { ...nightly, name: 'alpha', accounts: { exclude: ['site7'] } });
    await write('addins.d/notes.txt', 'not a configuration');

    const loaded = await load();

    expect(loaded).toMatchObject({ stateDir: '/srv/state', concurrency: 4, databases });
    expect(loaded.addins.map(({ name }) => name)).toEqual(['alpha', 'zulu']);
    expect(loaded.addins[0]?.accounts).toEqual({ include: ['*'], exclude: ['site7'] });
  });

  it('takes copies, a single one without a name', async () => {
    const store = { use: 'local', path: '/mnt/offsite', token: 'env:NOT_SET' };
    const retention = { keepDaily: 3 };
    const named = [
      { name: 'near', store },
      { name: 'far', store: { use: 'local', path: '/mnt/far' }, retention },
    ];
    await write('config.json', config);
    await write('addins.d/a.json', { ...nightly, name: 'one', copies: [{ store }] });
    await write('addins.d/b.json', { ...nightly, name: 'two', copies: named });

    const { addins } = await load();

    expect(addins.map(({ copies }) => copies)).toEqual([
      [{ name: 'copy', store: { ...store, sync: true }, retention: null }],
      [
        { name: 'near', store: { ...store, sync: true }, retention: null },
        { name: 'far', store: { use: 'local', path: '/mnt/far', sync: true }, retention },
      ],
    ]);
  });

  it('validates the store of each copy like the main one', async () => {
    const copies = [
      { name: 'a', store: { use: 'local', path: '/x', token: 'hunter2' } },
      { name: 'b', store: { use: 'locla', path: '/y' } },
      { name: 'c', store: { use: 'local' } },
    ];

    const problems = await problemWith('addins.d/nightly.json', { ...nightly, copies });

    expect(problems).toEqual([
      expect.stringContaining('/copies/0/store/token: must be a reference to the secret'),
      expect.stringContaining('/copies/1/store/use: there is no store "locla"'),
      expect.stringContaining('/copies/2/store: property "path" is missing'),
    ]);
  });

  it('takes no share that a run of prune may remove from a rule for accounts', async () => {
    const policy = [{ account: 'a', retention: { keepLast: 1, maxRemoveShare: 1 } }];

    expect(await problemWith('config.json', { ...config, policy })).toEqual([
      expect.stringContaining('/policy/0/retention: unknown property "maxRemoveShare"'),
    ]);
  });

  it('wants several copies told apart', async () => {
    const store = { use: 'local', path: '/x' };
    const copies = [{ store }, { name: 'far', store }, { name: 'far', store }];

    expect(await problemWith('addins.d/nightly.json', { ...nightly, copies })).toEqual([
      expect.stringContaining('/copies/0: property "name" is missing'),
      expect.stringContaining('/copies/2/name: the name "far" is taken by /copies/1'),
    ]);
  });

  it('does without the directory of addin configurations', async () => {
    await rm(join(dir, 'addins.d'), { recursive: true });
    await write('config.json', config);

    expect((await load()).addins).toEqual([]);
  });

  it('names every problem of every file in one CONFIG_INVALID with a hint', async () => {
    await write('config.json', { ...config, concurency: 2 });
    await write('addins.d/nightly.json', { ...nightly, store: { use: 'locall' } });

    const error = await load().catch((caught: unknown) => caught);

    expect(error).toMatchObject({ code: 'CONFIG_INVALID', hint: 'Correct or remove "concurency".' });
    expect(String(error)).toContain(
      `${dir}/config.json: unknown property "concurency"; did you mean "concurrency"?`,
    );
    expect(String(error)).toContain(`${dir}/addins.d/nightly.json /store/use: there is no store "locall"`);
  });

  it('does not wait for what is no file', async () => {
    await write('config.json', config);
    const fifo = join(dir, 'addins.d/fifo.json');
    execFileSync('mkfifo', [fifo]);

    for (const check of [problemsOf, async () => (await checkConfigured(dir)).problems]) {
      expect(JSON.stringify(await check())).toContain('is not a regular file');
    }
  });

  it('says that there is no configuration', async () => {
    expect(await problemsOf()).toEqual(['config.json : there is no such file']);
  });

  it('is a directory, which --config names', async () => {
    await write('config.json', config);
    const { problems } = await checkConfiguration(join(dir, 'config.json'), definitions);

    expect(problems.map(({ hint }) => hint)).toEqual(['--config names the directory, not a file.']);
  });
});

describe('a wrong configuration', () => {
  it('that is no JSON is told by line and column, without its text', async () => {
    const problems = await problemWith(
      'addins.d/nightly.json',
      '{\n  "name": "nightly",\n  "store": s3cr3t\n}',
    );

    expect(problems).toEqual(['addins.d/nightly.json : line 3, column 12: expected a value']);
  });

  it('that is not UTF-8 is told by line, for U+FFFD would be another name', async () => {
    await write('config.json', config);
    await writeFile(join(dir, 'addins.d/nightly.json'), Buffer.from('{\n"caf\xe9": 1}', 'latin1'));

    expect(await problemsOf()).toEqual(['addins.d/nightly.json : line 2 is not UTF-8']);
  });

  it('without encryption is told to say so on purpose', async () => {
    const { encryption: _, ...without } = nightly;
    await write('config.json', config);
    await write('addins.d/nightly.json', without);

    await expect(load()).rejects.toMatchObject({
      message: expect.stringContaining('property "encryption" is missing'),
      hint: expect.stringMatching(/recipients.*"encryption": "none" on purpose/),
    });
  });

  it.each([
    [null, '/encryption: must be recipients or "none"'],
    ['plain', '/encryption: must be recipients or "none"'],
    [{ recipients: [] }, '/encryption/recipients: must NOT have fewer than 1 items'],
    [
      { recipients: ['age1x'], identiy: 'x' },
      '/encryption: unknown property "identiy"; did you mean "identity"?',
    ],
    [
      { recipients: ['age1x'], identity: 'AGE-SECRET-KEY-1' },
      '/encryption/identity: must be a reference to the secret (env:NAME or file:/absolute/path), never the secret itself',
    ],
  ])('with encryption %j gets one line about it', async (encryption, line) => {
    expect(await problemWith('addins.d/nightly.json', { ...nightly, encryption })).toEqual([
      `addins.d/nightly.json ${line}`,
    ]);
  });

  it('with a property far from any other lists those there are', async () => {
    const [problem] = await problemWith('addins.d/nightly.json', { ...nightly, qqqqqq: 1 });

    expect(problem).toMatch(/unknown property "qqqqqq"; known are name, provider, store,/);
  });

  it('with an addin that is not installed lists the installed ones', async () => {
    expect(await problemWith('config.json', { panel: { use: 'apiscq' } })).toEqual([
      'config.json /panel/use: there is no panel "apiscq"; installed are apiscp, generic; did you mean "apiscp"?',
    ]);
  });

  it('is checked against the schema of the addin it uses', async () => {
    const problems = await problemWith('addins.d/nightly.json', {
      ...nightly,
      store: { use: 'local', url: 'no uri', pathh: 1 },
    });

    expect(problems).toEqual([
      'addins.d/nightly.json /store: property "path" is missing (Where to keep objects.)',
      'addins.d/nightly.json /store: unknown property "pathh"; did you mean "path"?',
      'addins.d/nightly.json /store/url: "no uri" has the wrong form',
    ]);
  });

  it.each([['hunter2-hunter2'], ['file:relative/path'], ['env:'], ['ENV:NAME']])(
    'with the inline secret %j is refused, and the secret is not shown',
    async (password) => {
      const databases = [{ name: 'm', engine: 'mysql', password }];
      const store = { use: 'local', path: '/b', token: password };
      await write('addins.d/nightly.json', { ...nightly, store });

      const problems = await problemWith('config.json', { ...config, databases });

      expect(problems.map((line) => line.split(':')[0])).toEqual([
        'config.json /databases/0/password',
        'addins.d/nightly.json /store/token',
      ]);
      expect(problems.join()).not.toContain(password === 'env:' ? 'env: ' : password);
    },
  );

  it('with one name for two addin configurations is refused', async () => {
    await write('addins.d/a.json', nightly);

    expect(await problemWith('addins.d/b.json', nightly)).toEqual([
      `addins.d/b.json /name: the name "nightly" is taken by ${dir}/addins.d/a.json`,
    ]);
  });

  it('with two database servers of one name, or with socket and host, is refused', async () => {
    const databases = [
      { name: 'm', engine: 'mysql', socket: '/s', host: 'h' },
      { name: 'm', engine: 'mysql' },
    ];

    expect(await problemWith('config.json', { ...config, databases })).toEqual([
      'config.json /databases/0: has both a socket and a host',
      'config.json /databases/1/name: the name "m" is taken by /databases/0',
    ]);
  });

  it.each([
    [[], 'config.json : must be object, is array'],
    ['null', 'config.json : must be object, is null'],
    [{ panel: 'apiscp' }, 'config.json /panel: must be object, is string'],
    [{ ...config, concurrency: '2' }, 'config.json /concurrency: must be integer, is string'],
    [
      { ...config, databases: [{ name: 'm', engine: 'oracle' }] },
      'config.json /databases/0/engine: must be one of "mariadb", "mysql", "postgresql", is "oracle"',
    ],
    [{ ...config, databases: [null] }, 'config.json /databases/0: must be object, is null'],
  ])('%j is explained', async (value, line) => {
    expect(await problemWith('config.json', value)).toEqual([line]);
  });

  it('that tries to reach the prototype of objects is refused', async () => {
    const text = JSON.stringify({ ...nightly, x: 1 }).replace('"x"', '"__proto__"');

    expect(await problemWith('addins.d/nightly.json', text)).toHaveLength(1);
  });
});

describe('what is left of a configuration for what only reads', () => {
  const readable = async (): Promise<Configuration | null> =>
    (await checkConfiguration(dir, definitions)).readable;

  it('lacks the parts at fault, and has all others', async () => {
    const webhook = { use: 'webhook', url: 'env:URL' };
    const policy = [
      { exclude: ['files/a'], fullEveryDays: 3 },
      { account: 'a', destination: 'gone' },
    ];
    await write('config.json', {
      ...config,
      concurrency: 'many',
      notify: [{ use: 'pigeon' }, webhook, { use: 'webhook' }],
      policy: [...policy, { plan: 'b', destination: 'nightly' }],
    });
    const copies = [
      { name: 'far', store: { use: 'floppy' } },
      { name: 'near', store: nightly.store },
    ];
    await write('addins.d/a.json', '{');
    await write('addins.d/nightly.json', { ...nightly, schedule: [{ level: 'full', cron: 'x' }], copies });

    const left = await readable();

    expect(left).toMatchObject({
      concurrency: 2,
      notify: [webhook],
      addins: [{ name: 'nightly', schedule: [] }],
    });
    expect(left?.addins[0]?.copies.map(({ name }) => name)).toEqual(['near']);
    expect(left?.faults.map(({ pointer }) => pointer)).toEqual([
      '/concurrency',
      '/notify/0/use',
      '/notify/2',
      '',
      '/schedule/0/cron',
      '/copies/0/store/use',
      '/policy/0',
      '/policy/1/destination',
    ]);
    await expect(load()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('has no rules for nobody, and of those that send to nowhere the rest', async () => {
    const policy = [
      { fullEveryDays: 3, exclude: ['files/a'] },
      { account: 'a', destination: 'gone', exclude: ['files/b'] },
    ];
    await write('config.json', { ...config, policy: [...policy, { plan: 'b', destination: 'nightly' }] });
    await write('addins.d/nightly.json', nightly);

    expect((await readable())?.policy).toEqual([
      { account: 'a', exclude: ['files/b'] },
      { plan: 'b', destination: 'nightly' },
    ]);
  });

  it('has a copy whose retention is wrong, and says why it lacks the others', async () => {
    const copies = [
      { name: 'off', store: nightly.store, retention: 'two weeks' },
      { name: 'far', store: { use: 'floppy' } },
      { name: 'twice', store: nightly.store },
      { name: 'twice', store: { use: 'local', path: '/mnt' } },
    ];
    await write('config.json', config);
    await write('addins.d/nightly.json', { ...nightly, copies });

    const left = (await readable())!;
    const copyNamed = (name: string) => chooseCopy(left, left.addins[0]!, name);

    expect(copyNamed('off')).toMatchObject({ name: 'nightly/off', retention: null });
    expect(() => copyNamed('far')).toThrow('there is no store "floppy"');
    expect(() => copyNamed('twice')).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it.each([
    ['a rule', { policy: [{ account: 'a', exclude: ['b'] }] }, null, '/policy/0/exclude/0'],
    ['all rules', { policy: {} }, null, '/policy'],
    ['scopes.json', {}, '{', 'scopes.json'],
    ['the scope', {}, { 'backups.exclude': ['b'] }, '/values/backups.exclude'],
    ['where a rule sends to', { policy: [{ account: 'a', destination: 'gone' }] }, null, null],
    ['another scope', {}, { 'backups.destination': 'gone' }, null],
  ])('knows what backups leave out, or that nobody does, where %s is wrong', async (_, more, values, why) => {
    await write('config.json', { ...config, ...more });
    const scopes = typeof values === 'string' ? values : { version: 1, values, last: null };
    if (values !== null) await write('scopes.json', scopes);

    const { readable: left } = await checkConfigured(dir);

    expect(left?.faults).toHaveLength(1);
    if (why === null) expect(() => requireExclusions(left!)).not.toThrow();
    else {
      const session = { loaded: { configuration: left } } as StoreSession;
      const restored = runInPlace({} as CliContext, session, {} as InPlaceChoice);
      await expect(restored).rejects.toThrow(why);
    }
  });

  it('refuses panel and databases at fault where they are used, and knows none of two with one name', async () => {
    await write('config.json', { panel: { use: 'plesk' }, databases: [{ name: 'm' }] });
    for (const name of ['a', 'b']) await write(`addins.d/${name}.json`, nightly);

    const left = await readable();

    expect(left?.addins).toEqual([]);
    for (const part of ['panel', 'databases']) expect(() => requireSound(left!, part)).toThrow(`/${part}/`);
    expect(() => requireSound(left!, 'hooks')).not.toThrow();
    expect(() => chooseAddin(left!, undefined)).toThrow('the name "nightly" is taken by');
  });

  it('lets nobody take the only database server that is left for the one that is meant', async () => {
    const databases = [
      { name: 'main', engine: 'mariadb', socket: 'run/m.sock' },
      { name: 'old', engine: 'mariadb', socket: '/run/old.sock' },
    ];
    await write('config.json', { ...config, databases, keepReplacedDays: 400 });

    const configuration = (await readable())!;
    const batch = { loaded: { configuration } as Loaded, works: [], dryRun: false } as never;

    expect(configuration.databases).toEqual([]);
    for (const typed of ['main/a_wp', 'old/a_wp', 'a_wp'])
      expect(() => databaseName(typed, { configuration })).toThrow('/databases/0/socket');
    await expect(runImports({} as CliContext, batch)).rejects.toThrow('/keepReplacedDays');
  });

  it('lets nobody take the only store that is left for the one that is meant', async () => {
    await write('config.json', config);
    await write('addins.d/nightly.json', nightly);
    await write('addins.d/weekly.json', { ...nightly, name: 'weekly', store: { use: 'floppy' } });

    const left = await readable();

    expect(() => chooseAddin(left!, undefined)).toThrow(
      'nightly is the only addin configuration that is valid',
    );
    expect(() => chooseAddin(left!, 'weekly')).toThrow('there is no store "floppy"');
    expect(chooseAddin(left!, 'nightly').name).toBe('nightly');
  });

  it.each([
    [{ ...config, stateDir: 'relative' }],
    [{ ...config, isolation: 'Off' }],
    [{ ...config, concurency: 2 }],
    ['{'],
  ])('is nothing with %j', async (value) => {
    await write('config.json', value);

    expect(await readable()).toBeNull();
  });
});

describe('the documented examples', () => {
  it('are valid, addin.example.json with its real provider and store', async () => {
    await write('config.json', config);
    await write('addins.d/nightly.json', await readFile('addin.example.json', 'utf8'));

    const { addins } = await load([apiscpPanel, s3Store, s3TarProvider]);

    expect(addins[0]).toMatchObject({
      name: 'nightly',
      provider: { use: 's3-tar' },
      store: { use: 's3', bucket: 'panel-backups', secretAccessKey: 'env:AWS_SECRET_ACCESS_KEY' },
      retention: { keepDaily: 7, keepWeekly: 4, keepMonthly: 12 },
    });
  });

  it('in docs/configuration.md are valid', async () => {
    const page = await readFile('docs/configuration.md', 'utf8');
    const examples = [...page.matchAll(/^```json\n(.*?)^```/gms)].map(
      ([, text]) => JSON.parse(text ?? '') as object,
    );

    const ofChain = (example: object) => 'use' in example && example.use === 'chain';
    expect(examples).toHaveLength(4);
    expect(examples.filter(ofChain).flatMap((one) => validate(one, chainProvider.settingsSchema))).toEqual(
      [],
    );
    for (const example of examples.filter((one) => !ofChain(one))) {
      await write('config.json', 'use' in example ? { panel: example } : example);
      expect(await problemsOf()).toEqual([]);
    }
  });
});
