/**
 * Joins the modules of `src/` into the few files that the package loads: a start opened some two hundred files.
 *
 * What is named from outside keeps its place below `dist/`: the program, where threads and processes begin, and what
 * addin packages import. All share the same joined files, so that each module is there once in a process. Modules that
 * one command needs stay with it. Packages are not joined. docs/decisions/0042-joined-modules.md
 */

import { readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { rolldown } from 'rolldown';

const src = resolve('src');
const threads = ['core/jobs/capture/worker.ts', 'core/jobs/restore/worker.ts'];
const apart = ['core/isolation/child.ts', 'core/notify/http-notifiers.ts'];
const sdk = ['core/index.ts', 'core/conformance/index.ts'];
const addins = readdirSync(join(src, 'addins')).map((name) => `addins/${name}/index.ts`);
const program = 'cli/program.ts';
/** Alone, so that `--version` loads nothing else. */
const version = 'core/jobs/addin.ts';
/** Finds files from where it lies: joined ones lie one below `dist/`, as it does. */
const ownFiles = 'core/own-files.ts';
/** Takes the native part of its package by `require`. */
const nativeCalls = 'core/filesystem/libc.ts';
const entries = ['cli/start.ts', 'cli/main.ts', ...threads, ...apart, ...sdk, ...addins];

/** Writes the JavaScript of the package to a directory. */
export async function bundle(directory) {
  const build = await rolldown({
    input: Object.fromEntries(entries.map((path) => [path.slice(0, -3), join(src, path)])),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
    // An entry may export more than it does now, to other joined files.
    preserveEntrySignatures: 'allow-extension',
    onLog: (level, log, handle) => log.code === 'INEFFECTIVE_DYNAMIC_IMPORT' || handle(level, log),
    treeshake: { moduleSideEffects: true },
    plugins: [
      { name: 'builtins', renderChunk: (code) => ({ code: withoutFacades(code), map: null }) },
      {
        name: 'ascii',
        generateBundle(_, files) {
          for (const file of Object.values(files)) if (file.type === 'chunk') file.code = inAscii(file.code);
        },
      },
    ],
  });
  await build.write({
    dir: directory,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'joined/[name]-[hash].js',
    sourcemap: true,
    sourcemapExcludeSources: true,
    comments: false,
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [{ name: grouping(), debugName: 'joined' }],
    },
  });
}

/**
 * Takes Node's own modules as they are. An `import` of one reads each of its exports first, and some load other modules when
 * they are read: `node:fs` the promises and what they need, `node:crypto` all of Web Crypto.
 */
function withoutFacades(code) {
  const form = /^import ((?:\* as )?[\w$]+|\{(?! *default )[^}]*\}) from "(node:[\w/]+)";$/gm;
  const without = code.replace(form, (_, names, module) => {
    const taken = names.replace(/^\* as /, '').replace(/([\w$]+) as (?=[\w$])/g, '$1: ');
    return `const ${taken} = globalThis.process.getBuiltinModule("${module}");`;
  });
  const left = /^(?:import|export)\b.*["']node:.*$/m.exec(without);
  if (left !== null) throw new Error(`an import of another form: ${left[0]}`);
  return without;
}

/** One character beyond ASCII, and the whole text takes twice the memory and is decoded at each start. */
export function inAscii(code) {
  const ascii = code.replace(/(\\*)([^\0-\x7f])/g, (_, before, unit) => {
    if (before.length % 2 === 1) throw new Error(`an escaped ${unit} in joined code`);
    return `${before}\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  if (ascii !== code && code.includes('String.raw'))
    throw new Error('String.raw beside characters beyond ASCII');
  return ascii;
}

/** Names the joined file of each module; null leaves it to the commands that need it. */
function grouping() {
  let groups;
  return (id, context) => {
    groups ??= groupsOf((path) => context.getModuleInfo(join(src, path)));
    return groups.get(relative(src, id)) ?? null;
  };
}

/**
 * Each group imports from those before it only, so that no two wait for each other: what `--help` needs, what threads
 * need, what processes of addins need, what very many commands need, and what several do. Whatever loads a package at
 * once stands apart from what loads none.
 */
function groupsOf(infoOf) {
  const graph = graphFrom(infoOf);
  const within = (paths) => new Set(paths.flatMap((path) => [...graph.closure(path)]));
  const help = within([program, ownFiles]);
  const inThreads = within(threads);
  const inApart = graph.reached([...apart, ...sdk, ...addins]);
  const groups = new Map();
  for (const [path, users] of graph.users) {
    const own = entries.includes(path);
    const part = help.has(path)
      ? 'start'
      : inThreads.has(path)
        ? 'threads'
        : inApart.has(path) && users.size > 1
          ? 'addins'
          : users.size >= 15
            ? 'most'
            : users.size >= 3
              ? 'many'
              : null;
    if (part === null || own || path === version) continue;
    const packages = graph.packages(path);
    groups.set(
      path,
      packages.length === 0 ? part : `${part}-with-${packages.join('-').replace(/[^a-z0-9]+/g, '-')}`,
    );
  }
  return groups;
}

function graphFrom(infoOf) {
  const known = new Map();
  const visit = (path) => {
    if (known.has(path)) return;
    const { importedIds, dynamicallyImportedIds } = infoOf(path);
    const ours = (ids) => ids.filter((id) => id.startsWith(src)).map((id) => relative(src, id));
    const packages = importedIds.filter((id) => !id.startsWith(src) && !id.startsWith('node:'));
    if (path === nativeCalls) packages.push('koffi');
    known.set(path, { now: ours(importedIds), later: ours(dynamicallyImportedIds), packages });
    for (const next of [...known.get(path).now, ...known.get(path).later]) visit(next);
  };
  for (const path of entries) visit(path);
  const spread = (paths, links) => {
    const found = new Set(paths);
    for (const path of found) for (const next of links(known.get(path))) found.add(next);
    return found;
  };
  const closure = (path) => spread([path], ({ now }) => now);
  const begins = new Set([...entries, ...[...known.values()].flatMap(({ later }) => later)]);
  const users = new Map([...known.keys()].map((path) => [path, new Set()]));
  for (const begin of begins) for (const path of closure(begin)) users.get(path).add(begin);
  return {
    closure,
    /** How many of what begins (the program, a thread, each import at run time) load a module at once. */
    users,
    reached: (paths) => spread(paths, ({ now, later }) => [...now, ...later]),
    packages: (path) => [...new Set([...closure(path)].flatMap((one) => known.get(one).packages))].sort(),
  };
}
