/**
 * The command line: finds the command, loads it and nothing else, runs it, and turns every error into a
 * message and an exit status.
 *
 * Global options may stand anywhere. Only the commands whose names appear among the arguments are loaded.
 */

import { Command, CommanderError, Option } from 'commander';
import { systemConfigDir } from '../core/config/load-configuration.ts';
import { type ErrorCode, errorCodes, exitStatusOf, HoldfastError } from '../core/errors.ts';
import { holdfastVersion } from '../core/jobs/addin.ts';
import { didYouMean } from '../core/near-matches.ts';
import { printable } from '../core/printable.ts';
import { knownError } from '../core/system-error.ts';
import type { CliCommand, CliContext } from './command.ts';
import { type CommandEntry, commandTable, groups } from './command-table.ts';
import { isCommandWord } from './command-words.ts';
import type { ErrorDocument } from './documents/error.ts';
import { withAddin } from './hint-commands.ts';
import { LostOutput, unheardStatus } from './lost-output.ts';
import { refuseOtherBytes } from './other-bytes.ts';
import { Output } from './output.ts';
import type { World } from './world.ts';

/** Resolves with the exit status; never rejects. Everything printed has been written then. */
export async function runCommandLine(words: readonly string[], world: World): Promise<number> {
  const argv = inOurSpelling(words);
  const given = (name: string): boolean => argv.includes(name);
  const output = new Output(world, { json: given('--json'), quiet: given('--quiet') });
  const lost = new LostOutput(world);
  let status = 0;
  let addin: string | null = null;
  try {
    const program = await programFor(argv, {
      world,
      output,
      onBegin: ({ shows, jsonLines }, named) => {
        lost.mayLeave = shows === true;
        output.jsonLines = jsonLines === true;
        addin = named;
      },
      onEnd: (ended) => {
        status = ended;
      },
    });
    refuseOtherBytes(words, world.commandLine);
    refuseUnknown(program, argv);
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    status = report(error, output, { signal: world.signal, addin });
  }
  output.flush();
  const unheard = await lost.error();
  if (unheard === null) return status;
  // The other stream may still be read.
  say(unheard, output);
  await lost.error();
  return unheardStatus(status);
}

interface Started {
  readonly world: World;
  readonly output: Output;
  readonly onBegin: (command: CliCommand<object>, addin: string | null) => void;
  readonly onEnd: (status: number) => void;
}

/** The panel writes `scope:list` for `scope list`. */
function inOurSpelling(argv: readonly string[]): readonly string[] {
  const at = argv.findIndex(isCommandWord);
  const [, verb] = /^scope:(list|info|get|set)$/.exec(argv[at] ?? '') ?? [];
  return verb === undefined ? argv : [...argv.slice(0, at), 'scope', verb, ...argv.slice(at + 1)];
}

async function programFor(argv: readonly string[], started: Started): Promise<Command> {
  const { world, output } = started;
  const program = new Command('holdfast');
  program
    .description('Backs up the accounts of a hosting panel, and restores them exactly.')
    .usage('[options] COMMAND')
    .version(holdfastVersion, '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.raw(text),
      // Messages are printed by `report`; what is left is the help after an incomplete command.
      writeErr: (text) => text.startsWith('Usage:') && world.stderr.write(`${text}\n`),
    })
    .showSuggestionAfterError(true)
    .addOption(
      new Option('--config <dir>', 'directory of config.json and addins.d')
        .env('HOLDFAST_CONFIG_DIR')
        .default(systemConfigDir),
    )
    .option('--json', 'print one JSON document, or JSON Lines, as schemas/ describes')
    .option('--quiet', 'print no progress and no summaries');
  const parents = new Map<string, Command>();
  for (const entry of commandTable) {
    const [first, second] = entry.words.split(' ');
    let parent = program;
    if (second !== undefined) {
      parent = parents.get(first!) ?? program.command(first!).summary(groups[first!]!).usage('COMMAND');
      parents.set(first!, parent);
    }
    const command = parent.command(second ?? first!).summary(entry.summary);
    command.description(`${entry.summary[0]?.toUpperCase()}${entry.summary.slice(1)}.`);
    if (argv.includes(first!)) await attach(command, entry, started);
  }
  return program;
}

