/** What goes wrong with rclone and with remotes, each told apart. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asFailure, RcloneRefusal } from '../../../src/addins/rclone/failures.ts';
import type { Store } from '../../../src/core/index.ts';
import { bodyOf, makeRemotes, obscured, type Remotes, read, signal } from './remotes.ts';
import { startWebdav } from './services.ts';

const mebibyte = 1024 * 1024;
let remotes: Remotes;
beforeEach(() => {
  remotes = makeRemotes();
});
afterEach(() => remotes.remove());

const put = (store: Store, key: string, text: string | Uint8Array = 'text') =>
  store.put({ key, body: bodyOf(text), signal });

/** The processes named rclone that know this configuration. */
function rclones(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => readProc(pid, 'comm') === 'rclone\n')
    .filter((pid) => readProc(pid, 'environ').includes(`RCLONE_CONFIG=${remotes.config}`))
    .map(Number);
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 200 && !holds(); turn += 1) await sleep(25);
  expect(holds()).toBe(true);
}

describe('the rclone store', () => {
  it('starts one rclone at the first request, keeps its password off command lines, and ends it', async () => {
    const store = await remotes.open('files:');
    expect(rclones()).toEqual([]);

    await Promise.all([put(store, 'a/b'), put(store, 'a/c'), store.list({ prefix: '', signal })]);

    const [pid, ...others] = rclones();
    expect(others).toEqual([]);
    expect(readProc(String(pid), 'cmdline')).toBe('rclone\0rcd\0');
    await store.close();
    await store.close();
    expect(rclones()).toEqual([]);
    await expect(store.head({ key: 'a/b', signal })).rejects.toThrow('closed');
  });

  it('takes no request without its password', async () => {
    const store = await remotes.open('files:');
    await put(store, 'a');
    const sockets = execFileSync('ss', ['-Hltnp'], { encoding: 'utf8' });
    const port = new RegExp(`127\\.0\\.0\\.1:(\\d+).*pid=${rclones()[0]},`).exec(sockets)?.[1];

    const answers = ['operations/fsinfo?fs=files:', 'core/quit', '[files:]/a'].map((path) =>
      fetch(`http://127.0.0.1:${port}/${path}`, { method: path.startsWith('[') ? 'GET' : 'POST' }),
    );

    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([401, 401, 401]);
  });

  it('calls a killed rclone STORE_UNAVAILABLE and starts another one', async () => {
    const store = await remotes.open('files:');
    await put(store, 'before', new Uint8Array(20 * mebibyte));
    const [first] = rclones();
    async function* body() {
      yield new Uint8Array(mebibyte);
      process.kill(first!, 'SIGKILL');
      await until(() => !rclones().includes(first!));
      yield new Uint8Array(mebibyte);
    }

    const broken = store.put({ key: 'broken', body: body(), signal });

    await expect(broken).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      hint: expect.stringMatching(/again/),
    });
    expect(await store.head({ key: 'broken', signal })).toBeNull();
    expect(rclones()).not.toContain(first);
    const reading = (async () => {
      for await (const _ of store.get({ key: 'before', signal }))
        for (const pid of rclones()) process.kill(pid, 'SIGKILL');
    })();
    await expect(reading).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect((await store.list({ prefix: '', signal })).objects.map(({ key }) => key)).toEqual(['before']);
  });

  it('leaves no rclone and no half an object when its own process is killed', async () => {
    const child = spawnPutting();
    await once(createInterface({ input: child.stdout! }), 'line');
    expect(rclones()).toHaveLength(1);

    child.kill('SIGKILL');

    await until(() => rclones().length === 0);
    const store = await remotes.open('files:');
    expect(await store.list({ prefix: '', signal })).toEqual({ objects: [], next: null });
  });

  it('replaces an object of the same size within the same second', async () => {
    const store = await remotes.open('files:');
    for (const text of ['one', 'two', 'six']) {
      await put(store, 'key', text);
      expect((await read(store, 'key')).toString()).toBe(text);
    }
  });

  it('stores nothing outside the remote and keeps unfinished uploads off its listings', async () => {
    const store = await remotes.open('files:deep/er');
    await expect(put(store, '../outside')).rejects.toThrow(TypeError);
    mkdirSync(join(remotes.path, 'data/deep/er/.tmp~'), { recursive: true });
    writeFileSync(join(remotes.path, 'data/deep/er/.tmp~/left'), 'half');
    await put(store, 'whole');
    expect((await store.list({ prefix: '', signal })).objects.map(({ key }) => key)).toEqual(['whole']);
    expect(readdirSync(join(remotes.path, 'data/deep/er/.tmp~'))).toEqual(['left']);
  });
});

/** Sets a password as an administrator would: rclone takes one answer for each question. */
async function encrypt(file: string, password: string): Promise<void> {
  const answers = ['s', 'a', password, password, 'q', 'q'];
  // Some of the questions come on standard error.
  const child = spawn('sh', ['-c', 'exec rclone config --config "$0" 2>&1', file], { stdio: 'pipe' });
  const gone = once(child, 'exit');
  child.stdin.on('error', () => {});
  for await (const text of child.stdout.setEncoding('utf8')) {
    if (/> $|(^|\n)password:$/.test(text)) child.stdin.write(`${answers.shift() ?? 'q'}\n`);
  }
  await gone;
}

