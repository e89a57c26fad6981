/**
 * The set-up of a directory: who can reach it, how much room there is, and what its file system can do.
 *
 * A missing directory is no fault, because the first put makes it.
 */

import { type Stats, type StatsFs, statfsSync } from 'node:fs';
import {
  access,
  chmod,
  constants,
  link,
  lstat,
  mkdir,
  open,
  rm,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type ErrorCode,
  isProbePrefix,
  type ProbeRequest,
  probePrefixOf,
  type SetupAction,
  type SetupFinding,
  type SetupRequest,
  type StorePolicy,
  type StoreRight,
  type StoreSetup,
  storeSetupContract,
  type TryOut,
  throwIfInterrupted,
} from '../../core/index.ts';
import { Directories } from './directories.ts';
import { errnoOf, storeError, system } from './system-error.ts';

const smallestShare = 0.1;
const ownersMode = 0o700;

export class LocalSetup implements StoreSetup {
  readonly contract = storeSetupContract;
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async inspect({ fullBytes = 0, signal }: SetupRequest): Promise<readonly SetupFinding[]> {
    throwIfInterrupted(signal, `look at ${this.#root}`);
    const found = await this.#stat();
    const room = findRoom(this.#root, fullBytes);
    if (found === null) {
      const detail = `${this.#root} is made by the first backup, for its owner alone`;
      return [{ ...finding('directory', 'note', detail), mendable: true }, ...room];
    }
    if (!found.isDirectory()) {
      const hint = 'Name a directory, or remove what lies there.';
      return [
        finding('directory', 'error', `${this.#root} is not a directory`, {
          hint,
          code: 'STORE_UNAVAILABLE',
        }),
      ];
    }
    return [judgeMode(this.#root, found), ...room];
  }

  async tryOut({ server, probe, signal }: ProbeRequest): Promise<TryOut> {
    if ((await this.#stat()) === null) return { rights: [], findings: [] };
    const prefix = probePrefixOf('data', server ?? probe, probe);
    const directory = join(this.#root, prefix);
    try {
      return await tryDirectory(directory);
    } finally {
      await this.purge({ prefix, signal });
    }
  }

  async policies(): Promise<readonly StorePolicy[]> {
    return [];
  }

  async apply({ signal }: ProbeRequest): Promise<readonly SetupAction[]> {
    throwIfInterrupted(signal, `set up ${this.#root}`);
    const action = (state: SetupAction['state'], detail: string): SetupAction => {
      return { name: 'directory', state, detail, hint: null, code: null };
    };
    try {
      const found = await this.#stat();
      if (found === null) {
        await new Directories(this.#root).ensure(this.#root);
        return [action('done', `${this.#root} was made, for its owner alone`)];
      }
      if (!found.isDirectory()) {
        const hint = 'Name a directory, or remove what lies there.';
        const detail = `${this.#root} is not a directory`;
        return [{ ...action('failed', detail), hint, code: 'STORE_UNAVAILABLE' }];
      }
      if ((found.mode & 0o077) === 0) return [action('present', `${this.#root} is its owner's alone`)];
      await chmod(this.#root, ownersMode);
      return [action('done', `${this.#root} was closed to others (mode 0700)`)];
    } catch (error) {
      const { code, message, hint } = storeError(error, `cannot make ${this.#root}`);
      return [{ ...action('failed', message), code, hint: hint ?? null }];
    }
  }

  async purge({ prefix, signal }: Parameters<StoreSetup['purge']>[0]): Promise<void> {
    if (!isProbePrefix(prefix)) throw new TypeError(`${prefix} is no prefix of a probe`);
    throwIfInterrupted(signal, `clear ${prefix}`);
    const directory = join(this.#root, prefix);
    await system(`cannot remove ${prefix}`, rm(directory, { recursive: true, force: true }));
    // Directories that the probe alone had need of; others are not empty.
    for (let at = dirname(directory); at.length > this.#root.length; at = dirname(at)) {
      if (
        !(await rmdir(at).then(
          () => true,
          (error) => errnoOf(error) === 'ENOENT',
        ))
      )
        return;
    }
  }

  async close(): Promise<void> {}

  async #stat(): Promise<Stats | null> {
    try {
      return await stat(this.#root);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null;
      throw storeError(error, `cannot look at ${this.#root}`);
    }
  }
}

function finding(
  name: string,
  state: SetupFinding['state'],
  detail: string,
  { hint = null, code = null }: { readonly hint?: string | null; readonly code?: ErrorCode | null } = {},
): SetupFinding {
  return { name, state, detail, hint, code, mendable: false };
}

function judgeMode(root: string, { mode, uid }: Stats): SetupFinding {
  const shown = (mode & 0o7777).toString(8).padStart(4, '0');
  if ((mode & 0o077) === 0) return finding('directory', 'ok', `${root} has mode ${shown}, of uid ${uid}`);
  const detail = `${root} has mode ${shown}, so others can reach the backups of every account`;
  const hint = 'Run holdfast store init --apply, or chmod 0700 on it.';
  return { ...finding('directory', 'warning', detail, { hint }), mendable: true };
}

function findRoom(root: string, fullBytes: number): readonly SetupFinding[] {
  const found = nearestStatfs(root);
  if (found === null) return [];
  const { bavail, bsize, blocks, ffree, files } = found;
  const isShort = bavail * bsize < fullBytes;
  const needed = isShort ? `; fulls of all accounts take about ${bytesText(fullBytes)}` : '';
  const room = `${bytesText(bavail * bsize)} free of ${bytesText(blocks * bsize)}${needed}`;
  const hint = 'Make room, or use another disk.';
  const space =
    bavail >= blocks * smallestShare && !isShort
      ? finding('room', 'ok', room)
      : finding('room', 'warning', room, { hint });
  if (files === 0 || ffree >= files * smallestShare) return [space];
  return [space, finding('inodes', 'warning', `${ffree} of ${files} inodes are free`, { hint })];
}

function nearestStatfs(path: string): StatsFs | null {
  for (let at = path; ; at = dirname(at)) {
    try {
      return statfsSync(at);
    } catch {
      if (at === '/') return null;
    }
  }
}

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

function bytesText(bytes: number): string {
  const unit = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1000 ** unit).toFixed(unit === 0 ? 0 : 1)} ${units[unit]}`;
}

/** Makes files in a directory of its own and looks what the file system made of them. */
async function tryDirectory(directory: string): Promise<TryOut> {
  const file = join(directory, 'a');
  const rights: StoreRight[] = [];
  const attempt = async (name: string, roles: StoreRight['roles'], work: () => Promise<unknown>) => {
    try {
      await work();
      rights.push({ name, allowed: 'yes', roles, detail: null });
      return true;
    } catch (error) {
      rights.push({ name, allowed: 'no', roles, detail: errnoOf(error) ?? 'failed' });
      return false;
    }
  };
  const findings: SetupFinding[] = [];
  const wrote = await attempt('write files', ['writer'], async () => {
    await mkdir(directory, { recursive: true, mode: ownersMode });
    await writeFile(file, 'probe', { flag: 'wx', mode: 0o600 });
    const handle = await open(file, 'r');
    await handle.sync().finally(() => handle.close());
  });
  if (!wrote) {
    const errno = rights[0]?.detail ?? '';
    const hint = 'Let the directory belong to the user who runs Holdfast, mounted writable.';
    findings.push(
      finding("writer's rights", 'error', `nothing can be written: ${errno}`, { hint, code: 'STORE_DENIED' }),
    );
    return { rights, findings };
  }
  await attempt('read files', ['reader', 'pruner'], () => access(file, constants.R_OK));
  if (!(await attempt('make hard links', ['writer'], () => link(file, join(directory, 'link'))))) {
    const detail = 'the file system has no hard links; files are created under a reservation instead';
    findings.push(finding('file system', 'note', detail));
  }
  if ((await lstat(join(directory, 'A')).catch(() => null)) !== null) {
    const detail = 'the file system takes a and A for the same name, and keys are told apart by case';
    const hint = 'Use a file system that tells upper and lower case apart.';
    findings.push(finding('file system', 'error', detail, { hint, code: 'STORE_UNSOUND' }));
  }
  await attempt('remove files', ['pruner'], () => rm(file));
  return { rights, findings };
}
