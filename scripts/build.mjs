/**
 * Builds `dist/` for the package: joined JavaScript and types from `src/`, and what lies beside the source.
 *
 *   node scripts/build.mjs [DIRECTORY]      below this directory instead of the checkout
 */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { bundle, inAscii } from './bundle.mjs';

const out = resolve(process.argv[2] ?? '.', 'dist');
rmSync(out, { recursive: true, force: true });
const compiler = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', out];
const { status } = spawnSync(process.execPath, compiler, { stdio: 'inherit' });
for (const name of readdirSync('src', { recursive: true, withFileTypes: true })) {
  const path = join(name.parentPath, name.name);
  // `rescue.py` and its page are read at run time, to be put into every store.
  if (name.isFile() && !path.endsWith('.ts')) cpSync(path, join(out, path.slice('src/'.length)));
}
if (status === 0) {
  await bundle(out);
  await prepareValidators();
}
process.exitCode = status ?? 1;

/** Writes the code that validates by the schemas of the configuration, the state, built-in addins, manifests and answers. */
async function prepareValidators() {
  const { joinedName, preparedFile, preparedName, sourceOf } = await import(
    '../src/core/settings/validate.ts'
  );
  const { configSchema } = await import('../src/core/config/config-schema.ts');
  const { addinConfigurationSchema } = await import('../src/core/config/addin-schema.ts');
  const { headerSchema, bodySchema } = await import('../src/core/archive/manifest-shape.ts');
  const { stateSchemas } = await import('../src/core/state/state-schemas.ts');
  const { answers } = await import('../src/core/isolation/answers.ts');
  const { allAddins } = await import('../src/cli/builtin-addins.ts');
  const settings = (await allAddins()).map((definition) => definition.settingsSchema);
  const require = createRequire(import.meta.url);
  const write = (name, source) => writeFileSync(join(out, preparedFile(name)), inAscii(source));
  mkdirSync(dirname(join(out, preparedFile(joinedName))), { recursive: true });
  for (const schema of [configSchema, addinConfigurationSchema, ...settings]) {
    const source = sourceOf(schema);
    const made = { exports: null };
    // Here, for packages are not yet beside what is built.
    new Function('require', 'module', 'exports', source)(require, made, made.exports);
    if (typeof made.exports !== 'function') throw new Error(`${preparedName(schema)} is no validator`);
    write(preparedName(schema), source);
  }
  // In parentheses V8 compiles a function with its file, and only what is compiled with it is kept in Node's compile cache.
  const parts = [headerSchema, bodySchema, ...stateSchemas, ...Object.values(answers)].map(
    (schema) =>
      `exports['${preparedName(schema)}'] = (function () {const module = { exports: {} };${sourceOf(schema)};return module.exports;});`,
  );
  const joined = parts.join('\n');
  const made = {};
  new Function('require', 'exports', joined)(require, made);
  for (const [name, make] of Object.entries(made))
    if (typeof make() !== 'function') throw new Error(`${name} is no validator`);
  write(joinedName, joined);
}
