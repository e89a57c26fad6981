/** The machine: Node, privileges, native calls, programs. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Check, caution, fault, ok } from './check.ts';

const oldestNode = 24;
const execute = promisify(execFile);

export async function checkHost(): Promise<readonly Check[]> {
  return [checkNode(), checkRoot(), await checkNative(), await checkZstd()];
}

function checkNode(): Check {
  const version = process.versions.node;
  if (Number.parseInt(version, 10) >= oldestNode) return ok('node', `version ${version}`);
  return fault(
    'node',
    'PREREQUISITE_MISSING',
    `version ${version} is too old`,
    `Install Node ${oldestNode}.`,
  );
}

function checkRoot(): Check {
  if (process.getuid?.() === 0) return ok('privileges', 'root');
  const detail = 'not root: owners, device nodes and files of others are out of reach';
  return fault('privileges', 'PREREQUISITE_MISSING', detail, 'Run Holdfast as root.');
}

async function checkNative(): Promise<Check> {
  try {
    const { AT_FDCWD, Stat, statAt, zName } = await import('../../core/filesystem/native.ts');
    const stat = new Stat();
    if (statAt(AT_FDCWD, zName('/'), stat) === 0) return ok('system calls', 'koffi works');
    return fault('system calls', 'PREREQUISITE_MISSING', 'koffi cannot look at /');
  } catch (error) {
    const detail = `koffi does not load: ${error instanceof Error ? error.message : String(error)}`;
    return fault('system calls', 'PREREQUISITE_MISSING', detail, 'Run npm rebuild koffi.');
  }
}

/** Backups do not need it; restoring by hand, without Holdfast, does. */
async function checkZstd(): Promise<Check> {
  try {
    const { stdout } = await execute('zstd', ['--version'], { timeout: 5000 });
    return ok('zstd', /v\d[\d.]*/.exec(stdout)?.[0] ?? 'installed');
  } catch {
    return caution('zstd', 'not installed; restores without Holdfast need it', 'Install the package zstd.');
  }
}
