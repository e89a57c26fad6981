import { expect, it } from 'vitest';
import { makesBackup } from '../../src/cli/command-words.ts';

it.each([
  ['backup', true],
  ['--config backup backup --account site1', true],
  ['--quiet backup', true],
  ['--config backup status', false],
  ['find backup', false],
  ['backup --help', false],
  ['-h backup', false],
  ['backup --dry-run', false],
  ['', false],
] as const)('of "%s" it is told whether it makes a backup', (line, expected) => {
  expect(makesBackup(line.split(' ').filter((word) => word !== ''))).toBe(expected);
});