function spawnPutting(): ChildProcess {
  const index = new URL('../../../src/addins/rclone/index.ts', import.meta.url);
  const script = `
    import { rcloneStore } from ${JSON.stringify(index.href)};
    const store = await rcloneStore.open(${JSON.stringify({ remote: 'files:', config: remotes.config })});
    async function* body() {
      yield new Uint8Array(50);
      console.log('begun');
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    }
    await store.put({ key: 'key', body: body(), signal: new AbortController().signal });`;
  const args = ['--input-type=module', '--eval', script];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

describe('a remote that cannot be used is told as such:', () => {
  it('one that the configuration does not name', async () => {
    const store = await remotes.open('other:bucket');
    const failure = { code: 'CONFIG_INVALID', message: expect.stringMatching(/no such remote/) };
    await expect(put(store, 'key')).rejects.toMatchObject(failure);
    await expect(store.list({ prefix: '', signal })).rejects.toMatchObject(failure);
    expect(rclones()).toEqual([]);
  });

  it('one whose configuration asks for a password, which may be given', async () => {
    const bundle = join(remotes.path, 'encrypted.conf');
    copyFileSync(remotes.config, bundle);
    await encrypt(bundle, 'correct horse');
    expect(readFileSync(bundle, 'utf8')).toContain('RCLONE_ENCRYPT');

    for (const settings of [{}, { configPassword: 'wrong' }]) {
      const store = await remotes.open('files:', { config: bundle, ...settings });
      await expect(put(store, 'key')).rejects.toMatchObject({ code: 'SECRET_UNUSABLE' });
    }
    const store = await remotes.open('files:', { config: bundle, configPassword: 'correct horse' });
    await put(store, 'key');
    expect((await read(store, 'key')).toString()).toBe('text');
  });

  it('one that folds case', async () => {
    remotes.add('folding', { type: 'local', case_insensitive: 'true' });
    const store = await remotes.open(`folding:${remotes.path}/data`);
    await expect(put(store, 'key')).rejects.toMatchObject({ code: 'STORE_UNSOUND' });
    expect(readdirSync(join(remotes.path, 'data'))).toEqual([]);
  });

  it('one that is full', async () => {
    const small = join(remotes.path, 'data');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', small]);
    try {
      const store = await remotes.open('files:');
      await expect(put(store, 'key', new Uint8Array(9 * mebibyte))).rejects.toMatchObject({
        code: 'STORE_FULL',
      });
      expect(await store.list({ prefix: '', signal })).toEqual({ objects: [], next: null });
      await put(store, 'small');
    } finally {
      execFileSync('umount', ['-l', small]);
    }
  });

  it('one that may only be read', async () => {
    const place = join(remotes.path, 'data');
    writeFileSync(join(place, 'key'), 'text');
    execFileSync('mount', ['--bind', place, place]);
    execFileSync('mount', ['-o', 'remount,bind,ro', place]);
    try {
      const store = await remotes.open('files:');
      expect((await read(store, 'key')).toString()).toBe('text');
      await expect(put(store, 'other')).rejects.toMatchObject({ code: 'STORE_DENIED' });
      await expect(store.remove({ key: 'key', signal })).rejects.toMatchObject({ code: 'STORE_DENIED' });
    } finally {
      execFileSync('umount', ['-l', place]);
    }
  });

  it('a service that does not know the password', async () => {
    const place = join(remotes.path, 'served');
    const service = await startWebdav(place);
    try {
      writeFileSync(join(place, 'key'), 'text');
      remotes.add('served', service.remote);
      remotes.add('stranger', { ...service.remote, pass: obscured('other') });
      const store = await remotes.open('served:');
      expect((await read(store, 'key')).toString()).toBe('text');
      const stranger = await remotes.open('stranger:');
      await expect(read(stranger, 'key')).rejects.toMatchObject({ code: 'STORE_DENIED' });
      await expect(put(stranger, 'other')).rejects.toMatchObject({ code: 'STORE_DENIED' });
    } finally {
      await service.stop();
    }
  });

  it('one that nobody answers for', async () => {
    remotes.add('away', { type: 'sftp', host: '127.0.0.1', port: '1', user: 'nobody', pass: '' });
    const store = await remotes.open('away:');
    await expect(put(store, 'key')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('a host without rclone', async () => {
    const store = await remotes.open('files:', { program: '/nonexistent/rclone' });
    await expect(put(store, 'key')).rejects.toMatchObject({ code: 'PREREQUISITE_MISSING' });
    expect(existsSync(join(remotes.path, 'data/key'))).toBe(false);
  });

  it.each(['bucket', '/path', ':local:/tmp', 's3,secret_access_key=x:b', 'a:b]', ''])(
    'the name %j',
    async (remote) => {
      await expect(remotes.open(remote)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    },
  );
});

it.each([
  ['Put "https://user:p@ss@dav.example/x": refused', 'Put "https://dav.example/x": refused'],
  ['Put "https://user:pa/ss?w@dav.example/x?sig=a%2Fb": refused', 'Put "https://dav.example/x": refused'],
  ['https://dav.example/x: mail a@b.example', 'https://dav.example/x: mail a@b.example'],
])('of %s no part of a password is shown', (said, shown) => {
  const failure = asFailure(new RcloneRefusal(500, said), 'put x', signal);

  expect(failure).toMatchObject({ message: `cannot put x: ${shown}` });
});
