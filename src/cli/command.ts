/**
 * What a command is: its place on the command line and one `run`, which resolves with the exit status.
 *
 * A command parses nothing, prints through `output` only and never exits. It throws a HoldfastError where
 * it has nothing to show.
 */

import type { Command } from 'commander';
import type { ErrorCode } from '../core/errors.ts';
import type { Output } from './output.ts';
import type { World } from './world.ts';

export interface CliContext {
  readonly world: World;
  readonly output: Output;
  readonly configDir: string;
  readonly signal: AbortSignal;
}

/** What a command without a type of its own for them gets. */
type LooseOptions = Readonly<Record<string, unknown>>;

export interface Invocation<Options extends object = LooseOptions> {
  /** Positional arguments, as declared. */
  readonly args: readonly (string | undefined)[];
  /** Options by their camel-case names, and the global ones. */
  readonly options: Options;
}

/** `Options` is what its `define` declares, which nothing compares. */
export interface CliCommand<Options extends object = LooseOptions> {
  /** What it prints is all it is for: it may be ended where nobody reads on. Any other goes on without being heard. */
  readonly shows?: true;
  /** With `--json` it prints JSON Lines, an error among them. */
  readonly jsonLines?: true;
  /** Codes whose exit statuses the help text lists, besides those that any command may end with. */
  readonly exits: readonly ErrorCode[];
  /** Adds arguments, options and help to the parser. */
  define(command: Command): void;
  run(context: CliContext, invocation: Invocation<Options>): Promise<number>;
}

/** For options that may be given several times. */
export const collected = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
];
