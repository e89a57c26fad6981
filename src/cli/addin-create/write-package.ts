/**
 * Writes the package of a new addin from the templates: those that all kinds share, then those of its kind.
 *
 * It is made beside its place and moved there whole, so that a failure leaves nothing; what is there already is
 * never touched.
 */

import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HoldfastError } from '../../core/errors.ts';
import { ownPackage } from '../../core/own-files.ts';
import { quoted } from '../../core/printable.ts';
import { systemCode } from '../../core/system-code.ts';
import type { Sdk } from './sdk.ts';

export const addinKinds = ['store', 'provider', 'notifier', 'scope'] as const;
export type CreatedKind = (typeof addinKinds)[number];

export interface NewAddin {
  readonly kind: CreatedKind;
  readonly name: string;
  /** Directory of the package; absent or empty. */
  readonly target: string;
}

const templates = join(ownPackage, 'templates/addin');

/** @throws TARGET_NOT_EMPTY there is something already */
export async function requireFree(target: string): Promise<void> {
  const names = await readdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') return ['.'];
    throw unwritable(target, error);
  });
  if (names.length === 0) return;
  throw new HoldfastError('TARGET_NOT_EMPTY', `${quoted(target)} exists and is not an empty directory`, {
    hint: 'Name another place with --to.',
  });
}

/**
 * @returns the files written, from the package's directory
 * @throws TARGET_NOT_EMPTY, TARGET_UNWRITABLE
 */
export async function writePackage(addin: NewAddin, sdk: Sdk): Promise<readonly string[]> {
  const { kind, target } = addin;
  await requireFree(target);
  const fill = await filler(addin, sdk);
  let staging: string | undefined;
  try {
    await mkdir(dirname(target), { recursive: true });
    staging = await mkdtemp(join(dirname(target), `.${basename(target)}.`));
    const files: string[] = [];
    for (const folder of ['common', kind]) {
      for (const path of await filesBelow(join(templates, folder))) {
        // npm leaves out some names that begin with a dot, and takes a package.json for one of ours.
        const shown = path.replace(/(^|\/)_/g, '$1.').replace(/\.template$/, '');
        await mkdir(join(staging, dirname(shown)), { recursive: true });
        await writeFile(join(staging, shown), fill(await readFile(join(templates, folder, path), 'utf8')));
        files.push(shown);
      }
    }
    await mkdir(join(staging, 'sdk'));
    await cp(sdk.path, join(staging, sdkFile(sdk)));
    await openToAll(staging);
    // Over a directory that is not empty this fails, and nothing has happened.
    await rename(staging, target);
    return [...files, sdkFile(sdk)].sort();
  } catch (cause) {
    if (staging !== undefined) await rm(staging, { recursive: true, force: true });
    throw unwritable(target, cause);
  }
}

/** A store or notifier runs as a user of its own, who has to read it; nothing in it is secret. */
async function openToAll(directory: string): Promise<void> {
  for (const one of await readdir(directory, { recursive: true, withFileTypes: true })) {
    await chmod(join(one.parentPath, one.name), one.isDirectory() ? 0o755 : 0o644);
  }
  await chmod(directory, 0o755);
}

const sdkFile = ({ version }: Sdk): string => `sdk/holdfast-${version}.tgz`;

async function filesBelow(directory: string): Promise<string[]> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true });
  return found
    .filter((one) => one.isFile())
    .map((one) => join(one.parentPath, one.name).slice(directory.length + 1));
}

/** Puts in the words; names have no character that JSON, TypeScript or Markdown would take otherwise. */
async function filler({ kind, name }: NewAddin, sdk: Sdk): Promise<(text: string) => string> {
  const { devDependencies } = JSON.parse(await readFile(join(ownPackage, 'package.json'), 'utf8')) as {
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  const words: Readonly<Record<string, string>> = {
    kind,
    name,
    NAME: name.toUpperCase().replaceAll('-', '_'),
    host: `>=${sdk.version} <${Number.parseInt(sdk.version, 10) + 1}`,
    sdk: `file:${sdkFile(sdk)}`,
    typescript: devDependencies['typescript'] ?? '*',
    typesNode: devDependencies['@types/node'] ?? '^24',
  };
  return (text) => text.replace(/\{\{(\w+)\}\}/g, (whole, word: string) => words[word] ?? whole);
}

function unwritable(target: string, cause: unknown): HoldfastError {
  const code = systemCode(cause);
  if (code === 'ENOTEMPTY' || code === 'EEXIST') {
    return new HoldfastError('TARGET_NOT_EMPTY', `something has appeared at ${quoted(target)}`, {
      hint: 'Name another place with --to.',
    });
  }
  return new HoldfastError('TARGET_UNWRITABLE', `cannot write ${quoted(target)}: ${code ?? String(cause)}`, {
    cause,
    hint: 'Name a place with --to where you may write.',
  });
}
