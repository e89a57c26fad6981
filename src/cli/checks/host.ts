/** The machine: Node, privileges, native calls, programs. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Limits } from '../../core/config/operations-schema.ts';
import { type Check, caution, fault, ok } from './check.ts';

const oldestNode = 24;
const execute = promisify(execFile);

/** What scheduled runs are started by, where limits ask for it: without it none begins. */
export async function checkPriority({ nice, ioClass }: Limits): Promise<readonly Check[]> {
  const programs = [...(nice === undefined ? [] : ['nice']), ...(ioClass === undefined ? [] : ['ionice'])];
  const checks = await Promise.all(
    programs.map(async (program) => {
      try {
        await execute(program, ['--version'], { timeout: 5000 });
        return [];
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return [];
        const detail = `not installed; no scheduled run begins without it, since "limits" asks for it`;
        return [fault(program, 'PREREQUISITE_MISSING', detail, 'Install it, or change "limits".')];
      }
    }),
  );
  return checks.flat();
}

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
