/** Runs the real command line in a process of its own, and checks its JSON against the published schemas. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

/** What is built where all tests run (`built.ts`), else the source. */
export const main = process.env['HOLDFAST_TEST_MAIN'] ?? join(import.meta.dirname, '../../src/cli/main.ts');
const escapeCharacter = String.fromCharCode(0x1b);

export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliSite {
  readonly dir: string;
  readonly config: string;
  readonly store: string;
  readonly state: string;
  holdfast(...args: readonly string[]): Promise<CliResult>;
  start(...args: readonly string[]): ChildProcess;
  remove(): void;
}

/** A configuration directory and an empty store, below a directory of its own. */
export function makeSite(config: Readonly<Record<string, unknown>>, dir = makeDirectory()): CliSite {
  const site = {
    dir,
    config: join(dir, 'config'),
    store: join(dir, 'store'),
    state: join(dir, 'config/state'),
  };
  mkdirSync(join(site.config, 'addins.d'), { recursive: true });
  // Each opened store would cost the start of a process; tests of isolation turn it on, and so can the environment.
  const isolation = process.env['HOLDFAST_TEST_ISOLATION'] ?? 'off';
  writeJson(join(site.config, 'config.json'), { isolation, ...config });
  writeJson(join(site.config, 'addins.d/nightly.json'), {
    name: 'nightly',
    provider: { use: 's3-tar' },
    store: { use: 'local', path: site.store },
    encryption: 'none',
  });
  const start = (...args: readonly string[]): ChildProcess =>
    startHoldfast(['--config', site.config, ...args]);
  return {
    ...site,
    start,
    holdfast: (...args) => ended(start(...args)),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

export const makeDirectory = (): string => mkdtempSync(join(tmpdir(), 'holdfast-cli-'));

/** Name of the one tree in a directory that was restored into. */
export const treeIn = (target: string): string => readdirSync(target).find((name) => !name.startsWith('.'))!;

export const writeJson = (path: string, value: unknown): void => writeFileSync(path, JSON.stringify(value));

export function startHoldfast(args: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  return spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

export const holdfast = (...args: readonly string[]): Promise<CliResult> => ended(startHoldfast(args));

/** Fails where anything printed could act upon a terminal. */
export async function ended(child: ChildProcess): Promise<CliResult> {
  const status = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr] = await Promise.all([buffer(child.stdout!), buffer(child.stderr!)]);
  const result = { status: await status, stdout: stdout.toString(), stderr: stderr.toString() };
  if ((result.stdout + result.stderr).includes(escapeCharacter))
    throw new Error('an escape character was printed raw');
  return result;
}

type Schema = { readonly [key: string]: unknown };

/** The document a command printed, which must fit `schemas/<name>.schema.json` and say nothing beyond it. */
export function documentOf<T>(name: string, { stdout }: Pick<CliResult, 'stdout'>): T {
  const value: unknown = JSON.parse(stdout);
  checkDocument(name, value);
  return value as T;
}

/** The same for JSON Lines. */
export function linesOf<T>(name: string, { stdout }: Pick<CliResult, 'stdout'>): T[] {
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => documentOf<T>(name, { stdout: line }));
}

const ajv = new Ajv2020({ allErrors: true, strict: false });
(addFormats as unknown as (one: Ajv2020) => void)(ajv);
const checks = new Map<string, ValidateFunction>();

function checkDocument(name: string, value: unknown): void {
  let check = checks.get(name);
  if (check === undefined) {
    const text = readFileSync(join(import.meta.dirname, `../../schemas/${name}.schema.json`), 'utf8');
    check = ajv.compile(closed(JSON.parse(text) as Schema) as Schema);
    checks.set(name, check);
  }
  if (!check(value)) throw new Error(`${name}: ${ajv.errorsText(check.errors)}`);
}

/** Published schemas stay open for later releases; what this one prints must all be in them. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  return 'properties' in copy && !('additionalProperties' in copy)
    ? { ...copy, additionalProperties: false }
    : copy;
}
