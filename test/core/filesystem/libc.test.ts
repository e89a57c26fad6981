import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-libc-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** What a process loads by `require` that makes one system call, after what the call returned. */
function loadedBy(libc: string): readonly string[] {
  const code = `import { createRequire } from 'node:module';
    const { c, O, zName } = await import(${JSON.stringify(libc)});
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    console.log(JSON.stringify([c.close(c.openat(-100, zName('/'), O.RDONLY, 0)), ...loaded.map(String)]));`;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
  return (JSON.parse(out) as readonly (number | string)[]).map(String);
}

it('takes the native part of koffi, without its search for it', () => {
  const [returned, ...loaded] = loadedBy(join(process.cwd(), 'src/core/filesystem/libc.ts'));

  expect(returned).toBe('0');
  expect(loaded.map((path) => path.split('/').at(-1))).toEqual(['koffi.node']);
});

it('has koffi look where its native part is not beside it', () => {
  mkdirSync(join(directory, 'node_modules'));
  cpSync('src/core/filesystem/libc.ts', join(directory, 'libc.ts'));
  symlinkSync(realpathSync('node_modules/koffi'), join(directory, 'node_modules/koffi'));

  const [returned, ...loaded] = loadedBy(join(directory, 'libc.ts'));

  expect(returned).toBe('0');
  expect(loaded.some((path) => path.endsWith('/koffi/index.cjs'))).toBe(true);
});
