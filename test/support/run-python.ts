/** Runs one of the Python scripts of this folder. */

import { spawn } from 'node:child_process';
import { join } from 'node:path';

/**
 * Resolves with what the script printed.
 *
 * Status 1 resolves as well: that is how a script says "no" to its question. Any other status, and
 * whatever a script prints to stderr, rejects.
 */
export function runPython(script: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn('python3', ['-B', join(import.meta.dirname, script), ...args]);
  const output: Buffer[] = [];
  const complaints: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
  // A script that ends before it has read all, or reads nothing, is judged by its status alone.
  child.stdin.on('error', () => {});
  child.stdin.end(input === '' ? undefined : input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      const complaint = Buffer.concat(complaints).toString();
      if (complaint === '' && (status === 0 || status === 1)) resolve(Buffer.concat(output).toString());
      else reject(new Error(`${script} ended with status ${status}: ${complaint}`));
    });
  });
}
