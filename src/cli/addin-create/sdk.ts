/**
 * The package of Holdfast that a new addin is developed with: one that was named, or a pack of the running one.
 *
 * Needs npm for the latter, and from a checkout the compiler that is there. Runs no script of any package.
 */

import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { HoldfastError } from '../../core/errors.ts';
import { ownPackage, runsFromSource } from '../../core/own-files.ts';
import { printable, quoted } from '../../core/printable.ts';

const execute = promisify(execFile);
/** Far more than any description of a package. */
const mostManifestBytes = 1024 * 1024;

export interface Sdk {
  readonly path: string;
  readonly version: string;
}

/** @throws USAGE the file is not a packed Holdfast */
export async function readSdk(path: string): Promise<Sdk> {
  const found = await stat(path).catch(() => null);
  const manifest = found?.isFile() === true ? await manifestIn(resolve(path)) : null;
  if (manifest?.name === 'holdfast' && typeof manifest.version === 'string') {
    return { path: resolve(path), version: manifest.version };
  }
  throw new HoldfastError('USAGE', `${quoted(path)} is no packed holdfast`, {
    hint: 'Name a file that npm pack made of holdfast, or leave --sdk out.',
  });
}

/** Null where it is no such package. */
async function manifestIn(
  path: string,
): Promise<{ readonly name?: unknown; readonly version?: unknown } | null> {
  try {
    const { list } = await import('tar');
    const parts: Buffer[] = [];
    await list({
      file: path,
      strict: true,
      filter: (name, entry) => name === 'package/package.json' && entry.size <= mostManifestBytes,
      onReadEntry: (entry) => entry.on('data', (part) => parts.push(part)),
    });
    const manifest: unknown = JSON.parse(Buffer.concat(parts).toString());
    return typeof manifest === 'object' ? manifest : null;
  } catch {
    return null;
  }
}

/**
 * Packs the running package into the directory.
 *
 * @throws PREREQUISITE_MISSING it could not be packed
 */
export async function packRunning(directory: string, signal: AbortSignal): Promise<Sdk> {
  const { version } = JSON.parse(await readFile(join(ownPackage, 'package.json'), 'utf8')) as Sdk;
  // What is installed has been built; a checkout is built beside itself.
  const [program, args] = runsFromSource
    ? [process.execPath, ['scripts/pack.mjs', directory]]
    : ['npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', directory]];
  try {
    await execute(program, args, { cwd: ownPackage, maxBuffer: 16 * 1024 * 1024, signal });
    return await readSdk(join(directory, `holdfast-${version}.tgz`));
  } catch (cause) {
    if (signal.aborted) throw new HoldfastError('INTERRUPTED', 'packing was interrupted', { cause });
    const said = (cause as { stderr?: unknown }).stderr;
    const why = printable(String(said || (cause as Error).message).trim(), 300);
    throw new HoldfastError('PREREQUISITE_MISSING', `holdfast cannot be packed: ${why}`, {
      cause,
      hint: 'Name a packed one with --sdk, or install npm.',
    });
  }
}