/**
 * With `--help` the library shows the help of what it knows, and takes no offence at what it does not.
 *
 * @throws USAGE
 */
function refuseUnknown(program: Command, argv: readonly string[]): void {
  if (!argv.includes('--help') && !argv.includes('-h')) return;
  const words = argv.filter(isCommandWord);
  let parent = program;
  for (const word of words) {
    const known = parent.commands.map((command) => command.name());
    if (known.length === 0 || word === 'help') return;
    const found = parent.commands.find((command) => command.name() === word);
    if (found === undefined) {
      const hint = didYouMean(word, known) ?? 'Run holdfast --help, or holdfast COMMAND --help.';
      throw new HoldfastError('USAGE', `unknown command '${printable(word)}'`, { hint });
    }
    parent = found;
  }
}

async function attach(
  command: Command,
  entry: CommandEntry,
  { world, output, onBegin, onEnd }: Started,
): Promise<void> {
  const implementation = await entry.load();
  implementation.define(command);
  command.addHelpText('after', () => globalHelp + statusHelp(implementation.exits));
  command.action(async () => {
    const options = command.optsWithGlobals<{ config: string; addin?: string }>();
    const context: CliContext = { world, output, configDir: options.config, signal: world.signal };
    onBegin(implementation, options.addin ?? null);
    onEnd(await implementation.run(context, { args: command.processedArgs as string[], options }));
  });
}

const globalHelp = `
Global options, anywhere on the line:
  --config DIR  directory of config.json and addins.d (or HOLDFAST_CONFIG_DIR; default ${systemConfigDir})
  --json        print one JSON document, or JSON Lines, as schemas/ describes
  --quiet       print no progress and no summaries
`;

const always: readonly ErrorCode[] = [
  'USAGE',
  'CONFIG_INVALID',
  'SECRET_UNUSABLE',
  'PREREQUISITE_MISSING',
  'STATE_UNWRITABLE',
  'OUTPUT_UNWRITABLE',
  'INTERNAL',
  'INTERRUPTED',
];

function statusHelp(codes: readonly ErrorCode[]): string {
  const all = [...new Set([...always, ...codes])].sort((a, b) => errorCodes[a].exit - errorCodes[b].exit);
  const lines = all.map((code) => `  ${String(errorCodes[code].exit).padStart(3)}  ${code}`);
  return `\nExit status (docs/errors.md explains each):\n    0  success\n${lines.join('\n')}\n`;
}

/** Prints what went wrong; the exit status for it. */
function report(
  error: unknown,
  output: Output,
  { signal, addin }: { readonly signal: AbortSignal; readonly addin: string | null },
): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const known = asHoldfastError(error, signal);
  const { code, message } = known;
  const hint = known.hint === undefined ? undefined : withAddin(known.hint, addin);
  // Usage explains itself; every other code is a heading of docs/errors.md.
  say({ message: code === 'USAGE' ? message : `${code}: ${message}`, hint }, output);
  output.document<ErrorDocument>({ error: { code, message, hint: hint ?? null } });
  return exitStatusOf(known);
}

function say(
  { message, hint }: { readonly message: string; readonly hint?: string | undefined },
  output: Output,
): void {
  output.note(`holdfast: ${message}`);
  if (hint !== undefined) output.note(`hint: ${hint}`);
}

function asHoldfastError(error: unknown, signal: AbortSignal): HoldfastError {
  if (error instanceof CommanderError) return usageError(error);
  if (signal.aborted) return new HoldfastError('INTERRUPTED', 'interrupted', { cause: error });
  const known = knownError(error);
  if (known !== null) return known;
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new HoldfastError('INTERNAL', message, {
    cause: error,
    hint: 'Please report this as a defect, with the output of holdfast doctor --json.',
  });
}

function usageError(error: CommanderError): HoldfastError {
  const hint = 'Run holdfast --help, or holdfast COMMAND --help.';
  if (error.code === 'commander.help') return new HoldfastError('USAGE', 'no command was given', { hint });
  const [message, ...guesses] = error.message.replace(/^error: /, '').split('\n');
  const guess = guesses.join(' ').replace(/^\((.*)\)$/, '$1');
  return new HoldfastError('USAGE', message!, { hint: guess === '' ? hint : guess });
}
