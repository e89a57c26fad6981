/**
 * Guards the layers: which folder may import from which, and what may not be used outside the edge of the
 * program. Reads every import by the TypeScript scanner's rules of thumb: static, `import type`,
 * re-export and dynamic.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

interface SourceFile {
  /** From the root of the checkout, e.g. `src/core/errors.ts`. */
  readonly path: string;
  /** Without comments. */
  readonly code: string;
  readonly lines: number;
  readonly specifiers: readonly string[];
}

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readSource(join('src', name)))
  .sort((a, b) => (a.path < b.path ? -1 : 1));

/** What a path may import beside its own island; the longest matching `from` wins. */
const arrows: readonly { readonly from: string; readonly to: readonly string[] }[] = [
  { from: 'src/core', to: ['src/core'] },
  { from: 'src/core/contracts', to: ['src/core/contracts', 'src/core/errors.ts'] },
  { from: 'src/addins', to: ['src/core/index.ts'] },
  { from: 'src/panels', to: ['src/core'] },
  { from: 'src/cli', to: ['src/core', 'src/addins', 'src/panels', 'src/cli'] },
  { from: 'src/cli/commands', to: ['src/core', 'src/cli'] },
  { from: 'src/http', to: ['src/core', 'src/addins', 'src/panels', 'src/http'] },
  { from: 'src/web', to: ['src/core', 'src/web'] },
];

/** Folders whose children are islands: each may import itself, never a sibling. */
const islands = ['src/addins', 'src/panels'];

/** The folders of core from the bottom up: each may import those before it, and what lies beside them in core. */
const order = [
  'contracts',
  'settings',
  'calendar',
  'age',
  'archive',
  'filesystem',
  'databases',
  'encryption',
  'packages',
  'isolation',
  'addins',
  'state',
  'config',
  'schedule',
  'hooks',
  'notify',
  'scopes',
  'conformance',
  'jobs',
];

/** Place of a path of core in that order; what lies in no folder is below all but the contracts. */
function levelOf(path: string): number {
  if (path === 'src/core/index.ts') return order.length;
  const [folder, below] = path.slice('src/core/'.length).split('/');
  return below === undefined ? 0 : order.indexOf(folder!);
}

const forbidden: readonly { readonly what: string; readonly use: RegExp; readonly except: RegExp }[] = [
  { what: 'Date.now', use: /\bDate\.now\b/, except: /^src\/(cli|http)\/main\.ts$/ },
  { what: 'new Date()', use: /\bnew Date\(\s*\)/, except: /^src\/(cli|http)\/main\.ts$/ },
  { what: 'Math.random', use: /\bMath\.random\b/, except: /^src\/(cli|http)\/main\.ts$/ },
  {
    what: 'process.exit',
    use: /\bprocess\.exit(Code)?\b/,
    except: /^src\/((cli|http)\/main|cli\/start|core\/isolation\/child)\.ts$/,
  },
  { what: 'console', use: /\bconsole\./, except: /^src\/(cli|http)\/main\.ts$/ },
];

describe('the layers', () => {
  it('has files to look at', () => {
    expect(files.length).toBeGreaterThan(5);
  });

  it.each(files.filter((file) => file.specifiers.length > 0))('$path imports only downwards', (file) => {
    const wrong = file.specifiers.filter(
      (specifier) => specifier.startsWith('.') && !allows(file, specifier),
    );

    expect(wrong).toEqual([]);
  });

  it('builds each folder of core on those before it', () => {
    const isCore = (path: string): boolean => isBelow(path, 'src/core');
    const wrong = imports((specifier, file) => {
      const target = normalize(join(dirname(file.path), specifier));
      return isCore(file.path) && isCore(target) && levelOf(target) > levelOf(file.path);
    });

    expect(readdirSync('src/core').filter((name) => !name.endsWith('.ts'))).toEqual([...order].sort());
    expect(wrong).toEqual([]);
  });

  it('imports with the .ts suffix, so that the source runs as it is', () => {
    const wrong = imports((specifier) => specifier.startsWith('.') && !/\.(ts|json)$/.test(specifier));

    expect(wrong).toEqual([]);
  });

  it('keeps storage SDKs out of core, panels and cli', () => {
    const wrong = imports((specifier, file) => {
      return /^(@aws-sdk|@smithy)\//.test(specifier) && !file.path.startsWith('src/addins/');
    });

    expect(wrong).toEqual([]);
  });

  it('declares native calls in one file', () => {
    const users = imports((specifier) => specifier === 'koffi').map((found) => found.split(' ')[0]);

    expect(users.filter((path) => path !== 'src/core/filesystem/libc.ts')).toEqual([]);
  });

  it('locks files in one file', () => {
    const users = files.filter((file) => /\block(Exclusive|Shared)\b/.test(file.code));

    expect(users.map((file) => file.path)).toEqual([
      'src/core/filesystem/file-lock.ts',
      'src/core/filesystem/native.ts',
    ]);
  });

  it('needs every package that it installs', () => {
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    // Some are loaded by `require`, where few commands need them.
    const isUsed = (name: string): boolean =>
      files.some(({ code }) => code.includes(`'${name}'`) || code.includes(`'${name}/`));

    expect(Object.keys(dependencies).filter((name) => !isUsed(name))).toEqual([]);
  });

  it('keeps test runners out of the product', () => {
    expect(imports((specifier) => /^(vitest|node:test)/.test(specifier))).toEqual([]);
  });
});

describe('the injected world', () => {
  it.each(forbidden)('uses $what only where the program begins', ({ use, except }) => {
    const users = files.filter((file) => use.test(file.code) && !except.test(file.path));

    expect(users.map((file) => file.path)).toEqual([]);
  });
});

describe('the size of files', () => {
  it('is at most 250 lines', () => {
    const long = files.filter((file) => file.lines > 250);

    expect(long.map((file) => `${file.path} ${file.lines}`)).toEqual([]);
  });
});

function allows(file: SourceFile, specifier: string): boolean {
  const target = normalize(join(dirname(file.path), specifier));
  const island = islands.find((folder) => isBelow(file.path, folder));
  const own = island === undefined ? undefined : file.path.split('/').slice(0, 3).join('/');
  if (own !== undefined && isBelow(target, own)) return true;
  const rule = arrows
    .filter(({ from }) => isBelow(file.path, from))
    .sort((a, b) => b.from.length - a.from.length)[0];
  // A folder nobody has thought of yet may import nothing of ours.
  return rule?.to.some((folder) => isBelow(target, folder)) ?? false;
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function imports(matches: (specifier: string, file: SourceFile) => boolean): string[] {
  return files.flatMap((file) =>
    file.specifiers.filter((specifier) => matches(specifier, file)).map((found) => `${file.path} ${found}`),
  );
}

function readSource(path: string): SourceFile {
  const text = readFileSync(path, 'utf8');
  const code = withoutComments(text);
  // `from '…'`, `import '…'`, `import('…')`, `new Worker(new URL('…', import.meta.url))`.
  const pattern = /\b(?:from\s*|import\s*\(?\s*)['"]([^'"]+)['"]|new URL\(\s*['"](\.[^'"]+)['"]/g;
  const specifiers = [...code.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? '');
  return { path, code, lines: text.split('\n').length - 1, specifiers };
}

/** Comments gone, strings kept: both are matched, so that `//` in a string does not count as a comment. */
function withoutComments(text: string): string {
  const pattern = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
  return text.replace(pattern, (match) => (match.startsWith('/') ? ' ' : match));
}
