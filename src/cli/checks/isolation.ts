/** What this host gives to keep stores, notifiers and readers of accounts apart. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { storeUserName } from '../../core/isolation/addin-user.ts';
import { inspectIsolation } from '../../core/isolation/inspect.ts';
import { systemProgram } from '../../core/isolation/shelter-launch.ts';
import type { Loaded } from '../configuration.ts';
import { isolationWorld } from '../opened-store.ts';
import type { World } from '../world.ts';
import { type Check, caution, ok } from './check.ts';

const execute = promisify(execFile);

export async function checkIsolation(loaded: Loaded, world: Pick<World, 'env'>): Promise<readonly Check[]> {
  if (process.getuid?.() !== 0) return [];
  const apart = loaded.packages.modules.some(({ kind }) => kind === 'store' || kind === 'notifier');
  const packages = apart ? [await checkPackageProcesses()] : [];
  return [await checkStores(loaded, world), ...packages, await checkReaders()];
}

async function checkPackageProcesses(): Promise<Check> {
  const name = 'processes of packages';
  if (await canUnshare('--mount', '--propagation', 'private', '--pid', '--mount-proc', '--kill-child=KILL')) {
    return ok(name, 'see no process but their own, and leave none behind');
  }
  const hint = 'Inside a container, allow it to make namespaces and to mount /proc.';
  return caution(name, 'see the processes of this host, whose memory and files stay closed to them', hint);
}

async function checkStores(loaded: Loaded, world: Pick<World, 'env'>): Promise<Check> {
  const { protections, user, missing } = await inspectIsolation(isolationWorld(loaded, world));
  const who = user ?? `uid ${protections.uid} (there is no user ${storeUserName})`;
  const whose = loaded.configuration.isolation !== 'off' ? 'stores' : 'isolation is off; addins of packages';
  if (missing.length === 0) {
    const detail = `${whose} run as ${who}, without capabilities, without sight of the accounts`;
    return ok('isolation', detail);
  }
  const hint = 'Install util-linux; inside a container, allow it to make namespaces.';
  return caution('isolation', `${whose} run as ${who}; this host lacks ${missing.join(', ')}`, hint);
}

async function checkReaders(): Promise<Check> {
  const name = 'threads on accounts';
  if (await canUnshare('--net')) return ok(name, 'read and write accounts without a network');
  const hint = 'Inside a container, allow it to make network namespaces.';
  return caution(name, 'keep the network: this host does not let it be taken from them', hint);
}

async function canUnshare(...options: readonly string[]): Promise<boolean> {
  try {
    await execute(systemProgram('unshare') ?? 'unshare', [...options, '--', 'true'], { timeout: 5000 });
    return true;
  } catch {
    return false;
  }
}
