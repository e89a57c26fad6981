/**
 * Finds an addin package by the name or path that the configuration says, and reads its `package.json`.
 *
 * Data only: nothing of the package is run. A name is looked for below the configuration directory, then
 * beside Holdfast itself; the environment has no say.
 */

import { open, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import valid from 'semver/functions/valid.js';
import { ownCode } from '../own-files.ts';
import { printable, quoted } from '../printable.ts';
import { type Found, refusal } from './refusal.ts';
import { trustedFiles } from './trusted-files.ts';

export interface FoundPackage {
  /** Real path. */
  readonly root: string;
  readonly version: string;
  /** One of its files or directories that another user than its owner cannot read. */
  readonly unreadable: string | null;
  /** The property `holdfast`, whatever it is. */
  readonly holdfast: unknown;
}

const largestBytes = 1024 * 1024;

export async function findPackage(
  source: string,
  { configDir, from = ownCode }: { readonly configDir: string; readonly from?: string },
): Promise<Found<FoundPackage>> {
  const places = source.startsWith('/')
    ? [source]
    : [configDir, ...upwards(from)].map((dir) => join(dir, 'node_modules', source));
  for (const place of places) {
    const root = await realpath(place).catch(() => null);
    if (root !== null) return readPackage(root);
  }
  if (source.startsWith('/')) {
    const message = `there is no directory ${printable(source, 4096)}`;
    return refusal('not-found', message, 'Correct the path in "addins" of config.json.');
  }
  const message = `the package ${quoted(source)} is installed neither in ${printable(configDir, 4096)} nor beside Holdfast`;
  const install = `npm install --ignore-scripts --legacy-peer-deps --prefix ${printable(configDir, 4096)} ${source}`;
  return refusal('not-found', message, `Run ${install}.`);
}

function upwards(from: string): string[] {
  const above = dirname(from);
  return above === from ? [from] : [from, ...upwards(above)];
}

async function readPackage(root: string): Promise<Found<FoundPackage>> {
  const file = join(root, 'package.json');
  const shown = printable(file, 4096);
  const odd = (what: string) => refusal('not-an-addin', `${shown} ${what}`, 'Name an addin package.');
  try {
    const files = await trustedFiles(root);
    if ('refusal' in files) return files;
    const { unreadable } = files.found;
    const text = await readSmall(file);
    if (text === null) return odd('is larger than 1 MiB');
    const { version, holdfast } = (JSON.parse(text) ?? {}) as { version?: unknown; holdfast?: unknown };
    if (typeof version !== 'string' || valid(version) === null) return odd('has no version');
    if (holdfast === undefined) return odd('has no property "holdfast", so it is no addin');
    return { found: { root, version, unreadable, holdfast } };
  } catch (error) {
    if (error instanceof SyntaxError) return odd('is no JSON');
    return odd(`cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}

async function readSmall(path: string): Promise<string | null> {
  const file = await open(path);
  try {
    return (await file.stat()).size > largestBytes ? null : await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
