/** What tests of database engines share: reading exports, false clients, and looking for processes. */

import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseExport } from '../../src/core/contracts/database.ts';

export async function readBody(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

/** All bodies side by side, as the contract asks; by name. */
export async function readExports(exports: readonly DatabaseExport[]): Promise<Map<string, Buffer>> {
  const read = exports.map(
    async ({ databases, body }) => [databases.join(','), await readBody(body)] as const,
  );
  return new Map(await Promise.all(read));
}

/** Command lines of the processes below ours whose program has this name; wrappers count by what they run. */
export function clientsBelowUs(name: string): { readonly pid: number; readonly commandLine: string }[] {
  const processes = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      const [commandLine, parent] = [
        read(`/proc/${entry}/cmdline`),
        /^PPid:\s*(\d+)/m.exec(read(`/proc/${entry}/status`)),
      ];
      return commandLine === '' ? [] : [{ pid: Number(entry), parent: Number(parent?.[1]), commandLine }];
    });
  const family = new Set([process.pid]);
  for (let grown = 0; grown !== family.size; ) {
    grown = family.size;
    for (const { pid, parent } of processes) if (family.has(parent)) family.add(pid);
  }
  family.delete(process.pid);
  return processes.filter(({ pid, commandLine }) => family.has(pid) && commandLine.includes(name));
}

/** A client that is a shell script; `"$@"` are the arguments of the real one. */
export function writeClient(dir: string, name: string, script: string): string {
  const path = join(dir, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
