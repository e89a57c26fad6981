/**
 * Finds and removes what `schedule install` has written for one configuration, and the links that `systemctl enable`
 * made to it, which would lead nowhere.
 *
 * Files of a stranger, of another configuration, or that run more than `holdfast serve` stay, with the reason.
 */

import { lstat, readFile, readlink, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { HoldfastError } from '../../core/errors.ts';
import { systemCode } from '../../core/system-code.ts';
import { enabledLinks, type UnitPath, unitPaths, whyNotOurs } from './units.ts';

export interface InstalledFile {
  readonly path: string;
  /** Why it stays; null where it goes. */
  readonly why: string | null;
}

/** A larger file is none of ours. */
const limitBytes = 64 * 1024;

/**
 * In the order in which they go, so that what is left by an interruption is found again.
 *
 * @param root below which the paths lie, elsewhere than `/` in tests
 * @throws PREREQUISITE_MISSING one cannot be read
 */
export async function installedFiles(configDir: string, root = '/'): Promise<InstalledFile[]> {
  const about = (name: UnitPath): Promise<InstalledFile | null> =>
    attempt('read', unitPaths[name], () => look(name, configDir, root));
  const service = await about('service');
  const timer = await about('timer');
  const isKept = service !== null && service.why !== null;
  const units = [
    // It has no configuration of its own.
    timer?.why === null && isKept ? { ...timer, why: 'the service that it starts stays' } : timer,
    service,
  ].filter((one) => one !== null);
  const staying = new Set(units.flatMap(({ path, why }) => (why === null ? [] : [path])));
  const links: InstalledFile[] = [];
  for (const { link, unit } of enabledLinks)
    if (!staying.has(unit) && (await leadsTo(root, link, unit))) links.push({ path: link, why: null });
  const cron = await about('cron');
  return [...links, ...units, ...(cron === null ? [] : [cron])];
}

/** Safe to repeat. @throws PREREQUISITE_MISSING one cannot be removed; those before it are gone */
export async function removeInstalled(files: readonly InstalledFile[], root = '/'): Promise<void> {
  for (const { path, why } of files)
    if (why === null) await attempt('remove', path, () => remove(root, path));
}

/**
 * Of those that went, what makes systemd forget them.
 *
 * A service that the timer has begun may be in the middle of a backup, and ends by itself. One that was enabled runs for good,
 * also where a timer was installed over it.
 */
export function afterwards(gone: readonly string[]): string[] {
  const units = gone.filter((path) => path !== unitPaths.cron);
  if (units.length === 0) return [];
  const timer = units.some((path) => path.endsWith('.timer'));
  const service = !timer || units.includes(enabledLinks[0].link);
  const names = [...(timer ? ['holdfast.timer'] : []), ...(service ? ['holdfast.service'] : [])];
  return [`systemctl stop ${names.join(' ')}`, 'systemctl daemon-reload'];
}

/** `rm` would take a refusal for a directory, and say something else. */
async function remove(root: string, path: string): Promise<void> {
  try {
    await unlink(join(root, path));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

async function look(name: UnitPath, configDir: string, root: string): Promise<InstalledFile | null> {
  const path = unitPaths[name];
  const found = await lstat(join(root, path)).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return null;
    throw error;
  });
  if (found === null) return null;
  if (!found.isFile()) return { path, why: 'it is no regular file' };
  const text = found.size > limitBytes ? '' : await readFile(join(root, path), 'utf8');
  return { path, why: whyNotOurs(name, text, configDir) };
}

async function leadsTo(root: string, link: string, unit: string): Promise<boolean> {
  const target = await readlink(join(root, link)).catch(() => null);
  return target !== null && resolve(dirname(link), target) === unit;
}

async function attempt<T>(what: string, path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    const message = `cannot ${what} ${path}: ${systemCode(cause) ?? 'it failed'}`;
    throw new HoldfastError('PREREQUISITE_MISSING', message, { cause, hint: 'Run it as root.' });
  }
}
