/**
 * A temporary project outside the checkout with a package of each kind as `addin create` writes it and the addins of
 * `test/fixtures/addins`, all on one packed SDK and one `npm install`.
 *
 * npm takes from its cache what it has; the set-up of the checkout has filled it.
 */

import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ended, startHoldfast } from './cli.ts';
import { packedSdk } from './packed-sdk.ts';

const fixtures = 'test/fixtures/addins';
/** Packages made here, by directory; the store is made as the guide says. */
export const created = { provider: 'steps', notifier: 'post', scope: 'site' } as const;

export interface AddinWorkspace {
  readonly path: string;
  /** Runs npm in one of its packages; resolves with what it printed. Rejects where it fails. */
  npm(directory: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<string>;
  remove(): void;
}

export async function makeAddinWorkspace(): Promise<AddinWorkspace> {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-addins-'));
  try {
    return await fill(path);
  } catch (error) {
    rmSync(path, { recursive: true, force: true });
    throw error;
  }
}

async function fill(path: string): Promise<AddinWorkspace> {
  // Stores run as a user of their own, who has to get here.
  chmodSync(path, 0o755);
  const create = async (...args: readonly string[]): Promise<void> => {
    const { status, stderr } = await ended(startHoldfast(['addin', 'create', ...args]));
    if (status !== 0) throw new Error(`addin create ${args.join(' ')}: ${stderr}`);
  };
  const sdk = await packedSdk();
  const kinds = Object.entries({ store: 'holdfast-webdav', ...created });
  for (const [kind, directory] of kinds) {
    const name = kind === 'store' ? 'webdav' : directory;
    await create(name, '--kind', kind, '--to', join(path, directory), '--sdk', sdk);
  }
  cpSync(fixtures, path, { recursive: true });
  const workspaces = readdirSync(path).filter((name) => !name.includes('.'));
  const devDependencies = { holdfast: `file:${sdk}` };
  const project = { name: 'workspace', private: true, workspaces, devDependencies };
  writeFileSync(join(path, 'package.json'), JSON.stringify(project));
  // The versions of the checkout, so that npm has them in its cache.
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, unknown> };
  lock.packages[''] = project;
  writeFileSync(join(path, 'package-lock.json'), JSON.stringify(lock));
  const npm: AddinWorkspace['npm'] = (directory, args, env = {}) => run(join(path, directory), args, env);
  await npm('.', ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund']);
  return { path, npm, remove: () => rmSync(path, { recursive: true, force: true }) };
}

function run(cwd: string, args: readonly string[], extra: Readonly<Record<string, string>>): Promise<string> {
  // npm starts the Node that it finds first, and the tests of a package must not take themselves for some of ours.
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|NODE_OPTIONS|NODE_TEST|NODE_ENV)/.test(name),
  );
  const PATH = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
  const env = { ...Object.fromEntries(own), PATH, TMPDIR: '/dev/shm', ...extra };
  return new Promise((resolve, reject) => {
    execFile('npm', [...args], { cwd, env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`npm ${args.join(' ')} in ${cwd}:\n${stdout}\n${stderr}`));
    });
  });
}
