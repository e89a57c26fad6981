/** Which words of a command line name the command, before it is parsed. */

/** No option, and not the value of the only one that may stand before the command. For `find` and its like. */
export const isCommandWord = (word: string, at: number, argv: readonly string[]): boolean =>
  !word.startsWith('-') && argv[at - 1] !== '--config';

/** Whether it most likely makes a backup; what it really is to do is told later. */
export const makesBackup = (argv: readonly string[]): boolean =>
  argv.find(isCommandWord) === 'backup' && !argv.some((word) => /^(?:-h|--help|--dry-run)$/.test(word));
