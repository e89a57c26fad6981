/**
 * The panel adapter for ApisCP.
 *
 * Reads `home/virtual` alone, so that it works on a live server, on a mounted copy and while the
 * panel is down. Changes nothing but through `afterRestore`: the time of `info`, which the panel
 * watches, and on a live server a refresh of the mounts.
 */

import { execFile } from 'node:child_process';
import { readFile, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Account, CallOptions, Panel, PanelDefinition, Settings } from '../../core/index.ts';
import { HoldfastError, panelContract } from '../../core/index.ts';
import { throwIfInterrupted } from '../../core/interruption.ts';
import { listAccounts } from './accounts.ts';
import { findCpcmd, keptByPanel } from './cpcmd.ts';
import { Directory } from './directory.ts';
import { parseMountInfo } from './mounts.ts';
import { panelScopes } from './panel-scopes.ts';
import { type ApiscpSettings, apiscpSettingsSchema } from './settings.ts';

/** What the adapter needs of the host; tests of faults pass their own. */
export interface ApiscpHost {
  readonly mountInfo: () => Promise<string>;
  /** Runs a program to its end, without a shell; rejects unless it exits with 0. */
  readonly run: (program: string, args: readonly string[], options: CallOptions) => Promise<unknown>;
}

const execute = promisify(execFile);

export const thisHost: ApiscpHost = {
  mountInfo: () => readFile('/proc/self/mountinfo', 'utf8'),
  run: (program, args, { signal }) => execute(program, [...args], { signal, timeout: 60_000 }),
};

type Writable = Awaited<ReturnType<Panel['writablePath']>>;

export class ApiscpPanel implements Panel {
  readonly name = 'apiscp';
  readonly #root: string;
  readonly #host: ApiscpHost;
  readonly #dumpsKept: number;
  readonly #cpcmd: string | undefined;

  constructor(root: string, host: ApiscpHost = thisHost, dumpsKept = 5, cpcmd?: string) {
    this.#cpcmd = cpcmd;
    this.#root = root;
    this.#host = host;
    this.#dumpsKept = dumpsKept;
  }

  accounts(options: Parameters<Panel['accounts']>[0]): Promise<readonly Account[]> {
    return listAccounts(this.#root, { ...options, dumpsKept: this.#dumpsKept });
  }

  async keptDumps({ account, database }: { account: Account; database: string }): Promise<number | null> {
    return this.#cpcmd === undefined ? null : await keptByPanel(this.#cpcmd, account.site, database);
  }

  async writablePath({ account, tree }: { account: Account; tree: string } & CallOptions): Promise<Writable> {
    const path = account.trees.find(({ name }) => name === tree)?.path;
    const { home } = account;
    if (path === undefined) return { path: null, reason: `${account.site} has no tree ${tree}` };
    if (home === null) return { path: null, reason: 'system files are restored aside and put back by hand' };
    if (editPending(home))
      return { path: null, reason: `the panel has an unfinished edit of ${account.site}` };
    if (tree !== 'shadow') return { path };
    return this.#throughMount(path, join(home, 'fst'));
  }

  async afterRestore({
    account,
    trees,
    signal,
  }: { account: Account; trees: readonly string[] } & CallOptions): Promise<void> {
    if (account.home === null) return;
    try {
      const info = join(account.home, 'info');
      await this.#host.run('touch', ['--no-create', '--no-dereference', '--', info], { signal });
      if (this.#root !== '/' || !trees.includes('shadow')) return;
      if (!(await this.#hasUnit('fsmount', signal))) return;
      await this.#host.run('systemctl', ['reload', 'fsmount'], { signal });
    } catch (cause) {
      throwIfInterrupted(signal, 'the refresh of the panel');
      throw new HoldfastError(
        'PANEL_UNREADABLE',
        `the panel does not know yet of the restore of ${account.site}`,
        {
          cause,
          hint: `Touch the directory info of ${account.site} and run systemctl reload fsmount.`,
        },
      );
    }
  }

  /** Writing below a mounted overlay behind its back leaves it with stale entries, so never that. */
  async #throughMount(shadow: string, fst: string): Promise<Writable> {
    try {
      const mounts = parseMountInfo(await this.#host.mountInfo());
      const [upper, point] = [await realpath(shadow), await realpath(fst).catch(() => fst)];
      const mounted = mounts.get(point);
      if (mounted?.upperDir != null && (await samePath(mounted.upperDir, upper))) return { path: fst };
      if (mounted !== undefined)
        return { path: null, reason: `something else than this account is mounted on ${fst}` };
      for (const mount of mounts.values()) {
        if (mount?.upperDir != null && (await samePath(mount.upperDir, upper))) {
          return {
            path: null,
            reason: `${shadow} is the upper directory of ${mount.mountPoint}, not of its own fst`,
          };
        }
      }
      return { path: shadow };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
      return { path: null, reason: `cannot tell whether ${fst} is mounted: ${code}` };
    }
  }

  async #hasUnit(unit: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#host.run('systemctl', ['cat', unit], { signal });
      return true;
    } catch {
      throwIfInterrupted(signal, 'the refresh of the panel');
      return false;
    }
  }
}

async function samePath(path: string, resolved: string): Promise<boolean> {
  return path === resolved || (await realpath(path).catch(() => null)) === resolved;
}

/** Looked at again, since the list of accounts may be hours old. A state that cannot be told counts as pending. */
function editPending(home: string): boolean {
  try {
    using info = Directory.at(join(home, 'info'), 'info');
    return info?.holdsAny('new') ?? false;
  } catch {
    return true;
  }
}

export const apiscpPanel: PanelDefinition = {
  kind: 'panel',
  name: 'apiscp',
  version: '1.0.0',
  contract: panelContract,
  settingsSchema: apiscpSettingsSchema,
  directories: (settings) => [join(resolve((settings as ApiscpSettings).root ?? '/'), 'home/virtual')],
  scopes: (settings: Settings) => panelScopes(settings as ApiscpSettings),
  async open(settings: Settings): Promise<Panel> {
    const { root, dumpsKept } = settings as ApiscpSettings;
    const cpcmd = findCpcmd(settings as ApiscpSettings);
    return new ApiscpPanel(resolve(root ?? '/'), thisHost, dumpsKept, cpcmd);
  },
};
