import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { localStore } from '../../../src/addins/local/index.ts';
import type { ProbeRequest, StoreSetup } from '../../../src/core/index.ts';

const server = '4c876bb4-f047-4765-a432-db9ca5dcc2b9';
const probe = '00000000-0000-4000-9000-000000000001';
const { signal } = new AbortController();
const request: ProbeRequest = { server, keepDays: null, prunes: false, nowMs: 0, signal, probe };

let dir: string;
let path: string;
let setup: StoreSetup;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-local-setup-'));
  path = join(dir, 'deep/store');
  setup = await localStore.setup!({ use: 'local', path });
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const brief = (all: readonly { name: string; state: string }[]) =>
  all.map(({ name, state }) => `${name} ${state}`);

describe('the set-up of a directory', () => {
  it('takes an absent one for no fault, and makes it for its owner alone', async () => {
    expect(brief(await setup.inspect(request))).toEqual(['directory note', 'room ok']);
    expect(await setup.tryOut(request)).toEqual({ rights: [], findings: [] });
    expect(await readdir(dir)).toEqual([]);

    expect(brief(await setup.apply(request))).toEqual(['directory done']);
    expect((await stat(path)).mode & 0o7777).toBe(0o700);
    expect(brief(await setup.apply(request))).toEqual(['directory present']);
    expect(brief(await setup.inspect(request))).toEqual(['directory ok', 'room ok']);
  });

  it('warns of one that others can reach, and closes it', async () => {
    await mkdir(path, { recursive: true });
    await chmod(path, 0o755);

    expect(brief(await setup.inspect(request))).toEqual(['directory warning', 'room ok']);
    expect((await stat(path)).mode & 0o7777).toBe(0o755);
    await setup.apply(request);
    expect((await stat(path)).mode & 0o7777).toBe(0o700);
  });

  it('says how much room there is, and warns where fulls would not fit', async () => {
    const room = async (fullBytes: number) => (await setup.inspect({ ...request, fullBytes }))[1];

    expect(await room(1)).toMatchObject({
      state: 'ok',
      detail: expect.stringMatching(/^\d+\.\d [MGT]B free of/),
    });
    expect(await room(2e15)).toMatchObject({
      state: 'warning',
      detail: expect.stringMatching(/B; fulls of all accounts take about 2\.0 PB$/),
    });
  });

  it('refuses what is no directory', async () => {
    await mkdir(join(dir, 'deep'));
    await writeFile(path, '');

    expect(await setup.inspect(request)).toMatchObject([{ state: 'error', code: 'STORE_UNAVAILABLE' }]);
    expect(await setup.apply(request)).toMatchObject([{ state: 'failed', code: 'STORE_UNAVAILABLE' }]);
  });

  it('tries what the file system can do, and leaves nothing behind', async () => {
    await mkdir(join(path, 'data'), { recursive: true });
    const { rights, findings } = await setup.tryOut(request);

    expect(rights.map(({ name, allowed }) => `${name} ${allowed}`)).toEqual([
      'write files yes',
      'read files yes',
      'make hard links yes',
      'remove files yes',
    ]);
    expect(findings).toEqual([]);
    expect(await readdir(path, { recursive: true })).toEqual([]);
  });

  it('clears a probe with its directories, and nothing that somebody else uses', async () => {
    await mkdir(join(path, `data/${server}/_verify/one/deep`), { recursive: true });
    await mkdir(join(path, `data/${server}/owner`), { recursive: true });
    await writeFile(join(path, `data/${server}/_verify/one/deep/x`), '');
    await setup.purge({ prefix: `data/${server}/_verify/one/`, signal });

    expect(await readdir(join(path, `data/${server}`))).toEqual(['owner']);
    await expect(setup.purge({ prefix: `data/${server}/owner/`, signal })).rejects.toThrow(TypeError);
  });
});
