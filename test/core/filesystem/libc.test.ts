import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-libc-'));
afterAll(() => rmSync(directory, { recursive: true }));

const koffi = JSON.parse(readFileSync('node_modules/koffi/package.json', 'utf8')) as {
  readonly version: string;
};

/** What a process loads by `require` that makes one system call, after what the call returned. */
function loadedBy(libc: string): readonly string[] {
  const code = `import { createRequire } from 'node:module';
    const { c, O, zName } = await import(${JSON.stringify(libc)});
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    console.log(JSON.stringify([c.close(c.openat(-100, zName('/'), O.RDONLY, 0)), ...loaded.map(String)]));`;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
  return (JSON.parse(out) as readonly (number | string)[]).map(String);
}

const names = (paths: readonly string[]): (string | undefined)[] =>
  paths.map((path) => path.split('/').at(-1));

it('takes the native part of koffi, without its search for it', () => {
  const [returned, ...loaded] = loadedBy(join(process.cwd(), 'src/core/filesystem/libc.ts'));

  expect(returned).toBe('0');
  expect(names(loaded)).toEqual(['koffi.node', 'package.json']);
});

/** `libc.ts` beside a koffi that says it is of this version, with its native part at a place below `node_modules`. */
function libcBeside(version: string, native: string): string {
  const home = mkdtempSync(join(directory, 'package-'));
  const modules = join(home, 'node_modules');
  for (const name of ['index.js', 'index.cjs', 'src/koffi'])
    cpSync(join('node_modules/koffi', name), join(modules, 'koffi', name), { recursive: true });
  writeFileSync(join(modules, 'koffi/package.json'), JSON.stringify({ ...koffi, version }));
  mkdirSync(join(modules, native), { recursive: true });
  symlinkSync(realpathSync('node_modules/@koromix'), join(modules, native, '@koromix'));
  cpSync('src/core/filesystem/libc.ts', join(home, 'libc.ts'));
  return join(home, 'libc.ts');
}

it.each([
  ['is not beside it', koffi.version, 'koffi/node_modules'],
  ['is of another version', '0.0.1', '.'],
])('has koffi look where its native part %s', (_, told, native) => {
  const [returned, ...loaded] = loadedBy(libcBeside(told, native));

  expect(returned).toBe('0');
  expect(names(loaded)).toContain('index.cjs');
});
